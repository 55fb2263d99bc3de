import { BoundedQueue } from '../bounded-queue.js';

/** Lets at most `inFlightMax` tasks run at a time and at most `waitingMax` wait for their turn, in order. */
export class PublishWindow {
  readonly #inFlightMax: number;
  readonly #waiting: BoundedQueue<{ readonly start: () => void; readonly drop: (why: Error) => void }>;
  #inFlight = 0;

  constructor(inFlightMax: number, waitingMax: number) {
    this.#inFlightMax = inFlightMax;
    this.#waiting = new BoundedQueue(waitingMax, 'refuse');
  }

  /** Runs `start` now or when a place is free; false if too many wait already. `drop` is called by `clear`. */
  enter(start: () => void, drop: (why: Error) => void): boolean {
    if (this.#inFlight >= this.#inFlightMax) return this.#waiting.push({ start, drop });
    this.#inFlight++;
    start();
    return true;
  }

  /** Gives a place back. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inFlight--;
    else next.start();
  }

  /** Drops all that wait. */
  clear(why: Error): void {
    for (const entry of this.#waiting.take(this.#waiting.size)) entry.drop(why);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}
