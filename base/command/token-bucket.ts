/** How much may be done: `burst` at once, then `perSecond`. */
export type Rate = { readonly burst: number; readonly perSecond: number };

/** Says yes as often as a rate allows. Time is given, ms of a monotonic clock. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMonoMs: number;

  constructor(rate: Rate, nowMonoMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMonoMs = nowMonoMs;
  }

  take(nowMonoMs: number): boolean {
    const refill = (Math.max(0, nowMonoMs - this.#atMonoMs) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + refill);
    this.#atMonoMs = nowMonoMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
