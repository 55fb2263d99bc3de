import type { Clock } from '../../../base/clock.js';
import { type ErrorCode, OperationError } from '../../../base/errors.js';
import { readSecretFile } from '../../../base/secret-file.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';
import type { Frame } from '../frame.js';
import type { FrameBuffers } from '../frame-buffers.js';
import type { FrameSource } from '../frame-source.js';
import { PpmReader } from '../ppm-reader.js';
import { ffmpegArgs } from './ffmpeg-args.js';
import type { StreamSourceConfig } from './stream-config.js';
import { readFfmpegWords, type StreamFault } from './stream-fault.js';

const CUT: StreamFault = { code: 'camera-unplugged' };
const FFMPEG_HINT = 'install ffmpeg (Debian: apt install ffmpeg), or correct program of this camera';

/**
 * A camera that streams: RTSP, HTTP or a V4L2 device, as raw frames from one ffmpeg over a pipe. A frame is stamped when
 * it arrives; the camera's own clock is not asked, because no two agree.
 */
export class StreamSource implements FrameSource {
  readonly #config: StreamSourceConfig;
  readonly #clock: Clock;
  readonly #pictures: PpmReader;
  #process: CaptureProcess | undefined;
  #index = 0;
  #closed = false;

  constructor(config: StreamSourceConfig, clock: Clock, buffers: FrameBuffers) {
    this.#config = config;
    this.#clock = clock;
    this.#pictures = new PpmReader(buffers);
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const secret = await this.#readSecret();
    const started = await CaptureProcess.start({
      program: this.#config.program,
      args: ffmpegArgs(this.#config, secret),
      subject: this.#subject,
      missingHint: FFMPEG_HINT,
      clock: this.#clock,
    });
    if (this.#closed) await started.stop();
    else this.#process = started;
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    const process = this.#process;
    if (process === undefined || this.#closed) throw this.#error('aborted', 'the source is not open');
    const picture = await this.#pictures.read(process, signal);
    if (typeof picture !== 'string') {
      return { index: this.#index++, capturedAtMs: this.#clock.nowMs(), capturedMonoMs: this.#clock.monoMs(), picture };
    }
    if (picture === 'garbage') throw this.#error('camera-garbage', 'ffmpeg gave no picture of a size we take');
    throw await this.#ended(process);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
  }

  /** The id of the running ffmpeg, if one runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get #subject(): string {
    return this.#config.driver === 'v4l2' ? this.#config.device : this.#config.url;
  }

  async #readSecret(): Promise<string | undefined> {
    if (this.#config.driver === 'v4l2' || this.#config.passwordFile === undefined) return undefined;
    return readSecretFile(this.#config.passwordFile);
  }

  // A camera never ends by itself: the end of its stream is a cable pulled, unless ffmpeg knows better.
  async #ended(process: CaptureProcess): Promise<OperationError> {
    if (this.#closed) return this.#error('aborted', 'the source is closed');
    const end = await process.ended();
    const said = readFfmpegWords(process.lastWords);
    // What breaks off in the middle of a picture reads like garbage; a stream that has shown pictures is none.
    const fault = said.code === 'camera-garbage' && this.#index > 0 ? CUT : said;
    return this.#error(fault.code, `the stream ended: ${describeEnd(end, process.lastWords)}`, fault.hint);
  }

  #error(code: ErrorCode, message: string, hint?: string): OperationError {
    const more = hint === undefined ? {} : { hint };
    return new OperationError({ code, op: 'read', subject: this.#subject, message, transient: true, ...more });
  }
}
