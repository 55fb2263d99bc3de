import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { z } from 'zod';
import { resizeRgb } from '../scene/resize.js';
import { SceneCamera } from '../scene/scene-camera.js';
import { makeMaterials } from '../scene/texture.js';
import type { TruthObject } from '../scene/truth.js';
import { PICTURES_PER_SCENE, type PictureRecipe, planScene } from './export-plan.js';

/** What a worker is told: every `step`-th scene from `first`, up to `count` pictures in all. */
export const exportWorkerDataSchema = z.object({
  out: z.string(),
  seed: z.union([z.string(), z.number()]),
  count: z.number(),
  widthPx: z.number(),
  heightPx: z.number(),
  format: z.enum(['jpeg', 'packed']),
  mix: z.enum(['demo', 'training', 'mixed']),
  first: z.number(),
  step: z.number(),
});
export type ExportWorkerData = z.infer<typeof exportWorkerDataSchema>;

/** One exported picture, posted to the parent when it is written. */
export type ExportedPicture = {
  readonly index: number;
  readonly family: string;
  readonly difficulty: string;
  readonly sceneSeed: string;
  readonly frameIndex: number;
  /** Scaled to the exported size. */
  readonly truth: readonly TruthObject[];
};

/** Name of a picture in the export's folder. */
export function pictureName(index: number): string {
  return `images/${String(index).padStart(6, '0')}.jpg`;
}

async function runExport(data: ExportWorkerData): Promise<void> {
  const materials = makeMaterials();
  const bytes = data.widthPx * data.heightPx * 3;
  const packed = data.format === 'packed' ? openSync(join(data.out, 'images.u8'), 'r+') : undefined;
  for (let scene = data.first; scene * PICTURES_PER_SCENE < data.count; scene += data.step) {
    const recipes = planScene(data.seed, scene, data.mix, data.widthPx, data.heightPx);
    const head = recipes[0];
    if (head === undefined) continue;
    const camera = new SceneCamera({
      seed: head.sceneSeed,
      widthPx: head.drawWidthPx,
      heightPx: head.drawHeightPx,
      fps: 10,
      difficulty: head.difficulty,
      materials,
    });
    for (const [i, recipe] of recipes.entries()) {
      const index = scene * PICTURES_PER_SCENE + i;
      if (index >= data.count) break;
      const frame = camera.frame(recipe.frameIndex);
      const rgb = await deliver(frame.rgb, recipe, data);
      if (packed !== undefined) writeSync(packed, rgb, 0, bytes, index * bytes);
      else {
        const raw = { width: data.widthPx, height: data.heightPx, channels: 3 } as const;
        const jpeg = await sharp(rgb, { raw }).jpeg({ quality: 92 }).toBuffer();
        writeFileSync(join(data.out, pictureName(index)), jpeg);
      }
      const sx = data.widthPx / recipe.drawWidthPx;
      const sy = data.heightPx / recipe.drawHeightPx;
      const picture: ExportedPicture = {
        index,
        family: camera.family,
        difficulty: recipe.difficulty,
        sceneSeed: recipe.sceneSeed,
        frameIndex: recipe.frameIndex,
        truth: frame.truth.map((object) => scaleTruth(object, sx, sy)),
      };
      parentPort?.postMessage(picture);
    }
  }
  if (packed !== undefined) closeSync(packed);
}

async function deliver(rgb: Uint8Array, recipe: PictureRecipe, data: ExportWorkerData): Promise<Uint8Array> {
  let pixels = rgb;
  if (recipe.jpegQuality !== undefined) {
    const raw = { width: recipe.drawWidthPx, height: recipe.drawHeightPx, channels: 3 } as const;
    const jpeg = await sharp(rgb, { raw }).jpeg({ quality: recipe.jpegQuality }).toBuffer();
    pixels = await sharp(jpeg).raw().toBuffer();
  }
  if (recipe.drawWidthPx === data.widthPx && recipe.drawHeightPx === data.heightPx) return pixels;
  return resizeRgb(pixels, recipe.drawWidthPx, recipe.drawHeightPx, data.widthPx, data.heightPx, recipe.method);
}

function scaleTruth(object: TruthObject, sx: number, sy: number): TruthObject {
  const scale = ([x1, y1, x2, y2]: TruthObject['boxXyxyPx']) => [x1 * sx, y1 * sy, x2 * sx, y2 * sy] as const;
  return {
    ...object,
    boxXyxyPx: scale(object.boxXyxyPx),
    wholeBoxXyxyPx: scale(object.wholeBoxXyxyPx),
    visiblePixels: object.visiblePixels * sx * sy,
  };
}

if (parentPort !== null) {
  sharp.concurrency(1);
  await runExport(exportWorkerDataSchema.parse(workerData));
}
