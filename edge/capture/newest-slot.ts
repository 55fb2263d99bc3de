import type { Frame } from './frame.js';
import type { FrameBuffers } from './frame-buffers.js';

/**
 * Holds the newest frame for one taker. A frame that was not taken when the next comes is replaced and counted: the
 * taker sees the present or nothing. A frame's buffer is the taker's until its next `take`.
 */
export class NewestSlot {
  readonly #buffers: FrameBuffers;
  #waiting: Frame | undefined;
  #taken: Frame | undefined;
  #ended = false;
  #replaced = 0;
  #wakeTaker: () => void = () => {};
  #wakePutter: () => void = () => {};

  constructor(buffers: FrameBuffers) {
    this.#buffers = buffers;
  }

  /** Offers a frame; one that still waits is dropped for it. */
  put(frame: Frame): void {
    if (this.#waiting !== undefined) {
      this.#replaced++;
      this.#giveBack(this.#waiting);
    }
    this.#waiting = frame;
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
    this.put(frame);
  }

  /**
   * Takes the newest frame, waiting for one. The frame taken before goes back to its driver.
   * @returns undefined when the camera has ended and nothing waits.
   * @throws the signal's reason.
   */
  async take(signal: AbortSignal): Promise<Frame | undefined> {
    if (this.#taken !== undefined) this.#giveBack(this.#taken);
    this.#taken = undefined;
    for (;;) {
      signal.throwIfAborted();
      const frame = this.#waiting;
      if (frame !== undefined) {
        this.#waiting = undefined;
        this.#taken = frame;
        this.#wakePutter();
        return frame;
      }
      if (this.#ended) return undefined;
      await wakened(signal, (wake) => {
        this.#wakeTaker = wake;
      });
    }
  }

  /** Drops a frame that waits: nobody is to see it any more. It counts as replaced. */
  discard(): void {
    if (this.#waiting === undefined) return;
    this.#replaced++;
    this.#giveBack(this.#waiting);
    this.#waiting = undefined;
    this.#wakePutter();
  }

  /** No frame will come any more; one that waits can still be taken. */
  end(): void {
    this.#ended = true;
    this.#wakeTaker();
  }

  /** Frames replaced by newer ones before anyone took them, since the start. */
  get replaced(): number {
    return this.#replaced;
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
