/**
 * How soon the next fsync may come: soon while there is budget, later when writing is steady. Each fsync rewrites at least
 * a 4 KiB page of the card, however little it holds: one a second is 364 MB a day (measured), one in 15 s is 24 MB.
 */
export class SyncBudget {
  readonly #soonMs: number;
  readonly #refillMs: number;
  readonly #burst: number;
  #tokens: number;
  #refilledMonoMs = 0;

  /** @param refillMs 0: always soon. */
  constructor(options: { soonMs: number; refillMs: number; burst: number }) {
    this.#soonMs = options.soonMs;
    this.#refillMs = options.refillMs;
    this.#burst = options.burst;
    this.#tokens = options.burst;
  }

  /**
   * Takes the next fsync from the budget; the delay in ms after which it should be made, never more than the refill: those
   * that a burst makes sooner than they were given leave no debt.
   */
  take(nowMonoMs: number): number {
    if (this.#refillMs === 0) return this.#soonMs;
    const refills = Math.max(0, Math.floor((nowMonoMs - this.#refilledMonoMs) / this.#refillMs));
    this.#tokens = Math.min(this.#burst, this.#tokens + refills);
    this.#refilledMonoMs += refills * this.#refillMs;
    if (this.#tokens > 0) {
      this.#tokens--;
      return this.#soonMs;
    }
    // The refill that comes next is spent already.
    this.#refilledMonoMs = Math.min(this.#refilledMonoMs, nowMonoMs) + this.#refillMs;
    return Math.max(this.#soonMs, this.#refilledMonoMs - nowMonoMs);
  }
}
