import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { Random } from '../../base/random.js';
import { resizeRgb } from '../scene/resize.js';
import { SceneCamera } from '../scene/scene-camera.js';
import { makeMaterials } from '../scene/texture.js';
import type { BoxPx, TruthObject } from '../scene/truth.js';
import { type ExportedPicture, type ExportWorkerData, exportWorkerDataSchema, pictureName } from './export-message.js';
import { PICTURES_PER_SCENE, type PictureRecipe, planScene } from './export-plan.js';

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
      const window = windowOf(recipe, frame.truth);
      const rgb = await deliver(frame.rgb, recipe, window, data);
      if (packed !== undefined) writeSync(packed, rgb, 0, bytes, index * bytes);
      else {
        const raw = { width: data.widthPx, height: data.heightPx, channels: 3 } as const;
        const jpeg = await sharp(rgb, { raw }).jpeg({ quality: 92 }).toBuffer();
        writeFileSync(join(data.out, pictureName(index)), jpeg);
      }
      const picture: ExportedPicture = {
        index,
        family: camera.family,
        difficulty: recipe.difficulty,
        sceneSeed: recipe.sceneSeed,
        frameIndex: recipe.frameIndex,
        truth: camera.truthWithin(window).map((object) => mapTruth(object, window, data)),
      };
      parentPort?.postMessage(picture);
    }
  }
  if (packed !== undefined) closeSync(packed);
}

/** The part of the drawn picture to export: the whole, or a cut around an object if there is one. */
function windowOf(recipe: PictureRecipe, truth: readonly TruthObject[]): BoxPx {
  const { drawWidthPx, drawHeightPx, zoom } = recipe;
  const width = Math.round(drawWidthPx / zoom);
  const height = Math.round(drawHeightPx / zoom);
  const random = new Random(`window/${recipe.sceneSeed}/${recipe.frameIndex}`);
  const target = truth.length > 0 ? random.pick(truth).boxXyxyPx : [0, 0, drawWidthPx, drawHeightPx];
  // Up to a third of the window off the object's centre, as crops that two objects share.
  const place = (from: number, to: number, side: number, limit: number): number => {
    const centre = (from + to) / 2 + random.range(-0.33, 0.33) * side;
    return Math.round(Math.max(0, Math.min(limit - side, centre - side / 2)));
  };
  const x = place(target[0] ?? 0, target[2] ?? drawWidthPx, width, drawWidthPx);
  const y = place(target[1] ?? 0, target[3] ?? drawHeightPx, height, drawHeightPx);
  return [x, y, x + width, y + height];
}

async function deliver(
  rgb: Uint8Array,
  recipe: PictureRecipe,
  window: BoxPx,
  data: ExportWorkerData,
): Promise<Uint8Array> {
  let pixels = rgb;
  if (recipe.jpegQuality !== undefined) {
    const raw = { width: recipe.drawWidthPx, height: recipe.drawHeightPx, channels: 3 } as const;
    const jpeg = await sharp(rgb, { raw }).jpeg({ quality: recipe.jpegQuality }).toBuffer();
    pixels = await sharp(jpeg).raw().toBuffer();
  }
  const [x1, y1, x2, y2] = window;
  const width = x2 - x1;
  const height = y2 - y1;
  if (width !== recipe.drawWidthPx || height !== recipe.drawHeightPx) {
    const part = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++) {
      const from = ((y + y1) * recipe.drawWidthPx + x1) * 3;
      part.set(pixels.subarray(from, from + width * 3), y * width * 3);
    }
    pixels = part;
  }
  if (width === data.widthPx && height === data.heightPx) return pixels;
  return resizeRgb(pixels, width, height, data.widthPx, data.heightPx, recipe.method);
}

/** Truth in pixels of the exported picture. */
function mapTruth(object: TruthObject, window: BoxPx, data: ExportWorkerData): TruthObject {
  const sx = data.widthPx / (window[2] - window[0]);
  const sy = data.heightPx / (window[3] - window[1]);
  const map = ([x1, y1, x2, y2]: BoxPx) =>
    [(x1 - window[0]) * sx, (y1 - window[1]) * sy, (x2 - window[0]) * sx, (y2 - window[1]) * sy] as const;
  return {
    ...object,
    boxXyxyPx: map(object.boxXyxyPx),
    wholeBoxXyxyPx: map(object.wholeBoxXyxyPx),
    visiblePixels: object.visiblePixels * sx * sy,
  };
}

if (parentPort !== null) {
  sharp.concurrency(1);
  await runExport(exportWorkerDataSchema.parse(workerData));
}
