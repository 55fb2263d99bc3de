import { randomBytes } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';

import { EXIT_CODE_BY_ERROR_CODE } from '../../base/errors.js';
import { openLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { readSecretFile } from '../../base/secret-file.js';
import { ProgressBar } from '../../base/terminal/progress-bar.js';
import { writeClip } from '../../firmware-sim/camera/clip.js';
import { parseCameraFault } from '../../firmware-sim/camera/fault.js';
import { serveMjpeg } from '../../firmware-sim/camera/mjpeg-server.js';
import { runCameraPipe } from '../../firmware-sim/camera/pipe.js';
import { runSourceDevice } from '../../firmware-sim/camera/source-device.js';
import { SCENE_FAMILIES } from '../../firmware-sim/scene/backdrops/stage.js';
import { describeIssues } from '../../protocol/codec.js';
import { Id } from '../../protocol/ids.js';
import { type CommandContext, usageError } from '../command-context.js';

export type SimCameraOptions = {
  readonly seed: string;
  readonly size: { readonly widthPx: number; readonly heightPx: number };
  readonly fps: number;
  readonly family?: string;
  readonly quality: number;
  readonly out?: string;
  readonly truth?: string;
  readonly frames: number;
  readonly serve?: number;
  readonly host: string;
  readonly publish?: readonly string[];
  readonly source?: string;
  readonly passwordFile?: string;
  readonly root: string;
  readonly pipe?: boolean;
  readonly fault?: string;
  readonly json?: boolean;
};

/** Runs a simulated camera in one of its forms: a clip in a file, an HTTP server, a pipe of raw frames, or a device that publishes. */
export async function runSimCamera(options: SimCameraOptions, context: CommandContext): Promise<void> {
  const { out, serve: port, publish: brokers } = options;
  const forms = [out, port, brokers, options.pipe].filter((form) => form !== undefined).length;
  if (forms !== 1) throw usageError('sim camera', 'give one of --out FILE, --serve PORT, --publish BROKER, --pipe');
  if (options.truth !== undefined && options.out === undefined)
    throw usageError('sim camera', '--truth goes with --out');
  if (options.fault !== undefined && options.pipe !== true) throw usageError('sim camera', '--fault goes with --pipe');
  if (out !== undefined) await write(out, options, context);
  else if (port !== undefined) await serve(port, options, context);
  else if (brokers !== undefined) await publish(brokers, options, context);
  else await pipe(options, context);
}

function sceneOf(options: SimCameraOptions) {
  const { seed, size, fps } = options;
  const family = SCENE_FAMILIES.find((known) => known === options.family);
  if (family === undefined && options.family !== undefined) {
    throw usageError(
      'sim camera',
      `no family ${JSON.stringify(options.family)}; allowed: ${SCENE_FAMILIES.join(', ')}`,
    );
  }
  return { seed, fps, ...size, ...(family === undefined ? {} : { family }) };
}

async function write(out: string, options: SimCameraOptions, context: CommandContext): Promise<void> {
  const { frames, quality, truth } = options;
  const bar = new ProgressBar(context.err, context.clock, 'frames', 'count');
  const clip = await writeClip({
    ...sceneOf(options),
    out,
    frames,
    quality,
    ...(truth === undefined ? {} : { truth }),
    signal: context.signal,
    onProgress: (done, total) => bar.update({ done, total }),
  }).finally(() => bar.end());
  const { family, widthPx, heightPx, fps } = clip;
  const summary = { out, truth: truth ?? null, family, widthPx, heightPx, fps, frames: clip.frames.length };
  if (options.json === true) context.out.writeJson(summary);
  else
    context.out.writeLine(`${summary.frames} frames of a ${family}, ${widthPx}x${heightPx} at ${fps} frames/s: ${out}`);
}

async function serve(port: number, options: SimCameraOptions, context: CommandContext): Promise<void> {
  const { host, quality } = options;
  const { clock, signal } = context;
  const server = await serveMjpeg({ ...sceneOf(options), host, port, quality, clock, signal });
  if (options.json === true) context.out.writeJson({ event: 'listening', url: server.url, port: server.port });
  else context.err.writeLine(`camera at ${server.url}stream.mjpeg, ${server.url}snapshot.jpg, ${server.url}truth.json`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await server.close();
}

async function publish(brokers: readonly string[], options: SimCameraOptions, context: CommandContext): Promise<void> {
  const { source, passwordFile, root, quality } = options;
  const { clock, env, err, signal } = context;
  const id = Id.safeParse(source);
  if (!id.success) throw usageError('sim camera', `--source: ${describeIssues(id.error)}`);
  const password = passwordFile === undefined ? {} : { password: await readSecretFile(passwordFile, env) };
  const { sent, dropped } = await runSourceDevice(
    {
      ...{ ...sceneOf(options), brokers, source: id.data, ...password, root, quality, clock },
      ...{ random: new Random(randomBytes(16).toString('hex')), log: openLog(id.data, 'info') },
    },
    signal,
  );
  err.writeLine(`${sent} frames sent, ${dropped} dropped`);
}

async function pipe(options: SimCameraOptions, context: CommandContext): Promise<void> {
  const { clock, signal } = context;
  const fault = options.fault === undefined ? {} : { fault: parseCameraFault(options.fault) };
  const output = socketOnStdout();
  const end = await runCameraPipe({ ...sceneOf(options), ...fault, ...(output && { output }), clock, signal });
  // As the program of a real camera whose cable was pulled.
  if (end.reason === 'unplugged') context.setExitCode(EXIT_CODE_BY_ERROR_CODE['camera-unplugged']);
}

/**
 * Standard output as a stream that does not block, where it is a pipe or socket; undefined for a file. `process.stdout`
 * blocks on pipes, and once it was touched the descriptor is non-blocking, so that plain file writes fail with EAGAIN.
 */
function socketOnStdout(): Socket | undefined {
  const status = fstatSync(1);
  return status.isFIFO() || status.isSocket() ? new Socket({ fd: 1, readable: false, writable: true }) : undefined;
}
