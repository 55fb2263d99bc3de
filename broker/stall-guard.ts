import type { Clock } from '../base/clock.js';

const PERIOD_MS = 250;
/** Rule K5 of the supervision design: with it 20 of 20 false wills of a blocked broker were recognised. */
const STALL_MS = 1500;

/**
 * Watches this process's own event loop: a timer that comes late was kept from coming. While a broker stands still the
 * keep-alive timers of all clients run out, and their pings lie unread; a stall tells that those wills mean nothing.
 */
export class StallGuard {
  readonly #clock: Clock;
  readonly #onStall: (lagMs: number) => void;
  #dueMonoMs = 0;
  #largestMs = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onStall: (lagMs: number) => void) {
    this.#clock = clock;
    this.#onStall = onStall;
  }

  open(): void {
    this.#dueMonoMs = this.#clock.monoMs() + PERIOD_MS;
    this.#cancel = this.#clock.every(PERIOD_MS, () => this.#look());
  }

  close(): void {
    this.#cancel?.();
  }

  /** The largest lag since this was last asked, ms. */
  takeLargestMs(): number {
    const largestMs = this.#largestMs;
    this.#largestMs = 0;
    return largestMs;
  }

  #look(): void {
    const nowMonoMs = this.#clock.monoMs();
    const lagMs = Math.max(0, nowMonoMs - this.#dueMonoMs);
    this.#dueMonoMs = nowMonoMs + PERIOD_MS;
    this.#largestMs = Math.max(this.#largestMs, lagMs);
    if (lagMs > STALL_MS) this.#onStall(lagMs);
  }
}
