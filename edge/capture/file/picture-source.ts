import { open } from 'node:fs/promises';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import type { Frame } from '../frame.js';
import type { FrameSource } from '../frame-source.js';
import { PICTURE_BYTES_MAX } from '../limits.js';
import { Pacer } from '../pacer.js';
import { Timeline } from '../timeline.js';
import { listPictures, unreadable } from './picture-files.js';

export type PictureSourceOptions = {
  readonly path: string;
  readonly kind: 'picture' | 'folder';
  readonly loop: boolean;
  /** Frames per second. */
  readonly fps: number;
  /** As fast as it goes; `fps` is then only how far apart its frames were captured. */
  readonly unpaced: boolean;
  readonly clock: Clock;
};

/**
 * A picture shown again and again, or the pictures of a folder in the order of their names, encoded as they are.
 * A file is read anew each time, so that one which is replaced is seen; a folder is listed anew at each pass.
 */
export class PictureSource implements FrameSource {
  readonly #options: PictureSourceOptions;
  readonly #pacer: Pacer;
  readonly #timeline: Timeline;
  #paths: readonly string[] = [];
  #next = 0;
  #index = 0;
  #closed = false;

  constructor(options: PictureSourceOptions) {
    this.#options = options;
    const { clock, fps, unpaced } = options;
    this.#pacer = new Pacer(clock, unpaced ? undefined : fps);
    this.#timeline = new Timeline(clock, unpaced ? fps : undefined);
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#paths = await this.#list();
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    if (this.#next >= this.#paths.length) {
      if (!this.#options.loop) return undefined;
      this.#paths = await this.#list();
      this.#next = 0;
    }
    const path = this.#paths[this.#next];
    if (path === undefined || this.#closed) throw closed(this.#options.path);
    await this.#pacer.wait(signal);
    // Counted before reading: after an error the next read takes the next picture.
    this.#next++;
    const index = this.#index++;
    const time = this.#timeline.next();
    const bytes = await readPicture(path);
    return { index, ...time, picture: { kind: 'encoded', bytes }, name: path };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #list(): Promise<readonly string[]> {
    return this.#options.kind === 'folder' ? await listPictures(this.#options.path) : [this.#options.path];
  }
}

/** The bytes of a picture file. @throws OperationError `picture-invalid` (empty, too large), `not-found`, ... */
async function readPicture(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const { size } = await file.stat();
    if (size === 0) throw invalid(path, 'it has 0 bytes');
    if (size > PICTURE_BYTES_MAX) throw invalid(path, `${size} bytes, allowed ${PICTURE_BYTES_MAX}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function invalid(path: string, message: string): OperationError {
  return new OperationError({ code: 'picture-invalid', op: 'read', subject: path, message });
}

function closed(path: string): OperationError {
  return new OperationError({ code: 'aborted', op: 'read', subject: path, message: 'the source is closed' });
}
