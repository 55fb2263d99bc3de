import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { RgbPicture } from '../../../../edge/capture/frame.js';
import { type BoxXyxyPx, iou } from '../../../../edge/vision/box.js';
import { loadDetector } from '../../../../edge/vision/detect/load-detector.js';
import type { OnnxDetector } from '../../../../edge/vision/detect/onnx-detector.js';
import type { Detection } from '../../../../edge/vision/detection.js';
import { KNOWN_MODELS } from '../../../../edge/vision/model/known-models.js';
import { parseJson } from '../../../../protocol/codec.js';
import { describeWithFixtures } from '../../../fixtures.js';

const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const expectedSchema = z.record(
  z.string(),
  z.record(z.string(), z.array(z.object({ class: z.string(), score: z.number(), box }))),
);
const truthSchema = z.record(
  z.string(),
  z.array(z.object({ class: z.string(), box, accept: z.array(z.string()).optional() })),
);

type Found = { readonly label: string; readonly score: number; readonly box: BoxXyxyPx };

// The reference results were made with another JPEG decoder and resize; the fixtures' README gives these tolerances.
const IOU_MIN = 0.85;
const SCORE_TOLERANCE = 0.08;

function matches(a: Found, b: Found): boolean {
  return a.label === b.label && iou(a.box, b.box) >= IOU_MIN && Math.abs(a.score - b.score) <= SCORE_TOLERANCE;
}

function unmatched(these: readonly Found[], those: readonly Found[], threshold: number): readonly Found[] {
  const clear = these.filter(({ score }) => score >= threshold + SCORE_TOLERANCE);
  return clear.filter((one) => !those.some((other) => matches(one, other)));
}

async function decode(path: string): Promise<RgbPicture> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { kind: 'rgb', widthPx: info.width, heightPx: info.height, data };
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(parseJson(await readFile(path, 'utf8')));
}

for (const { fileName, manifest } of KNOWN_MODELS) {
  describeWithFixtures(`${manifest.id} on real pictures`, (dir) => {
    const threshold = manifest.thresholds.score;
    const found = new Map<string, readonly Detection[]>();
    let expected = new Map<string, readonly Found[]>();
    let truth: z.infer<typeof truthSchema> = {};
    let detector: OnnxDetector | undefined;

    beforeAll(async () => {
      const all = await readJson(join(dir, 'expected/detections.json'), expectedSchema);
      truth = await readJson(join(dir, 'expected/truth.json'), truthSchema);
      expected = new Map(
        Object.entries(all).map(([picture, byModel]) => [
          picture,
          (byModel[fileName] ?? []).map((one) => ({ label: one.class, score: one.score, box: one.box })),
        ]),
      );
      detector = await loadDetector({
        modelPath: join(dir, 'models', fileName),
        scoreMin: threshold - SCORE_TOLERANCE,
      });
      for (const picture of expected.keys()) {
        found.set(picture, await detector.detect(await decode(join(dir, 'images', picture))));
      }
    }, 60_000);

    afterAll(async () => {
      await detector?.close();
    });

    it('finds what the reference run found, and nothing else', () => {
      expect(expected.size).toBe(12);
      for (const [picture, reference] of expected) {
        const ours = found.get(picture) ?? [];
        expect({ picture, missed: unmatched(reference, ours, threshold) }).toEqual({ picture, missed: [] });
        expect({ picture, extra: unmatched(ours, reference, threshold) }).toEqual({ picture, extra: [] });
      }
    });

    it('finds every object that is certainly there and that the reference run found', () => {
      let count = 0;
      for (const [picture, objects] of Object.entries(truth)) {
        for (const object of objects) {
          const right = (one: Found) =>
            (object.accept ?? [object.class]).includes(one.label) && iou(one.box, object.box) >= 0.5;
          const byReference = (expected.get(picture) ?? []).filter(right);
          if (byReference.length === 0) continue;
          count++;
          expect({ picture, object, found: (found.get(picture) ?? []).some(right) }).toMatchObject({ found: true });
        }
      }
      expect(count).toBeGreaterThanOrEqual(16);
    });

    it('gives boxes inside the picture, strongest first', async () => {
      for (const [picture, ours] of found) {
        const { width = 0, height = 0 } = await sharp(join(dir, 'images', picture)).metadata();
        for (const [
          i,
          {
            box: [x1, y1, x2, y2],
            score,
          },
        ] of ours.entries()) {
          expect(x1 >= 0 && y1 >= 0 && x2 <= width && y2 <= height && x1 < x2 && y1 < y2).toBe(true);
          expect(score).toBeLessThanOrEqual(ours[i - 1]?.score ?? 1);
        }
      }
    });
  });
}
