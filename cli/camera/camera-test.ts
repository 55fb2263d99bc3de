import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { printable } from '../../base/terminal/terminal.js';
import { parseSource, type SourceConfig } from '../../edge/capture/config.js';
import type { Frame, RgbPicture } from '../../edge/capture/frame.js';
import { FrameBuffers } from '../../edge/capture/frame-buffers.js';
import type { FrameSource } from '../../edge/capture/frame-source.js';
import { decodePicture } from '../../edge/capture/picture-decoder.js';
import { makeFrameSource } from '../../edge/capture/source-factory.js';
import { writePicture } from '../../edge/vision/draw/picture-file.js';
import type { CommandContext } from '../command-context.js';

export type CameraTestOptions = {
  readonly json?: boolean;
  readonly out: string;
  readonly seconds: number;
  readonly passwordFile?: string;
};

/** Opening a camera on a slow board, and the first key frame of a stream. */
const FIRST_FRAME_MS = 20_000;

type Seen = { readonly frames: number; readonly fps: number; readonly firstFrameMs: number; readonly last: Frame };

/**
 * Opens a camera as a node would, reads it for some seconds, writes its last frame as a picture.
 * @throws OperationError what the driver throws; `unavailable` if no frame comes.
 */
export async function runCameraTest(text: string, options: CameraTestOptions, context: CommandContext): Promise<void> {
  const config = withPassword(parseSource(text), options.passwordFile);
  const buffers = new FrameBuffers();
  const { clock, self } = context;
  const source = makeFrameSource(config, { clock, buffers, simCommand: [...self, 'sim', 'camera'] });
  try {
    const seen = await look(source, text, options.seconds * 1000, context);
    const picture = await pixelsOf(seen.last, text);
    await write(options.out, picture);
    const { widthPx, heightPx } = picture;
    const fps = Math.round(seen.fps * 10) / 10;
    const result = { source: text, frames: seen.frames, fps, widthPx, heightPx, firstFrameMs: seen.firstFrameMs };
    if (options.json === true) return context.out.writeJson({ ...result, picture: options.out });
    context.out.writeLine(
      `${context.out.paint('green', 'OK')} ${printable(text)}: ${widthPx}x${heightPx}, ${fps} frames/s, first after ${seen.firstFrameMs} ms`,
    );
    context.out.writeLine(`picture: ${printable(options.out)}`);
  } finally {
    await source.close();
  }
}

function withPassword(config: SourceConfig, passwordFile: string | undefined): SourceConfig {
  if (passwordFile === undefined) return config;
  if (config.driver === 'rtsp' || config.driver === 'http') return { ...config, passwordFile };
  throw new OperationError({
    code: 'config-invalid',
    op: 'use',
    subject: `--password-file ${passwordFile}`,
    message: `a camera of the driver ${config.driver} asks for no password`,
    hint: 'leave it out, or give the address of an IP camera: rtsp://USER@HOST/PATH',
  });
}

async function look(source: FrameSource, subject: string, durationMs: number, context: CommandContext): Promise<Seen> {
  const { clock } = context;
  const startedMonoMs = clock.monoMs();
  const late = new AbortController();
  const onStop = () => late.abort(context.signal.reason);
  context.signal.addEventListener('abort', onStop, { once: true });
  const cancelLate = clock.after(FIRST_FRAME_MS, () => late.abort(nothing(subject)));
  try {
    await source.open(late.signal);
    let last = await source.read(late.signal);
    cancelLate();
    if (last === undefined) throw nothing(subject);
    const firstMonoMs = clock.monoMs();
    const cancelEnd = clock.after(durationMs, () => late.abort());
    let frames = 1;
    for (;;) {
      const frame = await source.read(late.signal).catch((error: unknown) => {
        if (late.signal.aborted && !context.signal.aborted) return undefined;
        throw error;
      });
      if (frame === undefined) break;
      last = frame;
      frames++;
    }
    cancelEnd();
    const seconds = (clock.monoMs() - firstMonoMs) / 1000;
    const fps = seconds > 0 ? (frames - 1) / seconds : 0;
    return { frames, fps, firstFrameMs: Math.round(firstMonoMs - startedMonoMs), last };
  } finally {
    cancelLate();
    context.signal.removeEventListener('abort', onStop);
  }
}

function nothing(subject: string): OperationError {
  const message = `no frame in ${FIRST_FRAME_MS / 1000} s`;
  return new OperationError({ code: 'camera-frozen', op: 'read', subject, message, hint: 'is it switched on?' });
}

async function pixelsOf({ picture }: Frame, subject: string): Promise<RgbPicture> {
  return picture.kind === 'rgb' ? picture : await decodePicture(picture.bytes, { subject });
}

async function write(path: string, picture: RgbPicture): Promise<void> {
  try {
    await writePicture(path, picture);
  } catch (cause) {
    const code = systemCodeOf(cause) === 'ENOSPC' ? 'disk-full' : 'state-unwritable';
    const hint = 'give a file that can be written: --out FILE';
    throw new OperationError({ code, op: 'write', subject: path, message: messageOf(cause), hint, cause });
  }
}
