/** Where the bytes come from; told to go on once there is room for more. */
export type PipeSource = {
  resume(): unknown;
  destroy(): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
};

/** What one `fill` waits for. */
type Pending = {
  readonly into: Uint8Array;
  filled: number;
  readonly resolve: (filled: number) => void;
  readonly reject: (error: unknown) => void;
};

const NOTHING = new Uint8Array(0);
const PORTION_BYTES = 16 * 1024;

/**
 * Reads a stream of bytes in the portions the reader wants, and no faster: what is not read stays in the pipe and
 * holds the writer back. One read at a time.
 */
export class PipeReader {
  readonly #source: PipeSource;
  #rest: Uint8Array = NOTHING;
  #pending: Pending | undefined;
  #ended = false;
  #error: Error | undefined;

  constructor(source: PipeSource) {
    this.#source = source;
    source.on('end', () => this.#finish());
    source.on('close', () => this.#finish());
    source.on('error', (error) => {
      this.#error = error;
      this.#finish();
    });
  }

  /**
   * Takes the next bytes of the source, which leaves them as they are until it is resumed.
   * @returns false: no more until then.
   */
  push(bytes: Uint8Array): boolean {
    this.#rest = bytes;
    this.#pump();
    return this.#pending !== undefined;
  }

  /**
   * Fills `into` from the stream; nothing is written into it once the promise is settled.
   * @returns the bytes written into it; fewer than its length only if the stream ended.
   * @throws the signal's reason, or the stream's error.
   */
  async fill(into: Uint8Array, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    let onAbort = () => {};
    try {
      return await new Promise<number>((resolve, reject) => {
        onAbort = () => this.#settle(() => reject(signal.reason));
        signal.addEventListener('abort', onAbort, { once: true });
        this.#pending = { into, filled: 0, resolve, reject };
        this.#pump();
        if (this.#pending !== undefined) this.#source.resume();
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Everything to the end of the stream, or undefined once it is more than `bytesMax`. @throws as `fill`. */
  async all(bytesMax: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const portions: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const portion = new Uint8Array(PORTION_BYTES);
      const filled = await this.fill(portion, signal);
      length += filled;
      if (length > bytesMax) return undefined;
      portions.push(portion.subarray(0, filled));
      if (filled < PORTION_BYTES) return Buffer.concat(portions, length);
    }
  }

  /** Ends the stream from this side: the writer's next write fails. Idempotent. */
  destroy(): void {
    this.#source.destroy();
  }

  #pump(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const error = this.#error;
    if (error !== undefined) {
      this.#settle(() => pending.reject(error));
      return;
    }
    const taken = Math.min(this.#rest.byteLength, pending.into.byteLength - pending.filled);
    pending.into.set(this.#rest.subarray(0, taken), pending.filled);
    pending.filled += taken;
    this.#rest = taken === this.#rest.byteLength ? NOTHING : this.#rest.subarray(taken);
    const isFull = pending.filled === pending.into.byteLength;
    if (isFull || this.#ended) this.#settle(() => pending.resolve(pending.filled));
  }

  #settle(tell: () => void): void {
    this.#pending = undefined;
    tell();
  }

  #finish(): void {
    this.#ended = true;
    this.#pump();
  }
}
