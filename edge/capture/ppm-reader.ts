import type { CaptureProcess } from './capture-process.js';
import type { RgbPicture } from './frame.js';
import type { FrameBuffers } from './frame-buffers.js';
import { PPM_HEADER_BYTES_MAX, parsePpmHeader } from './ppm-header.js';

/**
 * What came where a picture was due: the picture; `end`: the stream ended between two pictures; `broken`: in the middle
 * of one; `garbage`: no picture of a size we take.
 */
export type PpmRead = RgbPicture | 'end' | 'broken' | 'garbage';

/** Pictures as ffmpeg writes them to a pipe with `-f image2pipe -c:v ppm`: each says its own size. */
export class PpmReader {
  readonly #buffers: FrameBuffers;
  readonly #head = new Uint8Array(PPM_HEADER_BYTES_MAX);

  constructor(buffers: FrameBuffers) {
    this.#buffers = buffers;
  }

  /** The next picture; its buffer is the caller's. @throws the signal's reason, or the pipe's error. */
  async read(process: CaptureProcess, signal: AbortSignal): Promise<PpmRead> {
    const headed = await process.stdout.fill(this.#head, signal);
    if (headed === 0) return 'end';
    const header = parsePpmHeader(this.#head.subarray(0, headed));
    if (header === undefined) return headed < PPM_HEADER_BYTES_MAX ? 'broken' : 'garbage';
    const { widthPx, heightPx, headerBytes } = header;
    // The first pixels came with the header, which has no fixed length. A picture of a few pixels may be shorter still.
    const early = this.#head.subarray(headerBytes);
    const byteLength = widthPx * heightPx * 3;
    if (byteLength < early.byteLength) return 'garbage';
    const data = this.#buffers.acquire(byteLength);
    data.set(early);
    const rest = data.subarray(early.byteLength);
    if ((await process.stdout.fill(rest, signal)) < rest.byteLength) {
      this.#buffers.release(data);
      return 'broken';
    }
    return { kind: 'rgb', widthPx, heightPx, data };
  }
}
