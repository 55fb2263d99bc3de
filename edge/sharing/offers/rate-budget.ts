/** Says yes as often as a rate allows that changes while it runs. Time is given, ms of a monotonic clock. */
export class RateBudget {
  readonly #burstMs: number;
  #perSecond = 0;
  #tokens = 0;
  #atMonoMs: number | undefined;

  /** @param burstMs so much of the rate may be taken at once, and one in any case. */
  constructor(burstMs: number) {
    this.#burstMs = burstMs;
  }

  setRate(perSecond: number, nowMonoMs: number): void {
    this.#refill(nowMonoMs);
    this.#perSecond = perSecond;
    this.#tokens = Math.min(this.#tokens, this.#burst);
  }

  take(nowMonoMs: number): boolean {
    this.#refill(nowMonoMs);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  get #burst(): number {
    return Math.max(1, (this.#perSecond * this.#burstMs) / 1000);
  }

  #refill(nowMonoMs: number): void {
    const passedMs = this.#atMonoMs === undefined ? 0 : Math.max(0, nowMonoMs - this.#atMonoMs);
    this.#atMonoMs = nowMonoMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passedMs / 1000) * this.#perSecond);
  }
}
