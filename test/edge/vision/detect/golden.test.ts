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

const side = z.number();
const box = z.tuple([side, side, side, side]);
const expectedSchema = z.record(
  z.string(),
  z.record(z.string(), z.array(z.object({ class: z.string(), score: z.number(), box }))),
);
const truthSchema = z.record(
  z.string(),
  z.array(z.object({ class: z.string(), box, accept: z.array(z.string()).optional() })),
);

const clipsSchema = z.record(
  z.string(),
  z.object({
    detections: z.record(
      z.string(),
      z.record(z.string(), z.array(z.tuple([z.string(), z.number(), side, side, side, side]))),
    ),
  }),
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

async function decode(path: string | Buffer): Promise<RgbPicture> {
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

// The clips are JPEG files one after the other: where one ends the next begins.
function splitJpegs(clip: Buffer): Buffer[] {
  const seam = Buffer.from([0xff, 0xd9, 0xff, 0xd8]);
  const pictures: Buffer[] = [];
  let start = 0;
  for (let at = clip.indexOf(seam); at >= 0; at = clip.indexOf(seam, at + 2)) {
    pictures.push(clip.subarray(start, at + 2));
    start = at + 2;
  }
  return [...pictures, clip.subarray(start)];
}

for (const fileName of ['yolox_nano.onnx', 'FastestDet.onnx']) {
  describeWithFixtures(`${fileName} on real footage`, (dir) => {
    it('finds in every fifth frame what the reference run found, and nothing else', async () => {
      const clips = await readJson(join(dir, 'expected/video-detections.json'), clipsSchema);
      const detector = await loadDetector({ modelPath: join(dir, 'models', fileName) });
      const threshold = detector.manifest.thresholds.score;
      const scoreMin = threshold - SCORE_TOLERANCE;
      const wrong: unknown[] = [];
      let frames = 0;
      for (const [clip, { detections }] of Object.entries(clips)) {
        const pictures = splitJpegs(await readFile(join(dir, 'videos', clip)));
        for (const [frame, byModel] of Object.entries(detections)) {
          const jpeg = pictures[Number(frame)];
          if (jpeg === undefined) throw new Error(`${clip} has ${pictures.length} frames`);
          const rows = byModel[fileName] ?? [];
          const reference = rows.map(([label, score, ...corners]): Found => ({ label, score, box: corners }));
          const ours = await detector.detect(await decode(jpeg), { scoreMin });
          const missed = unmatched(reference, ours, threshold);
          const extra = unmatched(ours, reference, threshold);
          if (missed.length + extra.length > 0) wrong.push({ clip, frame, missed, extra });
          frames++;
        }
      }
      await detector.close();
      expect(frames).toBeGreaterThan(100);
      expect(wrong).toEqual([]);
    }, 60_000);
  });
}
