import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import type { FileSource as FileSourceConfig } from '../config.js';
import type { Frame } from '../frame.js';
import type { FrameBuffers } from '../frame-buffers.js';
import type { FrameSource } from '../frame-source.js';
import { MjpegSource } from './mjpeg-source.js';
import { fileKindOf } from './picture-files.js';
import { PictureSource } from './picture-source.js';
import { VideoSource } from './video-source.js';

/** Rate of a file that has none of its own: cameras that write .mjpeg do 5 to 15. */
const MJPEG_FPS = 10;
/** A picture to look at, or a slide show. */
const PICTURE_FPS = 1;

/** Pictures from a file or folder, by what the path holds when it is opened. */
export class FileSource implements FrameSource {
  readonly #config: FileSourceConfig;
  readonly #clock: Clock;
  readonly #buffers: FrameBuffers;
  #inner: FrameSource | undefined;
  #closed = false;

  constructor(config: FileSourceConfig, clock: Clock, buffers: FrameBuffers) {
    this.#config = config;
    this.#clock = clock;
    this.#buffers = buffers;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { path, loop, fps, widthPx, heightPx, decoder } = this.#config;
    const kind = await fileKindOf(path);
    if (this.#closed) return;
    const common = { path, loop, clock: this.#clock };
    const rate = (own: number) => ({ fps: typeof fps === 'number' ? fps : own, unpaced: fps === 'max' });
    if (kind === 'video')
      this.#inner = new VideoSource({
        ...common,
        fps,
        buffers: this.#buffers,
        ...(widthPx === undefined ? {} : { widthPx }),
        ...(heightPx === undefined ? {} : { heightPx }),
        ...(decoder === undefined ? {} : { decoder }),
      });
    else if (kind === 'mjpeg') this.#inner = new MjpegSource({ ...common, ...rate(MJPEG_FPS) });
    else this.#inner = new PictureSource({ ...common, kind, ...rate(PICTURE_FPS) });
    await this.#inner.open(signal);
    // Closed meanwhile: what has just been opened would be left behind.
    if (this.#closed) await this.#inner.close();
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    if (this.#inner === undefined || this.#closed) {
      const subject = this.#config.path;
      throw new OperationError({ code: 'aborted', op: 'read', subject, message: 'the source is not open' });
    }
    return await this.#inner.read(signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#inner?.close();
  }

  drops(): Readonly<Record<string, number>> {
    return this.#inner?.drops?.() ?? {};
  }
}
