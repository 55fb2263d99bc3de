import type { Clock } from '../../../base/clock.js';
import { type ErrorCode, OperationError } from '../../../base/errors.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';
import type { SimSource as SimSourceConfig } from '../config.js';
import type { Frame } from '../frame.js';
import type { FrameBuffers } from '../frame-buffers.js';
import type { FrameSource } from '../frame-source.js';
import { decodePipeHeader, PIPE_HEADER_BYTES } from './pipe-format.js';

/** Frames older than this when they arrive say that a clock stepped, not that a pipe is slow. */
const TRANSIT_MS_MAX = 2000;

/** A camera that is a program: it writes frames to its standard output at its own pace, as real hardware does. */
export class SimSource implements FrameSource {
  readonly #argv: readonly string[];
  readonly #subject: string;
  readonly #clock: Clock;
  readonly #buffers: FrameBuffers;
  readonly #header = new Uint8Array(PIPE_HEADER_BYTES);
  #process: CaptureProcess | undefined;
  #closed = false;

  /** @param simCommand program and first arguments of the simulator, where the configuration names none of its own. */
  constructor(config: SimSourceConfig, simCommand: readonly string[], clock: Clock, buffers: FrameBuffers) {
    this.#argv = config.argv ?? [...simCommand, ...simArgs(config)];
    this.#subject = `sim:${config.seed}`;
    this.#clock = clock;
    this.#buffers = buffers;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const [program, ...args] = this.#argv;
    if (program === undefined) throw this.#error('config-invalid', 'no program is set for simulated cameras');
    const started = await CaptureProcess.start({
      program,
      args,
      subject: this.#subject,
      missingHint: 'build first (npm run build), or correct argv of this camera',
      clock: this.#clock,
    });
    if (this.#closed) await started.stop();
    else this.#process = started;
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    const process = this.#process;
    if (process === undefined) throw this.#error('aborted', 'the source is not open');
    const headed = await process.stdout.fill(this.#header, signal);
    if (headed < PIPE_HEADER_BYTES) throw await this.#ended(process);
    const header = decodePipeHeader(this.#header);
    if (typeof header === 'string') throw this.#error('camera-garbage', header);
    const data = this.#buffers.acquire(header.payloadBytes);
    if ((await process.stdout.fill(data, signal)) < data.byteLength) {
      this.#buffers.release(data);
      throw await this.#ended(process);
    }
    const { index, widthPx, heightPx, capturedAtMs } = header;
    const transitMs = this.#clock.nowMs() - capturedAtMs;
    const ageMs = transitMs >= 0 && transitMs <= TRANSIT_MS_MAX ? transitMs : 0;
    const capturedMonoMs = this.#clock.monoMs() - ageMs;
    return { index, capturedAtMs, capturedMonoMs, picture: { kind: 'rgb', widthPx, heightPx, data } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
  }

  /** The id of the running program, if one runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  // A camera never ends by itself: the end of its stream is a cable pulled.
  async #ended(process: CaptureProcess): Promise<OperationError> {
    if (this.#closed) return this.#error('aborted', 'the source is closed');
    const end = await process.ended();
    return this.#error('camera-unplugged', `the camera program ended: ${describeEnd(end, process.lastWords)}`);
  }

  #error(code: ErrorCode, message: string): OperationError {
    return new OperationError({ code, op: 'read', subject: this.#subject, message, transient: true });
  }
}

function simArgs(config: SimSourceConfig): readonly string[] {
  const { seed, widthPx, heightPx, fps } = config;
  return ['--pipe', '--seed', seed, '--size', `${widthPx}x${heightPx}`, '--fps', String(fps)];
}
