import { z } from 'zod';
import type { TruthObject } from '../scene/truth.js';
import { EXPORT_MIXES } from './export-plan.js';

/** What a worker is told: every `step`-th scene from `first`, up to `count` pictures in all. */
export const exportWorkerDataSchema = z.object({
  out: z.string(),
  seed: z.union([z.string(), z.number()]),
  count: z.number(),
  widthPx: z.number(),
  heightPx: z.number(),
  format: z.enum(['jpeg', 'packed']),
  mix: z.enum(EXPORT_MIXES),
  first: z.number(),
  step: z.number(),
});
export type ExportWorkerData = z.infer<typeof exportWorkerDataSchema>;

/** One exported picture, posted to the parent when it is written. */
export type ExportedPicture = {
  readonly index: number;
  readonly family: string;
  readonly difficulty: string;
  readonly sceneSeed: string;
  readonly frameIndex: number;
  /** Scaled to the exported size. */
  readonly truth: readonly TruthObject[];
};

/** Name of a picture in the export's folder. */
export function pictureName(index: number): string {
  return `images/${String(index).padStart(6, '0')}.jpg`;
}
