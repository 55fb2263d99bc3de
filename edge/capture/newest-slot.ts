import { Counters } from '../../base/counters.js';
import type { Frame } from './frame.js';
import type { FrameBuffers } from './frame-buffers.js';

/**
 * What the taker did when a newer frame came: it looked at the one before, it waited for its turn at the detector, or it
 * waited because the board cools down.
 */
export const REPLACED_CAUSES = ['replaced', 'replaced-waiting', 'replaced-cooling'] as const;
export type ReplacedCause = (typeof REPLACED_CAUSES)[number];

/**
 * Holds the newest frame for one taker. A frame that was not taken when the next comes is replaced and counted: the
 * taker sees the present or nothing. A frame's buffer is the taker's until it takes as many more as it works on at a time.
 */
export class NewestSlot {
  readonly #buffers: FrameBuffers;
  #waiting: Frame | undefined;
  /** The oldest first. */
  readonly #taken: Frame[] = [];
  readonly #takenMax: number;
  #ended = false;
  /** Frames offered since the start. */
  puts = 0;
  readonly #counters = new Counters(REPLACED_CAUSES);
  #cause: () => ReplacedCause = () => 'replaced';
  #wakeTaker: () => void = () => {};
  #wakePutter: () => void = () => {};

  /** @param takenMax frames the taker works on at a time. */
  constructor(buffers: FrameBuffers, takenMax = 1) {
    this.#buffers = buffers;
    this.#takenMax = takenMax;
  }

  /** From now on a replaced frame is counted under what this says at that moment. */
  countUnder(cause: () => ReplacedCause): void {
    this.#cause = cause;
  }

  /** Offers a frame; one that still waits is dropped for it. */
  put(frame: Frame): void {
    if (this.#waiting !== undefined) {
      this.#counters.add(this.#cause());
      this.#giveBack(this.#waiting);
    }
    this.#waiting = frame;
    this.puts++;
    this.#wakeTaker();
  }

  /** Offers a frame once the one before was taken: for sources of which every frame is to be seen. */
  async putWhenFree(frame: Frame, signal: AbortSignal): Promise<void> {
    while (this.#waiting !== undefined) {
      signal.throwIfAborted();
      await wakened(signal, (wake) => {
        this.#wakePutter = wake;
      });
    }
    // Also when it became free because what waited was discarded: the camera is closed.
    signal.throwIfAborted();
    this.put(frame);
  }

  /**
   * Waits until a frame waits to be taken. The oldest of those it works on goes back to its driver.
   * @returns false when the camera has ended and nothing waits.
   * @throws the signal's reason.
   */
  async ready(signal: AbortSignal): Promise<boolean> {
    this.#giveBackTaken();
    for (;;) {
      signal.throwIfAborted();
      if (this.#waiting !== undefined) return true;
      if (this.#ended) return false;
      await wakened(signal, (wake) => {
        this.#wakeTaker = wake;
      });
    }
  }

  /** Takes the newest frame, if one waits. The oldest of those it works on goes back to its driver. */
  takeNow(): Frame | undefined {
    this.#giveBackTaken();
    const taken = this.#waiting;
    if (taken === undefined) return undefined;
    this.#waiting = undefined;
    this.#taken.push(taken);
    this.#wakePutter();
    return taken;
  }

  /**
   * Takes the newest frame, waiting for one.
   * @returns undefined when the camera has ended and nothing waits.
   * @throws the signal's reason.
   */
  async take(signal: AbortSignal): Promise<Frame | undefined> {
    return (await this.ready(signal)) ? this.takeNow() : undefined;
  }

  /** Drops a frame that waits: nobody is to see it any more. It counts as replaced. */
  discard(): void {
    if (this.#waiting === undefined) return;
    this.#counters.add('replaced');
    this.#giveBack(this.#waiting);
    this.#waiting = undefined;
    this.#wakePutter();
  }

  /** No frame will come any more; one that waits can still be taken. */
  end(): void {
    this.#ended = true;
    this.#wakeTaker();
  }

  /** Frames replaced by newer ones before anyone took them, since the start, by cause. */
  get replaced(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  #giveBackTaken(): void {
    while (this.#taken.length >= this.#takenMax) {
      const oldest = this.#taken.shift();
      if (oldest !== undefined) this.#giveBack(oldest);
    }
  }

  #giveBack(frame: Frame): void {
    if (frame.picture.kind === 'rgb') this.#buffers.release(frame.picture.data);
  }
}

function wakened(signal: AbortSignal, arm: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    arm(done);
  });
}
