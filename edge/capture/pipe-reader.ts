import type { Readable } from 'node:stream';

/**
 * Reads a stream of bytes in the portions the reader wants, and no faster: what is not read stays in the pipe and
 * holds the writer back. One read at a time.
 */
export class PipeReader {
  readonly #stream: Readable;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('readable', () => this.#wake());
    stream.once('end', () => this.#finish());
    stream.once('close', () => this.#finish());
    stream.once('error', (error) => {
      this.#error = error;
      this.#finish();
    });
  }

  /**
   * Fills `into` from the stream.
   * @returns the bytes written into it; fewer than its length only if the stream ended.
   * @throws the signal's reason, or the stream's error.
   */
  async fill(into: Uint8Array, signal: AbortSignal): Promise<number> {
    let filled = 0;
    while (filled < into.byteLength) {
      const chunk = await this.#next(signal);
      if (chunk === undefined) break;
      const taken = Math.min(chunk.byteLength, into.byteLength - filled);
      into.set(taken === chunk.byteLength ? chunk : chunk.subarray(0, taken), filled);
      filled += taken;
      this.#rest = chunk.subarray(taken);
    }
    return filled;
  }

  /** Everything to the end of the stream, or undefined once it is more than `bytesMax`. @throws as `fill`. */
  async all(bytesMax: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const chunk = await this.#next(signal);
      if (chunk === undefined) return Buffer.concat(chunks, length);
      this.#rest = new Uint8Array(0);
      length += chunk.byteLength;
      if (length > bytesMax) return undefined;
      chunks.push(chunk);
    }
  }

  async #next(signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (this.#rest.byteLength > 0) return this.#rest;
    for (;;) {
      signal.throwIfAborted();
      if (this.#error !== undefined) throw this.#error;
      const chunk: unknown = this.#stream.read();
      if (chunk instanceof Uint8Array) return chunk;
      if (this.#ended) return undefined;
      await this.#readable(signal);
    }
  }

  #readable(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        this.#wake = () => {};
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }
}
