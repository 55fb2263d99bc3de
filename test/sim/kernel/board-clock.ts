import type { Clock } from '../../../base/clock.js';
import type { EventQueue } from './event-queue.js';
import type { ProcessLife } from './process-life.js';

/** The wall clock of a board: off by its own amount, and steps. */
export class WallClock {
  readonly #queue: EventQueue;
  #offsetMs: number;

  constructor(queue: EventQueue, startMs: number) {
    this.#queue = queue;
    this.#offsetMs = startMs;
  }

  nowMs(): number {
    return this.#offsetMs + this.#queue.nowMs;
  }

  /** Steps it as NTP, a person or an empty battery does. */
  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }

  /** Sets it right against virtual time, as it started. */
  set(startMs: number): void {
    this.#offsetMs = startMs;
  }
}

/** What a program sees of time: the wall clock of its board, and a monotonic clock that started with the process. */
export class BoardClock implements Clock {
  readonly #queue: EventQueue;
  readonly #life: ProcessLife;
  readonly #wall: WallClock;

  constructor(queue: EventQueue, life: ProcessLife, wall: WallClock) {
    this.#queue = queue;
    this.#life = life;
    this.#wall = wall;
  }

  nowMs(): number {
    return this.#wall.nowMs();
  }

  monoMs(): number {
    return this.#life.ageMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = this.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false;
    const event = this.#queue.after(Math.max(0, delayMs), () =>
      // Asked again inside: a frozen process may cancel at its thaw what fell due before.
      this.#life.enter(() => {
        if (!isCancelled) callback();
      }),
    );
    return () => {
      isCancelled = true;
      this.#queue.cancel(event);
    };
  }

  every(periodMs: number, callback: () => void): () => void {
    let cancel = () => {};
    const arm = () => {
      cancel = this.after(periodMs, () => {
        arm();
        callback();
      });
    };
    arm();
    return () => cancel();
  }
}
