import { resolve } from 'node:path';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';
import type { Frame } from '../frame.js';
import type { FrameBuffers } from '../frame-buffers.js';
import type { FrameSource } from '../frame-source.js';
import { Pacer } from '../pacer.js';
import { Timeline } from '../timeline.js';
import { PPM_HEADER_BYTES_MAX, type PpmHeader, parsePpmHeader } from './ppm-header.js';
import { probeFps } from './video-rate.js';

export type VideoSourceOptions = {
  readonly path: string;
  readonly loop: boolean;
  readonly fps: number | 'source' | 'max';
  readonly clock: Clock;
  readonly buffers: FrameBuffers;
  readonly ffmpeg?: string;
  readonly ffprobe?: string;
};

const FFMPEG_HINT = 'install ffmpeg (Debian: apt install ffmpeg), or give an .mjpeg, which needs none';

/**
 * Any video ffmpeg reads, as RGB frames over a pipe. Each frame comes as a PPM: its header says the size after the
 * rotation ffmpeg applies, which the container's own width and height do not. At a rate the video is played in real
 * time, resampled to that many frames per second; unpaced every decoded frame comes once.
 */
export class VideoSource implements FrameSource {
  readonly #options: VideoSourceOptions;
  #pacer: Pacer;
  #timeline: Timeline;
  #fps: number | undefined;
  #process: CaptureProcess | undefined;
  #index = 0;
  #framesInPass = 0;
  #closed = false;
  readonly #headBytes = new Uint8Array(PPM_HEADER_BYTES_MAX);

  constructor(options: VideoSourceOptions) {
    this.#options = options;
    this.#pacer = new Pacer(options.clock, undefined);
    this.#timeline = new Timeline(options.clock, undefined);
  }

  async open(signal: AbortSignal): Promise<void> {
    const { fps, clock, path } = this.#options;
    const ffprobe = this.#options.ffprobe ?? 'ffprobe';
    if (fps === 'source') this.#fps = await probeFps(ffprobe, path, clock, signal);
    else this.#fps = fps === 'max' ? undefined : fps;
    this.#pacer = new Pacer(clock, this.#fps);
    await this.#start(signal);
    if (fps === 'max') this.#timeline = new Timeline(clock, await probeFps(ffprobe, path, clock, signal));
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    for (;;) {
      const process = this.#process;
      if (process === undefined) throw this.#error('aborted', 'the source is closed');
      await this.#pacer.wait(signal);
      const headed = await process.stdout.fill(this.#headBytes, signal);
      if (headed > 0) return await this.#readFrame(process, headed, signal);
      await this.#checkEnd(process);
      if (!this.#options.loop) return undefined;
      await this.#start(signal);
    }
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

  async #start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#framesInPass = 0;
    const started = await CaptureProcess.start({
      program: this.#options.ffmpeg ?? 'ffmpeg',
      args: ffmpegArgs(this.#options.path, this.#fps),
      subject: this.#options.path,
      missingHint: FFMPEG_HINT,
      clock: this.#options.clock,
    });
    if (this.#closed) {
      await started.stop();
      throw this.#error('aborted', 'the source is closed');
    }
    this.#process = started;
  }

  async #readFrame(process: CaptureProcess, headed: number, signal: AbortSignal): Promise<Frame> {
    const header = parsePpmHeader(this.#headBytes.subarray(0, headed));
    if (header === undefined) throw this.#error('camera-garbage', 'ffmpeg gave no picture of a size we take');
    const data = this.#options.buffers.acquire(header.widthPx * header.heightPx * 3);
    if (!(await this.#fillPixels(process, header, data, signal))) {
      this.#options.buffers.release(data);
      const end = await process.ended();
      throw this.#error('camera-unplugged', `ffmpeg broke off: ${describeEnd(end, process.lastWords)}`);
    }
    this.#framesInPass++;
    const picture = { kind: 'rgb' as const, widthPx: header.widthPx, heightPx: header.heightPx, data };
    return { index: this.#index++, ...this.#timeline.next(), picture };
  }

  // The first pixels came with the header, which has no fixed length. A picture of a few pixels may be shorter still.
  async #fillPixels(process: CaptureProcess, header: PpmHeader, data: Uint8Array, signal: AbortSignal) {
    const early = this.#headBytes.subarray(header.headerBytes);
    if (data.byteLength < early.byteLength) throw this.#error('camera-garbage', 'pictures of less than 3 pixels');
    data.set(early);
    const rest = data.subarray(early.byteLength);
    return (await process.stdout.fill(rest, signal)) === rest.byteLength;
  }

  /** The stream ended between two frames: fine if ffmpeg says so too and there was at least one frame. */
  async #checkEnd(process: CaptureProcess): Promise<void> {
    const end = await process.ended();
    if (this.#closed) throw this.#error('aborted', 'the source is closed');
    const how = describeEnd(end, process.lastWords);
    if (end.signal !== null) throw this.#error('camera-unplugged', `ffmpeg broke off: ${how}`);
    if (end.code !== 0) throw this.#error('camera-garbage', `ffmpeg cannot read it: ${how}`);
    if (this.#framesInPass === 0) throw this.#error('camera-garbage', 'no frame in it');
  }

  #error(code: 'camera-garbage' | 'camera-unplugged' | 'aborted', message: string): OperationError {
    return new OperationError({ code, op: 'read', subject: this.#options.path, message, transient: true });
  }
}

// `file:` keeps a path with a colon from being taken for a protocol, and the list keeps a playlist or a crafted
// container from opening anything but files. One thread: the other cores are the detector's.
function ffmpegArgs(path: string, fps: number | undefined): readonly string[] {
  const quiet = ['-nostdin', '-hide_banner', '-loglevel', 'error', '-threads', '1'];
  const input = ['-protocol_whitelist', 'file,pipe', '-i', `file:${resolve(path)}`, '-map', '0:v:0'];
  return [...quiet, ...input, '-vf', rateFilter(fps), '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1'];
}

// ffmpeg's pipe output has a constant rate: it repeats and drops frames to hold it. For every frame exactly once the
// frames are stamped anew, 40 ms apart; the option for it has had three names (-vsync 0, passthrough, -fps_mode).
function rateFilter(fps: number | undefined): string {
  return fps === undefined ? 'settb=1/1000,setpts=N*40,fps=25' : `fps=${fps}`;
}
