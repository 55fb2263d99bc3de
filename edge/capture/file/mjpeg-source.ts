import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import type { Frame } from '../frame.js';
import type { FrameSource } from '../frame-source.js';
import { PICTURE_BYTES_MAX } from '../limits.js';
import { Pacer } from '../pacer.js';
import { Timeline } from '../timeline.js';
import { JpegSplitter } from './jpeg-splitter.js';
import { unreadable } from './picture-files.js';

/** Bytes read at once; a few pictures of a small camera, so that reading costs few trips to the thread pool. */
const CHUNK_BYTES = 256 * 1024;

export type MjpegSourceOptions = {
  readonly path: string;
  readonly loop: boolean;
  /** Frames per second. */
  readonly fps: number;
  /** As fast as it goes; `fps` is then only how far apart its frames were captured. */
  readonly unpaced: boolean;
  readonly clock: Clock;
};

/** A file of concatenated JPEGs, as cameras and `ffmpeg -c:v mjpeg -f mjpeg` write them; each is a frame as it is. */
export class MjpegSource implements FrameSource {
  readonly #options: MjpegSourceOptions;
  readonly #pacer: Pacer;
  readonly #timeline: Timeline;
  readonly #splitter = new JpegSplitter(PICTURE_BYTES_MAX);
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #file: FileHandle | undefined;
  #position = 0;
  #index = 0;
  #framesInPass = 0;

  constructor(options: MjpegSourceOptions) {
    this.#options = options;
    const { clock, fps, unpaced } = options;
    this.#pacer = new Pacer(clock, unpaced ? undefined : fps);
    this.#timeline = new Timeline(clock, unpaced ? fps : undefined);
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#file = await open(this.#options.path, 'r').catch((error: unknown) => {
      throw unreadable(this.#options.path, error);
    });
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    const bytes = await this.#nextPicture(signal);
    if (bytes === undefined) return undefined;
    await this.#pacer.wait(signal);
    return { index: this.#index++, ...this.#timeline.next(), picture: { kind: 'encoded', bytes } };
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }

  drops(): Readonly<Record<string, number>> {
    return this.#splitter.counts;
  }

  async #nextPicture(signal: AbortSignal): Promise<Uint8Array | undefined> {
    for (;;) {
      const picture = this.#splitter.next();
      if (picture !== undefined) {
        this.#framesInPass++;
        return picture;
      }
      signal.throwIfAborted();
      if (await this.#readChunk()) continue;
      this.#splitter.finish();
      if (this.#framesInPass === 0) throw this.#error('camera-garbage', 'no JPEG in it');
      if (!this.#options.loop) return undefined;
      this.#position = 0;
      this.#framesInPass = 0;
    }
  }

  /** False at the end of the file. */
  async #readChunk(): Promise<boolean> {
    const file = this.#file;
    if (file === undefined) throw this.#error('aborted', 'the source is closed');
    const { bytesRead } = await file.read(this.#chunk, 0, CHUNK_BYTES, this.#position);
    this.#position += bytesRead;
    this.#splitter.push(this.#chunk.subarray(0, bytesRead));
    return bytesRead > 0;
  }

  #error(code: 'camera-garbage' | 'aborted', message: string): OperationError {
    return new OperationError({ code, op: 'read', subject: this.#options.path, message, transient: true });
  }
}
