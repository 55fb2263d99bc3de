import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import type { Frame } from '../frame.js';
import type { FrameSource } from '../frame-source.js';

/** A picture as it came from a camera without a detector. */
export type PushedPicture = {
  readonly jpeg: Uint8Array<ArrayBuffer>;
  /** Wall clock when it came, ms. */
  readonly capturedAtMs: number;
  /** First 16 hex digits of the JPEG's SHA-256. */
  readonly digest: string;
};

/** Where the pictures of one source wait for its driver: the newest, whether there is a driver just now or not. */
export class PushedPictures {
  readonly #clock: Clock;
  #frame: Frame | undefined;
  #index = 0;
  #replaced = 0;
  #wake = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Pictures that were replaced before a driver read them. */
  get replaced(): number {
    return this.#replaced;
  }

  push({ jpeg, capturedAtMs, digest }: PushedPicture): void {
    if (this.#frame !== undefined) this.#replaced++;
    this.#frame = {
      ...{ index: this.#index++, capturedAtMs, capturedMonoMs: this.#clock.monoMs(), digest },
      picture: { kind: 'encoded', bytes: jpeg },
    };
    this.#wake();
  }

  /** The picture that waits, or the next one. @throws the signal's reason. */
  async take(signal: AbortSignal): Promise<Frame> {
    for (;;) {
      signal.throwIfAborted();
      const frame = this.#frame;
      this.#frame = undefined;
      if (frame !== undefined) return frame;
      await this.#pushed(signal);
    }
  }

  #pushed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}

/** The driver of a camera that sends its pictures by itself. */
export class PushedSource implements FrameSource {
  readonly #pictures: PushedPictures;
  readonly #replacedBefore: number;
  #isClosed = false;

  constructor(pictures: PushedPictures) {
    this.#pictures = pictures;
    this.#replacedBefore = pictures.replaced;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async read(signal: AbortSignal): Promise<Frame> {
    if (this.#isClosed) {
      throw new OperationError({ code: 'aborted', op: 'read', subject: 'source', message: 'the source is closed' });
    }
    return this.#pictures.take(signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  drops(): Readonly<Record<string, number>> {
    return { 'replaced-pushed': this.#pictures.replaced - this.#replacedBefore };
  }
}
