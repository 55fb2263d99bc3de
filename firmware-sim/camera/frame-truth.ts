import type { SceneFrame } from '../scene/scene-camera.js';
import type { TruthObject } from '../scene/truth.js';

/** What is to be seen in one frame of a clip or stream. */
export type FrameTruth = {
  readonly index: number;
  /** Scene time, ms from the first frame. */
  readonly atMs: number;
  readonly objects: readonly TruthObject[];
};

/** The truth of a frame, with `visible` rounded to thousandths. */
export function frameTruthOf(frame: SceneFrame, index: number, fps: number): FrameTruth {
  return {
    index,
    atMs: Math.round((index * 1000) / fps),
    objects: frame.truth.map((object) => ({ ...object, visible: Math.round(object.visible * 1000) / 1000 })),
  };
}
