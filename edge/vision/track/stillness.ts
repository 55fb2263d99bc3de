import { type BoxXyxyPx, iou } from '../box.js';

// Within this overlap with where it came to rest an object keeps still; a detector's breathing stays above it.
const STILL_IOU = 0.75;
// A stationary object must leave its place by this much, twice in a row, before it moves again: the hysteresis.
const MOVED_IOU = 0.5;
const MOVED_LOOKS = 2;
// Fewer looks than this prove nothing, however long they took.
const STILL_LOOKS = 4;

/** Whether an object keeps its place, with hysteresis. */
export class Stillness {
  #anchor: BoxXyxyPx;
  #sinceMonoMs: number;
  #looks = 0;
  #movedLooks = 0;
  #isStationary = false;

  constructor(box: BoxXyxyPx, monoMs: number) {
    this.#anchor = box;
    this.#sinceMonoMs = monoMs;
  }

  get isStationary(): boolean {
    return this.#isStationary;
  }

  /** Takes in where the object was seen. @param box smoothed, picture pixels. */
  see(box: BoxXyxyPx, monoMs: number, stationaryAfterMs: number): void {
    const overlap = iou(box, this.#anchor);
    this.#looks++;
    if (this.#isStationary) {
      this.#movedLooks = overlap < MOVED_IOU ? this.#movedLooks + 1 : 0;
      if (this.#movedLooks >= MOVED_LOOKS) this.#restart(box, monoMs);
    } else if (overlap < STILL_IOU) {
      this.#restart(box, monoMs);
    } else if (monoMs - this.#sinceMonoMs >= stationaryAfterMs && this.#looks >= STILL_LOOKS) {
      this.#isStationary = true;
    }
  }

  #restart(box: BoxXyxyPx, monoMs: number): void {
    this.#anchor = box;
    this.#sinceMonoMs = monoMs;
    this.#looks = 0;
    this.#movedLooks = 0;
    this.#isStationary = false;
  }
}
