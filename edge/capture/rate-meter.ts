/** Whole seconds the rate is taken over: long enough to be steady at 1/s, short enough to show a stall. */
const WINDOW_S = 5;

/** Events per second over the last seconds, in constant memory. */
export class RateMeter {
  readonly #counts: number[] = new Array<number>(WINDOW_S + 1).fill(0);
  #second = Number.NaN;
  #firstMonoMs: number | undefined;

  add(atMonoMs: number): void {
    this.#moveTo(atMonoMs);
    this.#firstMonoMs ??= atMonoMs;
    const at = this.#second % this.#counts.length;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** 1/s, one decimal; 0 before the first event. */
  perSecond(atMonoMs: number): number {
    this.#moveTo(atMonoMs);
    if (this.#firstMonoMs === undefined) return 0;
    // The window reaches from WINDOW_S whole seconds ago to now, or from the first event if that was later.
    const windowStartMs = Math.max((this.#second - WINDOW_S) * 1000, this.#firstMonoMs);
    const spanS = Math.max(1, (atMonoMs - windowStartMs) / 1000);
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    return Math.round((total / spanS) * 10) / 10;
  }

  #moveTo(atMonoMs: number): void {
    const second = Math.floor(atMonoMs / 1000);
    const from = Number.isNaN(this.#second) ? second : Math.max(this.#second, second - this.#counts.length);
    for (let s = from + 1; s <= second; s++) this.#counts[s % this.#counts.length] = 0;
    this.#second = Number.isNaN(this.#second) ? second : Math.max(this.#second, second);
  }
}
