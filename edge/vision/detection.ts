import type { BoxXyxyPx } from './box.js';

/** One object a detector sees in one picture. */
export type Detection = {
  /** Index into the model's labels. */
  readonly classId: number;
  readonly label: string;
  /** 0..1, as the model's own recipe computes it. */
  readonly score: number;
  /** In pixels of the whole source picture, also when the detector looked at a region of it. */
  readonly box: BoxXyxyPx;
};
