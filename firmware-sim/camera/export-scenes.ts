import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { OperationError } from '../../base/errors.js';
import { SCENE_LABELS } from '../scene/backdrops/stage.js';
import { type ExportedPicture, type ExportWorkerData, pictureName } from './export-message.js';
import type { ExportMix } from './export-plan.js';

export type ExportScenesOptions = {
  /** Folder to write; made if absent. */
  readonly out: string;
  readonly count: number;
  readonly seed: string | number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** `demo` as the live camera, `training` hard, `mixed` (default) a third of the former. */
  readonly mix?: ExportMix;
  /** `jpeg` (default): images/NNNNNN.jpg; `packed`: one file images.u8, u8 [count, height, width, 3], for the trainer. */
  readonly format?: 'jpeg' | 'packed';
  /** Worker threads, default 2. The pictures do not depend on it. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, count: number) => void;
};

export type ExportSummary = { readonly images: number; readonly annotations: number; readonly annotationsPath: string };

/**
 * Writes pictures of simulated scenes and `annotations.json` in COCO's layout: `bbox` is x, y, width, height of the
 * visible pixels, `area` their number, `visible` the share of the whole object that can be seen (not in COCO).
 * Same options, same files. An abort leaves the pictures written so far and no annotations.
 * @throws OperationError `state-unwritable` if the folder cannot be written, `aborted` on abort.
 */
export async function exportScenes(options: ExportScenesOptions): Promise<ExportSummary> {
  const format = options.format ?? 'jpeg';
  prepareFolder(options, format);
  const workers = Math.max(1, Math.min(options.workers ?? 2, 16));
  const pictures: ExportedPicture[] = [];
  const running = Array.from({ length: workers }, (_, first) =>
    runWorker(
      {
        out: options.out,
        seed: options.seed,
        count: options.count,
        widthPx: options.widthPx,
        heightPx: options.heightPx,
        format,
        mix: options.mix ?? 'mixed',
        first,
        step: workers,
      },
      options.signal,
      (picture) => {
        pictures.push(picture);
        options.onProgress?.(pictures.length, options.count);
      },
    ),
  );
  const ends = await Promise.allSettled(running);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  pictures.sort((a, b) => a.index - b.index);
  const annotationsPath = join(options.out, 'annotations.json');
  const coco = cocoOf(pictures, options);
  writeFileSync(annotationsPath, JSON.stringify(coco));
  return { images: pictures.length, annotations: coco.annotations.length, annotationsPath };
}

function prepareFolder(options: ExportScenesOptions, format: 'jpeg' | 'packed'): void {
  try {
    mkdirSync(join(options.out, format === 'jpeg' ? 'images' : '.'), { recursive: true });
    if (format === 'jpeg') return;
    const file = openSync(join(options.out, 'images.u8'), 'w');
    ftruncateSync(file, options.count * options.widthPx * options.heightPx * 3);
    closeSync(file);
  } catch (cause) {
    throw new OperationError({
      code: 'state-unwritable',
      op: 'export scenes',
      subject: options.out,
      message: 'folder cannot be written',
      hint: 'choose another folder with --out',
      cause,
    });
  }
}

function runWorker(
  data: ExportWorkerData,
  signal: AbortSignal | undefined,
  onPicture: (picture: ExportedPicture) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(data.out));
      return;
    }
    const worker = new Worker(new URL('./export-worker.js', import.meta.url), { workerData: data });
    const onAbort = (): void => {
      void worker.terminate();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    worker.on('message', onPicture);
    worker.once('error', reject);
    worker.once('exit', (code) => {
      signal?.removeEventListener('abort', onAbort);
      if (code === 0) resolve();
      else reject(aborted(data.out));
    });
  });
}

function aborted(out: string): OperationError {
  return new OperationError({ code: 'aborted', op: 'export scenes', subject: out, message: 'stopped before the end' });
}

function cocoOf(pictures: readonly ExportedPicture[], options: ExportScenesOptions) {
  let id = 0;
  const round = (v: number): number => Math.round(v * 100) / 100;
  return {
    info: { description: 'scenes of the simulated camera of Vedette', seed: options.seed, count: options.count },
    categories: SCENE_LABELS.map((name, i) => ({ id: i + 1, name })),
    images: pictures.map((picture) => ({
      id: picture.index,
      file_name: pictureName(picture.index),
      width: options.widthPx,
      height: options.heightPx,
      family: picture.family,
      difficulty: picture.difficulty,
      scene_seed: picture.sceneSeed,
      frame: picture.frameIndex,
    })),
    annotations: pictures.flatMap((picture) =>
      picture.truth.map((object) => {
        const [x1, y1, x2, y2] = object.boxXyxyPx;
        return {
          id: ++id,
          image_id: picture.index,
          category_id: SCENE_LABELS.indexOf(object.label) + 1,
          bbox: [x1, y1, x2 - x1, y2 - y1].map(round),
          area: round(object.visiblePixels),
          iscrowd: 0,
          visible: Math.round(object.visible * 1000) / 1000,
        };
      }),
    ),
  };
}
