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
/**
 * Weight of the newest sample, one a second: what is in use changes with a scene, so half of it is of the last three
 * seconds; what a board can do changes with its heat, and a slow one does a frame in some seconds.
 */
const USE_GAIN = 0.25;
const CAPACITY_GAIN = 0.1;

/**
 * Measures what a node can do and what of it is unused. A share below 1 and several detectors need no terms of their own: a
 * place that rests is taken, and the capacity is what was done over the part of the time in use.
 */
export class SpareMeter {
  #last: { readonly counts: WorkCounts; readonly atMonoMs: number } | undefined;
  #capacityFps: number | undefined;
  /** Smoothed: what was done, over the part of the time it took. */
  #done = { fps: 0, use: 0 };
  #ownUse = 0;
  #ownFps = 0;
  #isShort = false;

  /** What is known before there is work: how long a look at nothing took when nothing else ran. */
  setFirstLook(
    lookMs: number,
    of: { readonly places: number; readonly detectors: number; readonly share: number },
  ): void {
    if (this.#capacityFps !== undefined || lookMs <= 0) return;
    this.#capacityFps = (Math.min(of.detectors, of.places * of.share) * 1000) / lookMs;
  }

  /** One more sample, a second or so after the one before. @param isShort frames of own cameras waited for their turn. */
  note(counts: WorkCounts, isShort: boolean, nowMonoMs: number): void {
    const last = this.#last;
    this.#last = { counts, atMonoMs: nowMonoMs };
    this.#isShort = isShort;
    // Counters start anew with the vision process.
    if (last === undefined || counts.framesMs < last.counts.framesMs || counts.looksMs < last.counts.looksMs) return;
    const elapsedMs = nowMonoMs - last.atMonoMs;
    if (elapsedMs <= 0 || counts.places === 0) return;
    const since = (key: keyof WorkCounts) => counts[key] - last.counts[key];
    const placeMs = counts.places * elapsedMs;
    const perSecond = 1000 / elapsedMs;
    const taken = (since('framesMs') + since('looksMs')) / placeMs;
    // Where a place waits for a detector, the detectors are what there is too little of.
    const use = Math.min(1, Math.max(taken, since('detectorMs') / (counts.detectors * elapsedMs)));
    const { fps, use: before } = this.#done;
    this.#done = {
      fps: fps + CAPACITY_GAIN * ((since('frames') + since('looks')) * perSecond - fps),
      use: before + CAPACITY_GAIN * (use - before),
    };
    if (this.#done.use > USE_MIN && this.#done.fps > 0) this.#capacityFps = this.#done.fps / this.#done.use;
    this.#ownFps += USE_GAIN * (since('frames') * perSecond - this.#ownFps);
    const ofCapacity = this.#capacityFps === undefined ? 0 : this.#ownFps / this.#capacityFps;
    this.#ownUse += USE_GAIN * (Math.max(since('framesMs') / placeMs, ofCapacity) - this.#ownUse);
  }

  /** Frames/s of own cameras looked at here, smoothed. */
  get ownFps(): number {
    return this.#ownFps;
  }

  /** Undefined while nothing was measured. Nothing is unused while own frames wait. */
  get spare(): Spare | undefined {
    if (this.#capacityFps === undefined) return undefined;
    const free = this.#isShort ? 0 : Math.max(0, 1 - this.#ownUse - MARGIN);
    return { capacityFps: this.#capacityFps, spareFps: free * this.#capacityFps };
  }
}
