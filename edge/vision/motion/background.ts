import type { Shift } from './camera-shake.js';
import type { LightChange } from './light-model.js';

// Deviation is a mean absolute one; 3 of it is about 2.4 standard deviations, on top of the threshold.
const DEVIATION_GAIN = 3;
const DEVIATION_START_LEVELS = 1.5;
// A cell that changes all the time (leaves, a screen) gets as deaf as this and no deafer: 3 x 12 + threshold.
const DEVIATION_LEVELS_MAX = 12;
const DEVIATION_TAU_MS = 10_000;
// Changed cells teach the deviation six times slower: a passer-by leaves no trace, leaves are learned within a minute.
const DEVIATION_TAU_CHANGED_MS = 60_000;
const RECENT_TAU_MS = 250;
const ACTIVE_FOR_MS = 700;
// The background moves by under 5 % of a difference in this time; measuring its surroundings is a quarter of the work.
const SURROUNDINGS_EVERY_MS = 450;

/** How much change counts this frame, grey levels, and how time passed. */
export type BackgroundStep = {
  readonly dtMs: number;
  readonly thresholdLevels: number;
  readonly light: LightChange;
  readonly backgroundTauMs: number;
  readonly absorbAfterMs: number;
};

/**
 * What the scene looks like without its moving objects, cell by cell: mean and deviation (as in running-average
 * background subtraction), the last quarter second (to tell what still changes from what has only changed once), and a
 * candidate (what a parked car or the place it left looks like, until it has kept still long enough to be background).
 */
export class Background {
  readonly mean: Float32Array;
  /** 1 where the picture differs from the background, filled by `classify`. */
  readonly changed: Uint8Array;
  /** 1 where it also kept changing within the last moments, filled by `learn`. */
  readonly active: Uint8Array;
  readonly #width: number;
  readonly #height: number;
  readonly #deviation: Float32Array;
  readonly #recent: Float32Array;
  readonly #candidate: Float32Array;
  readonly #candidateMs: Float32Array;
  readonly #quietMs: Float32Array;
  readonly #low: Float32Array;
  readonly #high: Float32Array;
  readonly #scratchLow: Float32Array;
  readonly #scratchHigh: Float32Array;
  #sinceSurroundingsMs = 0;

  constructor(widthCells: number, heightCells: number) {
    const cells = widthCells * heightCells;
    this.#width = widthCells;
    this.#height = heightCells;
    this.mean = new Float32Array(cells);
    this.changed = new Uint8Array(cells);
    this.active = new Uint8Array(cells);
    this.#deviation = new Float32Array(cells);
    this.#recent = new Float32Array(cells);
    this.#candidate = new Float32Array(cells);
    this.#candidateMs = new Float32Array(cells);
    this.#quietMs = new Float32Array(cells);
    this.#low = new Float32Array(cells);
    this.#high = new Float32Array(cells);
    this.#scratchLow = new Float32Array(cells);
    this.#scratchHigh = new Float32Array(cells);
  }

  /** Takes a picture as the background as it is. */
  adopt(now: Float32Array): void {
    this.mean.set(now);
    this.#recent.set(now);
    this.#candidate.set(now);
    this.#candidateMs.fill(0);
    this.#quietMs.fill(ACTIVE_FOR_MS + 1);
    this.#deviation.fill(DEVIATION_START_LEVELS);
    this.#measureSurroundings();
  }

  /** Averages a picture into the background of the calibration: the `count`-th one weighs 1 / count. */
  average(now: Float32Array, count: number): void {
    const alpha = 1 / Math.max(1, count);
    for (let i = 0; i < now.length; i++)
      this.mean[i] = (this.mean[i] ?? 0) + alpha * ((now[i] ?? 0) - (this.mean[i] ?? 0));
    this.#recent.set(now);
    this.#measureSurroundings();
  }

  /**
   * Marks the changed cells. A cell has changed when it lies outside everything its 3x3 surroundings in the background
   * hold (light applied), by more than the threshold: so a camera that trembles by one cell changes nothing.
   */
  classify(now: Float32Array, step: BackgroundStep, shift: Shift, ignored: Uint8Array): void {
    const { gain, offset } = step.light;
    const { thresholdLevels } = step;
    const { dx, dy } = shift;
    const width = this.#width;
    const height = this.#height;
    // Fields in locals: the loops run over 19,200 cells twice a frame and take half the time so.
    const changed = this.changed;
    const low = this.#low;
    const high = this.#high;
    const deviation = this.#deviation;
    changed.fill(0);
    for (let y = Math.max(0, dy); y < Math.min(height, height + dy); y++) {
      for (let x = Math.max(0, dx); x < Math.min(width, width + dx); x++) {
        const i = y * width + x;
        if (ignored[i] === 1) continue;
        const from = i - dy * width - dx;
        const level = now[i] ?? 0;
        const limit = thresholdLevels + DEVIATION_GAIN * (deviation[from] ?? 0);
        if (gain * (low[from] ?? 0) + offset - level > limit || level - gain * (high[from] ?? 0) - offset > limit) {
          changed[i] = 1;
        }
      }
    }
  }

  /** Learns from a picture that `classify` has just marked, and marks the active cells. */
  learn(now: Float32Array, step: BackgroundStep): void {
    const { dtMs, thresholdLevels, light } = step;
    const alphaMean = 1 - Math.exp(-dtMs / step.backgroundTauMs);
    const alphaRecent = 1 - Math.exp(-dtMs / RECENT_TAU_MS);
    const alphaDeviation = 1 - Math.exp(-dtMs / DEVIATION_TAU_MS);
    const alphaDeviationChanged = 1 - Math.exp(-dtMs / DEVIATION_TAU_CHANGED_MS);
    // Two and a half frames at least: at 1 frame/s a mover would else count as still between its frames.
    const activeForMs = Math.max(ACTIVE_FOR_MS, 2.5 * dtMs);
    const { gain, offset } = light;
    const { mean, changed, active } = this;
    const deviation = this.#deviation;
    const recent = this.#recent;
    const quietMs = this.#quietMs;
    const candidate = this.#candidate;
    const candidateMs = this.#candidateMs;
    for (let i = 0; i < now.length; i++) {
      const level = now[i] ?? 0;
      const meanBefore = mean[i] ?? 0;
      const recentBefore = recent[i] ?? 0;
      const deviationBefore = deviation[i] ?? 0;
      const expected = gain * meanBefore + offset;
      const difference = Math.min(DEVIATION_LEVELS_MAX, Math.abs(level - expected));
      const quiet = Math.abs(level - recentBefore) > thresholdLevels ? 0 : (quietMs[i] ?? 0) + dtMs;
      quietMs[i] = quiet;
      active[i] = quiet <= activeForMs ? 1 : 0;
      recent[i] = recentBefore + alphaRecent * (level - recentBefore);
      if (changed[i] === 1) {
        deviation[i] = deviationBefore + alphaDeviationChanged * (difference - deviationBefore);
        // The hidden background follows the light, or it would be wrong when the object has left.
        mean[i] = meanBefore + alphaMean * (expected - meanBefore);
        this.#rememberCandidate(i, level, step);
      } else {
        deviation[i] = deviationBefore + alphaDeviation * (difference - deviationBefore);
        mean[i] = meanBefore + alphaMean * (level - meanBefore);
        candidateMs[i] = 0;
        candidate[i] = level;
      }
    }
    this.#sinceSurroundingsMs += dtMs;
    if (this.#sinceSurroundingsMs >= SURROUNDINGS_EVERY_MS) this.#measureSurroundings();
  }

  #rememberCandidate(i: number, level: number, step: BackgroundStep): void {
    const candidate = this.#candidate[i] ?? 0;
    if (Math.abs(level - candidate) > step.thresholdLevels) {
      this.#candidate[i] = level;
      this.#candidateMs[i] = 0;
      return;
    }
    const stillMs = (this.#candidateMs[i] ?? 0) + step.dtMs;
    this.#candidateMs[i] = stillMs;
    this.#candidate[i] = candidate + 0.1 * (level - candidate);
    if (stillMs >= step.absorbAfterMs) {
      this.mean[i] = this.#candidate[i] ?? 0;
      this.#deviation[i] = DEVIATION_START_LEVELS;
      this.#candidateMs[i] = 0;
    }
  }

  // Smallest and largest mean of each cell's 3x3 surroundings, rows first, then columns.
  #measureSurroundings(): void {
    this.#sinceSurroundingsMs = 0;
    const width = this.#width;
    const mean = this.mean;
    const rowLow = this.#scratchLow;
    const rowHigh = this.#scratchHigh;
    for (let start = 0; start < mean.length; start += width) {
      const end = start + width - 1;
      let left = mean[start] ?? 0;
      let at = left;
      for (let i = start; i <= end; i++) {
        const right = i < end ? (mean[i + 1] ?? 0) : at;
        rowLow[i] = Math.min(left, at, right);
        rowHigh[i] = Math.max(left, at, right);
        left = at;
        at = right;
      }
    }
    const last = mean.length - width;
    for (let i = 0; i < mean.length; i++) {
      const up = i >= width ? i - width : i;
      const down = i < last ? i + width : i;
      this.#low[i] = Math.min(rowLow[up] ?? 0, rowLow[i] ?? 0, rowLow[down] ?? 0);
      this.#high[i] = Math.max(rowHigh[up] ?? 0, rowHigh[i] ?? 0, rowHigh[down] ?? 0);
    }
  }
}
