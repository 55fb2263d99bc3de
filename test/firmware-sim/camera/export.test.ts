import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EXPORT_MIXES, planScene } from '../../../firmware-sim/camera/export-plan.js';
import { parseJson } from '../../../protocol/codec.js';

const coco = z.object({
  categories: z.array(z.object({ id: z.number(), name: z.string() })),
  images: z.array(z.object({ id: z.number(), file_name: z.string(), width: z.number(), height: z.number() })),
  annotations: z.array(
    z.object({
      image_id: z.number(),
      category_id: z.number(),
      bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      area: z.number(),
      visible: z.number(),
    }),
  ),
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vedette-export-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Exports through the command line: worker threads run compiled files. */
async function exportTo(name: string, ...options: string[]): Promise<z.infer<typeof coco>> {
  const out = join(folder, name);
  const argv = ['dist/cli/vedette.js', 'sim', 'export', '--out', out, '--count', '8', '--seed', '5'];
  await promisify(execFile)(process.execPath, [...argv, '--size', '128x96', ...options]);
  return coco.parse(parseJson(await readFile(join(out, 'annotations.json'), 'utf8')));
}

describe('export of scenes', () => {
  it('writes the same pictures and truth, however many threads draw them', async () => {
    const one = await exportTo('one', '--workers', '1');
    const three = await exportTo('three', '--workers', '3');
    expect(three).toEqual(one);
    expect(one.images.map((image) => image.id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const { file_name } of one.images) {
      const a = await readFile(join(folder, 'one', file_name));
      expect(a.equals(await readFile(join(folder, 'three', file_name)))).toBe(true);
    }
  }, 60_000);

  it('tells boxes inside the exported picture, also of a part cut from a larger one', async () => {
    const { images, annotations } = await exportTo('regions', '--mix', 'regions', '--format', 'packed');
    expect(images.every((image) => image.width === 128 && image.height === 96)).toBe(true);
    expect((await readFile(join(folder, 'regions', 'images.u8'))).length).toBe(8 * 128 * 96 * 3);
    expect(annotations.length).toBeGreaterThan(3);
    for (const { bbox, area, visible } of annotations) {
      const [x, y, width, height] = bbox;
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(128.01);
      expect(y + height).toBeLessThanOrEqual(96.01);
      expect(area).toBeLessThanOrEqual(width * height + 0.1);
      expect(visible).toBeLessThanOrEqual(1);
    }
  }, 60_000);
});

describe('export plan', () => {
  it.each(EXPORT_MIXES)('plans %s from the seed alone', (mix) => {
    const scenes = Array.from({ length: 200 }, (_, scene) => planScene(3, scene, mix, 256, 192));
    expect(Array.from({ length: 200 }, (_, scene) => planScene(3, scene, mix, 256, 192))).toEqual(scenes);
    const demo = scenes.filter((recipes) => recipes[0]?.difficulty === 'demo').length / scenes.length;
    const share = { demo: 1, training: 0, mixed: 0.35, regions: 0.6 }[mix];
    expect(Math.abs(demo - share)).toBeLessThan(0.1);
    const zooms = scenes.flat().map((recipe) => recipe.zoom);
    expect(Math.max(...zooms) > 1).toBe(mix === 'regions');
  });
});
