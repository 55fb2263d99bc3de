import type { Clock } from '../../base/clock.js';

/** A budget that refills one token at a time. */
export class TokenBucket {
  readonly #size: number;
  readonly #refillMs: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledMonoMs: number;

  /** @param refillMs time after which one more token is there. */
  constructor(size: number, refillMs: number, clock: Clock) {
    this.#size = size;
    this.#refillMs = refillMs;
    this.#clock = clock;
    this.#tokens = size;
    this.#filledMonoMs = clock.monoMs();
  }

  /** Whole tokens there are now. */
  get left(): number {
    this.#refill();
    return Math.floor(this.#tokens);
  }

  /** Takes one; false if there is none. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Seconds until there is a whole token. */
  get retryS(): number {
    this.#refill();
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * this.#refillMs) / 1000);
  }

  #refill(): void {
    const nowMonoMs = this.#clock.monoMs();
    this.#tokens = Math.min(this.#size, this.#tokens + (nowMonoMs - this.#filledMonoMs) / this.#refillMs);
    this.#filledMonoMs = nowMonoMs;
  }
}
