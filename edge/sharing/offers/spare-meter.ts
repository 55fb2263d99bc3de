/** How the places and detectors of a node were used, sums since the start of its vision process. */
export type WorkCounts = {
  /** Frames of own cameras looked at here, and looks done for others. */
  readonly frames: number;
  readonly looks: number;
  /** Time places were taken, resting included, by own frames and by looks for others, ms. */
  readonly framesMs: number;
  readonly looksMs: number;
  /** Time detectors ran, ms. */
  readonly detectorMs: number;
  /** Frames that may be worked on at once, and detectors that run at once. */
  readonly places: number;
  readonly detectors: number;
};

/** Frames/s the detectors of a node can do, and of these unused by its own cameras. */
export type Spare = { readonly capacityFps: number; readonly spareFps: number };

/** Below this part of the time in use a rate says more of chance than of capacity. */
const USE_MIN = 0.05;
/** What is left free, a part of the capacity: own cameras come in bursts. */
const MARGIN = 0.1;
/** Weight of the newest sample: with one a second, half of it is of the last three seconds. */
const GAIN = 0.25;

/**
 * Measures what a node can do and what of it is unused. A share below 1 and several detectors need no terms of their own: a
 * place that rests is taken, and the capacity is what was done over the part of the time in use.
 */
export class SpareMeter {
  #last: { readonly counts: WorkCounts; readonly atMonoMs: number } | undefined;
  #capacityFps: number | undefined;
  #spareFps = 0;
  #ownFps = 0;

  /** What is known before there is work: how long a look at nothing took when nothing else ran. */
  setFirstLook(
    lookMs: number,
    of: { readonly places: number; readonly detectors: number; readonly share: number },
  ): void {
    if (this.#capacityFps !== undefined || lookMs <= 0) return;
    this.#capacityFps = (Math.min(of.detectors, of.places * of.share) * 1000) / lookMs;
    this.#spareFps = this.#capacityFps * (1 - MARGIN);
  }

  /** One more sample, a second or so after the one before. @param isShort frames of own cameras waited for their turn. */
  note(counts: WorkCounts, isShort: boolean, nowMonoMs: number): void {
    const last = this.#last;
    this.#last = { counts, atMonoMs: nowMonoMs };
    // Counters start anew with the vision process.
    if (last === undefined || counts.framesMs < last.counts.framesMs || counts.looksMs < last.counts.looksMs) return;
    const elapsedMs = nowMonoMs - last.atMonoMs;
    if (elapsedMs <= 0) return;
    const since = (key: keyof WorkCounts) => counts[key] - last.counts[key];
    const placeMs = counts.places * elapsedMs;
    const taken = (since('framesMs') + since('looksMs')) / placeMs;
    // Where a place waits for a detector, the detectors are what there is too little of.
    const used = Math.max(taken, since('detectorMs') / (counts.detectors * elapsedMs));
    const done = since('frames') + since('looks');
    if (used > USE_MIN && done > 0) this.#learn((done * 1000) / elapsedMs / Math.min(1, used));
    const ownFps = (since('frames') * 1000) / elapsedMs;
    this.#ownFps += GAIN * (ownFps - this.#ownFps);
    const own = Math.max(since('framesMs') / placeMs, this.#capacityFps === undefined ? 0 : ownFps / this.#capacityFps);
    const free = isShort ? 0 : Math.max(0, 1 - own - MARGIN);
    this.#spareFps += GAIN * (free * (this.#capacityFps ?? 0) - this.#spareFps);
    if (isShort) this.#spareFps = 0;
  }

  /** Frames/s of own cameras looked at here, smoothed. */
  get ownFps(): number {
    return this.#ownFps;
  }

  /** Undefined while nothing was measured. */
  get spare(): Spare | undefined {
    if (this.#capacityFps === undefined) return undefined;
    return { capacityFps: this.#capacityFps, spareFps: this.#spareFps };
  }

  #learn(capacityFps: number): void {
    const before = this.#capacityFps ?? capacityFps;
    this.#capacityFps = before + GAIN * (capacityFps - before);
  }
}
