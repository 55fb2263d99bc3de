import type { Clock } from '../../base/clock.js';

/** Holds a loop to a rate without drift: waits are taken from a grid, not added up. */
export class Pacer {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #dueMonoMs: number | undefined;

  /** @param fps turns per second; undefined: never waits. */
  constructor(clock: Clock, fps: number | undefined) {
    this.#clock = clock;
    this.#intervalMs = fps === undefined ? 0 : 1000 / fps;
  }

  /** Resolves when the next turn is due; the first at once. A turn missed by more than one interval moves the grid. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#intervalMs === 0) return;
    const nowMonoMs = this.#clock.monoMs();
    const dueMonoMs = this.#dueMonoMs ?? nowMonoMs;
    if (dueMonoMs > nowMonoMs) await this.#clock.sleep(dueMonoMs - nowMonoMs, signal);
    const lateMs = this.#clock.monoMs() - dueMonoMs;
    this.#dueMonoMs =
      lateMs > this.#intervalMs ? this.#clock.monoMs() + this.#intervalMs : dueMonoMs + this.#intervalMs;
  }
}
