import { resolve } from 'node:path';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import { CaptureProcess, describeEnd } from '../capture-process.js';
import type { Frame } from '../frame.js';
import type { FrameBuffers } from '../frame-buffers.js';
import type { FrameSource } from '../frame-source.js';
import { Pacer } from '../pacer.js';
import { PpmReader } from '../ppm-reader.js';
import { decoderArgs, sizeFilter } from '../stream/ffmpeg-args.js';
import type { DecoderName } from '../stream/stream-config.js';
import { Timeline } from '../timeline.js';
import { probeFps } from './video-rate.js';

export type VideoSourceOptions = {
  readonly path: string;
  readonly loop: boolean;
  readonly fps: number | 'source' | 'max';
  /** A larger video is shrunk to them, in its aspect where only one is told; absent: as it is. */
  readonly widthPx?: number;
  readonly heightPx?: number;
  /** Absent: software. */
  readonly decoder?: DecoderName;
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
  readonly #pictures: PpmReader;
  #pacer: Pacer;
  #timeline: Timeline;
  #fps: number | undefined;
  #process: CaptureProcess | undefined;
  #index = 0;
  #framesInPass = 0;
  #closed = false;

  constructor(options: VideoSourceOptions) {
    this.#options = options;
    this.#pictures = new PpmReader(options.buffers);
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
      const picture = await this.#pictures.read(process, signal);
      if (typeof picture !== 'string') {
        this.#framesInPass++;
        return { index: this.#index++, ...this.#timeline.next(), picture };
      }
      if (picture === 'garbage') throw this.#error('camera-garbage', 'ffmpeg gave no picture of a size we take');
      if (picture === 'broken') throw await this.#broken(process);
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
      args: videoArgs(this.#options, this.#fps),
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

  async #broken(process: CaptureProcess): Promise<OperationError> {
    const end = await process.ended();
    return this.#error('camera-unplugged', `ffmpeg broke off: ${describeEnd(end, process.lastWords)}`);
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
function videoArgs(options: VideoSourceOptions, fps: number | undefined): readonly string[] {
  const { path, widthPx, heightPx, decoder = 'software' } = options;
  const quiet = ['-nostdin', '-hide_banner', '-loglevel', 'error', '-threads', '1'];
  const only = [...decoderArgs(decoder), '-protocol_whitelist', 'file,pipe'];
  const input = [...only, '-i', `file:${resolve(path)}`, '-map', '0:v:0'];
  const isAsItIs = widthPx === undefined && heightPx === undefined;
  const filters = [rateFilter(fps), ...(isAsItIs ? [] : [sizeFilter({ widthPx, heightPx })])].join(',');
  return [...quiet, ...input, '-vf', filters, '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1'];
}

// ffmpeg's pipe output has a constant rate: it repeats and drops frames to hold it. For every frame exactly once the
// frames are stamped anew, 40 ms apart; the option for it has had three names (-vsync 0, passthrough, -fps_mode).
function rateFilter(fps: number | undefined): string {
  return fps === undefined ? 'settb=1/1000,setpts=N*40,fps=25' : `fps=${fps}`;
}
