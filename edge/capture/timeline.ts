import type { Clock } from '../../base/clock.js';

/** When a picture was captured: wall clock and monotonic clock, ms. */
export type CaptureTime = { readonly capturedAtMs: number; readonly capturedMonoMs: number };

/**
 * When the frames of a file were captured. A file that is played at a rate has its frames now. One that is read as fast
 * as it goes is not: everything that follows an object counts in seconds of the scene, so its frames are as far apart as
 * they were recorded, from the first read on, however long the reading takes.
 */
export class Timeline {
  readonly #clock: Clock;
  readonly #intervalMs: number | undefined;
  #first: CaptureTime | undefined;
  #index = 0;

  /** @param ownFps frames per second of a recording that is read unpaced; undefined: its frames are captured when read. */
  constructor(clock: Clock, ownFps: number | undefined) {
    this.#clock = clock;
    this.#intervalMs = ownFps === undefined ? undefined : 1000 / ownFps;
  }

  /** The time of the next frame. */
  next(): CaptureTime {
    const now = { capturedAtMs: this.#clock.nowMs(), capturedMonoMs: this.#clock.monoMs() };
    if (this.#intervalMs === undefined) return now;
    this.#first ??= now;
    const sinceFirstMs = this.#index++ * this.#intervalMs;
    return {
      capturedAtMs: Math.round(this.#first.capturedAtMs + sinceFirstMs),
      capturedMonoMs: this.#first.capturedMonoMs + sinceFirstMs,
    };
  }
}
