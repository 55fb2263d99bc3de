import type { Clock } from '../../../base/clock.js';
import { type ErrorCode, OperationError } from '../../../base/errors.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';
import type { Frame } from '../frame.js';
import type { FrameBuffers } from '../frame-buffers.js';
import type { FrameSource } from '../frame-source.js';
import type { RpicamSource as RpicamSourceConfig } from '../stream/stream-config.js';
import { i420Bytes, i420ToRgb, yuvStandardOf } from './i420.js';

const HINT = 'install it (Raspberry Pi OS: apt install rpicam-apps), or correct program of this camera';

/** The camera of a Raspberry Pi: rpicam-vid writes raw YUV 4:2:0 frames to a pipe, one after the other, without headers. */
export class RpicamSource implements FrameSource {
  readonly #config: RpicamSourceConfig;
  readonly #clock: Clock;
  readonly #buffers: FrameBuffers;
  readonly #yuv: Uint8Array;
  #process: CaptureProcess | undefined;
  #index = 0;
  #closed = false;

  constructor(config: RpicamSourceConfig, clock: Clock, buffers: FrameBuffers) {
    this.#config = config;
    this.#clock = clock;
    this.#buffers = buffers;
    this.#yuv = new Uint8Array(i420Bytes(config.widthPx, config.heightPx));
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const started = await CaptureProcess.start({
      program: this.#config.program,
      args: rpicamArgs(this.#config),
      subject: this.#subject,
      missingHint: HINT,
      clock: this.#clock,
    });
    if (this.#closed) await started.stop();
    else this.#process = started;
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    const process = this.#process;
    if (process === undefined || this.#closed) throw this.#error('aborted', 'the source is not open');
    const filled = await process.stdout.fill(this.#yuv, signal);
    if (filled < this.#yuv.byteLength) throw await this.#ended(process);
    const { widthPx, heightPx } = this.#config;
    const data = this.#buffers.acquire(widthPx * heightPx * 3);
    const capturedAtMs = this.#clock.nowMs();
    const capturedMonoMs = this.#clock.monoMs();
    i420ToRgb(this.#yuv, data, widthPx, heightPx, yuvStandardOf(widthPx, heightPx));
    return { index: this.#index++, capturedAtMs, capturedMonoMs, picture: { kind: 'rgb', widthPx, heightPx, data } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
  }

  /** The id of the running rpicam-vid, if one runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get #subject(): string {
    return `rpicam:${this.#config.camera}`;
  }

  async #ended(process: CaptureProcess): Promise<OperationError> {
    if (this.#closed) return this.#error('aborted', 'the source is closed');
    const end = await process.ended();
    const words = process.lastWords;
    const isBusy = /in use|busy|failed to acquire/i.test(words);
    const message = `rpicam-vid ended: ${describeEnd(end, words)}`;
    if (isBusy) return this.#error('camera-refused', message, 'another program has the camera; end it');
    const isMistaken = /(?:unrecogni[sz]ed|unknown|invalid|ambiguous) option|the argument .* is invalid/i.test(words);
    if (isMistaken) return this.#error('camera-refused', message, 'correct options of this camera');
    return this.#error('camera-unplugged', message, 'see rpicam-hello --list-cameras');
  }

  #error(code: ErrorCode, message: string, hint?: string): OperationError {
    const more = hint === undefined ? {} : { hint };
    return new OperationError({ code, op: 'read', subject: this.#subject, message, transient: true, ...more });
  }
}

/** Arguments for rpicam-vid: no window, for ever, raw frames, nothing but frames on standard output. */
export function rpicamArgs({ camera, widthPx, heightPx, fps, options }: RpicamSourceConfig): readonly string[] {
  const size = ['--width', String(widthPx), '--height', String(heightPx), '--framerate', String(fps)];
  const fixed = ['--camera', String(camera), '--nopreview', '--timeout', '0', '--codec', 'yuv420', '--flush'];
  return [...fixed, ...size, ...options.flatMap((option) => option.split(/ (.*)/s, 2)), '--output', '-'];
}
