import { access, constants } from 'node:fs/promises';
import type { Clock } from '../../../base/clock.js';
import { type ErrorCode, OperationError, systemCodeOf } from '../../../base/errors.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';
import type { WebcamSource as WebcamSourceConfig } from '../config.js';
import type { Frame } from '../frame.js';
import type { FrameSource } from '../frame-source.js';
import { PICTURE_BYTES_MAX } from '../limits.js';
import { Pacer } from '../pacer.js';
import { readFswebcamReport } from './fswebcam-report.js';
import { snapshotArgv } from './snapshot-command.js';

/** fswebcam gives up on a silent camera after 10 s; one that hangs in the driver never does. */
const SNAPSHOT_TIMEOUT_MS = 15_000;

/**
 * A USB camera by snapshots: one run of fswebcam for each picture, nothing to set up. node-webcam plans the command;
 * it is run here, because node-webcam 0.8.2 runs it by a shell, without a timeout and out of reach of a kill, keeps
 * every shot it took, and returns standard error as the picture when asked for one in memory.
 */
export class WebcamSource implements FrameSource {
  readonly #config: WebcamSourceConfig;
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  readonly #argv: readonly string[];
  readonly #timeoutMs: number;
  #process: CaptureProcess | undefined;
  #index = 0;
  #closed = false;

  /** @param timeoutMs how long one snapshot may take. */
  constructor(config: WebcamSourceConfig, clock: Clock, timeoutMs = SNAPSHOT_TIMEOUT_MS) {
    this.#config = config;
    this.#clock = clock;
    this.#pacer = new Pacer(clock, config.fps);
    this.#argv = snapshotArgv(config);
    this.#timeoutMs = timeoutMs;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { device } = this.#config;
    if (!device.startsWith('/')) return;
    await access(device, constants.R_OK | constants.W_OK).catch((error: unknown) => {
      const code = systemCodeOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw this.#error('camera-unplugged', 'there is no such device', error);
      throw this.#error('camera-refused', `no rights to it (${code ?? 'unknown'})`, error);
    });
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    if (this.#closed) throw this.#error('aborted', 'the source is closed');
    await this.#pacer.wait(signal);
    const index = this.#index++;
    const bytes = await this.#snapshot(signal);
    // The picture was taken just before the program wrote it; when exactly it does not say.
    const capturedAtMs = this.#clock.nowMs();
    return { index, capturedAtMs, capturedMonoMs: this.#clock.monoMs(), picture: { kind: 'encoded', bytes } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#process?.stop();
  }

  /** The id of the running snapshot program, if one runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async #snapshot(signal: AbortSignal): Promise<Uint8Array> {
    const process = await this.#start();
    let late = false;
    const cancel = this.#clock.after(this.#timeoutMs, () => {
      late = true;
      void process.stop();
    });
    try {
      const bytes = await process.stdout.all(PICTURE_BYTES_MAX, signal);
      if (bytes === undefined) throw this.#error('camera-garbage', `a picture of more than ${PICTURE_BYTES_MAX} bytes`);
      const end = await process.ended();
      if (this.#closed) throw this.#error('aborted', 'the source is closed');
      if (late) throw this.#error('camera-frozen', `no picture in ${this.#timeoutMs} ms`);
      if (bytes.byteLength > 0 && end.code === 0) return this.#checked(bytes);
      const fault = readFswebcamReport(process.lastWords);
      const words = end.code === 0 ? fault.words : describeEnd(end, process.lastWords);
      throw this.#error(fault.code, words);
    } finally {
      cancel();
      await process.stop();
      this.#process = undefined;
    }
  }

  async #start(): Promise<CaptureProcess> {
    const [program = '', ...args] = this.#argv;
    const started = await CaptureProcess.start({
      program,
      args,
      subject: this.#config.device,
      missingHint: 'install it (Debian: apt install fswebcam), or correct program of this camera',
      clock: this.#clock,
    });
    this.#process = started;
    if (this.#closed) await started.stop();
    return started;
  }

  // A snapshot cut short is one bad picture, not a bad camera: the loop around counts how many come in a row.
  #checked(bytes: Uint8Array): Uint8Array {
    const starts = bytes[0] === 0xff && bytes[1] === 0xd8;
    const ends = bytes[bytes.byteLength - 2] === 0xff && bytes[bytes.byteLength - 1] === 0xd9;
    if (starts && ends) return bytes;
    throw this.#error('picture-invalid', starts ? 'the JPEG breaks off' : 'what it gave is not a JPEG');
  }

  #error(code: ErrorCode, message: string, cause?: unknown): OperationError {
    const hint = code === 'camera-refused' ? 'add the service user to the group video, end other users' : undefined;
    return new OperationError({
      code,
      op: 'take a picture from',
      subject: this.#config.device,
      message,
      transient: true,
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
