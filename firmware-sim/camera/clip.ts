import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import sharp from 'sharp';
import { OperationError } from '../../base/errors.js';
import { SCENE_LABELS, type SceneFamily } from '../scene/backdrops/stage.js';
import { SceneCamera } from '../scene/scene-camera.js';
import { type FrameTruth, frameTruthOf } from './frame-truth.js';

export type WriteClipOptions = {
  readonly seed: string | number;
  readonly frames: number;
  readonly fps: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly family?: SceneFamily;
  /** Path of the `.mjpeg`: JPEG pictures one after the other. */
  readonly out: string;
  /** Path of the truth, JSON; none is written if absent. */
  readonly truth?: string;
  /** JPEG quality 1 to 100, default 85. */
  readonly quality?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, count: number) => void;
};

/** What is in every frame of a clip; the truth file. */
export type ClipTruth = {
  readonly v: 1;
  readonly seed: string;
  readonly family: SceneFamily;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly fps: number;
  readonly labels: readonly string[];
  readonly frames: readonly FrameTruth[];
};

/**
 * Writes a clip of the simulated camera and what is to be seen in it. Same options, same truth, same pixels.
 * @throws OperationError `state-unwritable` if a file cannot be written, `aborted` on abort (the clip is cut short).
 */
export async function writeClip(options: WriteClipOptions): Promise<ClipTruth> {
  const { widthPx, heightPx } = options;
  const camera = new SceneCamera({ ...options, difficulty: 'demo' });
  const file = createWriteStream(options.out);
  const failed = new Promise<never>((_, reject) => {
    file.on('error', (cause) => reject(unwritable(options.out, cause)));
  });
  // It may fail while nothing waits for it; whoever waits next is told.
  failed.catch(() => {});
  const frames: FrameTruth[] = [];
  for (let index = 0; index < options.frames; index++) {
    if (options.signal?.aborted === true) {
      file.destroy();
      throw new OperationError({ code: 'aborted', op: 'write clip', subject: options.out, message: 'stopped' });
    }
    const frame = camera.frame(index);
    const jpeg = await encodeJpeg(frame.rgb, widthPx, heightPx, options.quality ?? 85);
    if (!file.write(jpeg)) await Promise.race([once(file, 'drain'), failed]);
    frames.push(frameTruthOf(frame, index, options.fps));
    options.onProgress?.(index + 1, options.frames);
  }
  file.end();
  await Promise.race([finished(file), failed]);
  const truth: ClipTruth = {
    v: 1,
    seed: String(options.seed),
    family: camera.family,
    widthPx,
    heightPx,
    fps: options.fps,
    labels: SCENE_LABELS,
    frames,
  };
  if (options.truth !== undefined) {
    const path = options.truth;
    await writeFile(path, `${JSON.stringify(truth)}\n`).catch((cause) => {
      throw unwritable(path, cause);
    });
  }
  return truth;
}

/** Encodes u8 [height, width, 3] RGB as JPEG. */
export function encodeJpeg(rgb: Uint8Array, widthPx: number, heightPx: number, quality: number): Promise<Buffer> {
  return sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}

function unwritable(path: string, cause: unknown): OperationError {
  return new OperationError({
    code: 'state-unwritable',
    op: 'write clip',
    subject: path,
    message: cause instanceof Error ? cause.message : 'cannot be written',
    hint: 'choose another path',
    cause,
  });
}
