export type OverloadLimits = {
  /** Lateness of ticks, 95th of a hundred, beyond which a replica has more to do than it can, ms. */
  readonly overloadLagMs: number;
  /** Writes and segments under way beyond which it has. */
  readonly overloadWaiting: number;
  /** How long it must have been so, or at most half so to be well again. */
  readonly overloadMs: number;
};

/** What a tick saw. */
export type LoadSample = { readonly lateMs: number; readonly waiting: number };

const SAMPLES_MAX = 100;

/** Whether a replica has more to do than it can: those who ask pass it over then. Slow to change, so that it never flaps. */
export class Overload {
  readonly #limits: OverloadLimits;
  #late: number[] = [];
  #sinceMonoMs: number | undefined;
  #isOverloaded = false;

  constructor(limits: OverloadLimits) {
    this.#limits = limits;
  }

  /** @returns whether it is overloaded now. */
  note({ lateMs, waiting }: LoadSample, nowMonoMs: number): boolean {
    this.#late.push(Math.max(0, lateMs));
    if (this.#late.length > SAMPLES_MAX) this.#late.shift();
    const { overloadLagMs, overloadWaiting, overloadMs } = this.#limits;
    // Half of each to leave what it took all of one to enter.
    const share = this.#isOverloaded ? 0.5 : 1;
    const isOver = this.#p95LateMs() > share * overloadLagMs || waiting > share * overloadWaiting;
    if (isOver === this.#isOverloaded) this.#sinceMonoMs = undefined;
    else {
      this.#sinceMonoMs ??= nowMonoMs;
      if (nowMonoMs - this.#sinceMonoMs >= overloadMs) {
        this.#isOverloaded = isOver;
        this.#sinceMonoMs = undefined;
      }
    }
    return this.#isOverloaded;
  }

  #p95LateMs(): number {
    const sorted = [...this.#late].sort((a, b) => a - b);
    return sorted[Math.floor(0.95 * (sorted.length - 1))] ?? 0;
  }
}
