import { Counters } from '../../../base/counters.js';
import { FRAMES_PER_SECOND_MAX } from './source-limits.js';

/** Frames are given on this far apart at least, ms. */
const GAP_MS = 1_000 / FRAMES_PER_SECOND_MAX;
/** Whoever was given a frame and did not take it for this long is asked no more whether he did, ms. */
const TAKE_MAX_MS = 5_000;

const COUNTERS = ['source-frames', 'source-given', 'source-replaced', 'source-discarded'] as const;

/**
 * Between what a source sends and who looks at it: one frame at a time, no faster than a rate, the newest of those that
 * wait. Every frame that came in is given on, replaced or discarded, and counted as that. Times are monotonic ms.
 */
export class FrameGate<Frame> {
  readonly #counters = new Counters(COUNTERS);
  #waiting: Frame | undefined;
  #givenMs = Number.NEGATIVE_INFINITY;
  #isUnderWay = false;

  /** A frame came; one that waited is replaced. */
  offer(frame: Frame): void {
    this.#counters.add('source-frames');
    if (this.#waiting !== undefined) this.#counters.add('source-replaced');
    this.#waiting = frame;
  }

  /** The frame to give on now, if there is one and its time has come. */
  next(nowMs: number): Frame | undefined {
    if (this.dueMs(nowMs) > nowMs) return undefined;
    const frame = this.#waiting;
    this.#waiting = undefined;
    this.#givenMs = nowMs;
    this.#isUnderWay = true;
    this.#counters.add('source-given');
    return frame;
  }

  /** When to ask `next`; Infinity: when a frame comes, or the last one was taken. */
  dueMs(nowMs: number): number {
    if (this.#waiting === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(nowMs, this.#givenMs + (this.#isUnderWay ? TAKE_MAX_MS : GAP_MS));
  }

  /** The last frame was taken. */
  taken(): void {
    this.#isUnderWay = false;
  }

  /** Nobody is there to look: what waits is discarded, what was under way is lost. */
  discard(): void {
    if (this.#waiting !== undefined) this.#counters.add('source-discarded');
    this.#waiting = undefined;
    this.#isUnderWay = false;
  }

  get waiting(): 0 | 1 {
    return this.#waiting === undefined ? 0 : 1;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }
}
