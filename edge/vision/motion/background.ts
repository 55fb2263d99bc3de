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
    const width = this.#width;
    for (let y = 0; y < this.#height; y++) {
      const fromY = y - shift.dy;
      const rowInside = fromY >= 0 && fromY < this.#height;
      for (let x = 0; x < width; x++) {
        const i = y * width + x;
        const fromX = x - shift.dx;
        this.changed[i] = 0;
        if (!rowInside || fromX < 0 || fromX >= width || ignored[i] === 1) continue;
        const from = fromY * width + fromX;
        const level = now[i] ?? 0;
        const beyond = Math.max(
          gain * (this.#low[from] ?? 0) + offset - level,
          level - gain * (this.#high[from] ?? 0) - offset,
        );
        if (beyond > step.thresholdLevels + DEVIATION_GAIN * (this.#deviation[from] ?? 0)) {
          this.changed[i] = 1;
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
    for (let i = 0; i < now.length; i++) {
      const level = now[i] ?? 0;
      const mean = this.mean[i] ?? 0;
      const expected = light.gain * mean + light.offset;
      const deviation = this.#deviation[i] ?? 0;
      const recent = this.#recent[i] ?? 0;
      const difference = Math.min(DEVIATION_LEVELS_MAX, Math.abs(level - expected));
      const quietMs = Math.abs(level - recent) > thresholdLevels ? 0 : (this.#quietMs[i] ?? 0) + dtMs;
      this.#quietMs[i] = quietMs;
      this.active[i] = quietMs <= activeForMs ? 1 : 0;
      this.#recent[i] = recent + alphaRecent * (level - recent);
      if (this.changed[i] === 1) {
        this.#deviation[i] = deviation + alphaDeviationChanged * (difference - deviation);
        // The hidden background follows the light, or it would be wrong when the object has left.
        this.mean[i] = mean + alphaMean * (expected - mean);
        this.#rememberCandidate(i, level, step);
      } else {
        this.#deviation[i] = deviation + alphaDeviation * (difference - deviation);
        this.mean[i] = mean + alphaMean * (level - mean);
        this.#candidateMs[i] = 0;
        this.#candidate[i] = level;
      }
    }
    this.#measureSurroundings();
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
    const width = this.#width;
    const cells = this.mean.length;
    for (let start = 0; start < cells; start += width) {
      const end = start + width - 1;
      let left = this.mean[start] ?? 0;
      let at = left;
      for (let i = start; i <= end; i++) {
        const right = i < end ? (this.mean[i + 1] ?? 0) : at;
        this.#scratchLow[i] = Math.min(left, at, right);
        this.#scratchHigh[i] = Math.max(left, at, right);
        left = at;
        at = right;
      }
    }
    for (let start = 0; start < cells; start += width) {
      const up = start > 0 ? start - width : start;
      const down = start + width < cells ? start + width : start;
      for (let x = 0; x < width; x++) {
        this.#low[start + x] = Math.min(
          this.#scratchLow[up + x] ?? 0,
          this.#scratchLow[start + x] ?? 0,
          this.#scratchLow[down + x] ?? 0,
        );
        this.#high[start + x] = Math.max(
          this.#scratchHigh[up + x] ?? 0,
          this.#scratchHigh[start + x] ?? 0,
          this.#scratchHigh[down + x] ?? 0,
        );
      }
    }
  }
}
