import { open } from 'node:fs/promises';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import type { Frame } from '../frame.js';
import type { FrameSource } from '../frame-source.js';
import { PICTURE_BYTES_MAX } from '../limits.js';
import { Pacer } from '../pacer.js';
import { listPictures, unreadable } from './picture-files.js';

export type PictureSourceOptions = {
  readonly path: string;
  readonly kind: 'picture' | 'folder';
  readonly loop: boolean;
  /** Frames per second; undefined: unpaced. */
  readonly fps: number | undefined;
  readonly clock: Clock;
};

/**
 * A picture shown again and again, or the pictures of a folder in the order of their names, encoded as they are.
 * A file is read anew each time, so that one which is replaced is seen; a folder is listed anew at each pass.
 */
export class PictureSource implements FrameSource {
  readonly #options: PictureSourceOptions;
  readonly #pacer: Pacer;
  #paths: readonly string[] = [];
  #next = 0;
  #index = 0;
  #closed = false;

  constructor(options: PictureSourceOptions) {
    this.#options = options;
    this.#pacer = new Pacer(options.clock, options.fps);
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
    const { clock } = this.#options;
    const capturedAtMs = clock.nowMs();
    const capturedMonoMs = clock.monoMs();
    const bytes = await readPicture(path);
    return { index, capturedAtMs, capturedMonoMs, picture: { kind: 'encoded', bytes }, name: path };
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
