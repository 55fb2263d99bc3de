const BINS_PER_LEVEL = 4;
const LEVELS_MAX = 32;
// A median of 2,700 cells; 7 shares no factor with common plane widths.
const STRIDE = 7;
// The median of |a - b| of two normal samples is 0.954 of their standard deviation (0.6745 x sqrt 2).
const MEDIAN_TO_DEVIATION = 1 / 0.954;
const TAU_MS = 2000;

/** Noise of a camera as the standard deviation of a cell, grey levels: the median change from frame to frame, so that objects do not count. */
export class NoiseMeter {
  #levels = 0;
  #isStarted = false;
  readonly #bins = new Int32Array(BINS_PER_LEVEL * LEVELS_MAX);

  /** @returns the smoothed noise after this pair of frames. */
  read(before: Float32Array, now: Float32Array, ignored: Uint8Array, dtMs: number): number {
    this.#bins.fill(0);
    let n = 0;
    for (let i = 0; i < now.length; i += STRIDE) {
      if (ignored[i] === 1) continue;
      const bin = Math.min(
        this.#bins.length - 1,
        Math.floor(Math.abs((now[i] ?? 0) - (before[i] ?? 0)) * BINS_PER_LEVEL),
      );
      this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
      n++;
    }
    const levels = this.#median(n) * MEDIAN_TO_DEVIATION;
    const alpha = this.#isStarted ? 1 - Math.exp(-dtMs / TAU_MS) : 1;
    this.#isStarted = true;
    this.#levels += alpha * (levels - this.#levels);
    return this.#levels;
  }

  #median(n: number): number {
    let below = 0;
    for (let bin = 0; bin < this.#bins.length; bin++) {
      below += this.#bins[bin] ?? 0;
      if (below * 2 >= n) return bin / BINS_PER_LEVEL;
    }
    return 0;
  }
}
