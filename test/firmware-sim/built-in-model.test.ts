import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RgbPicture } from '../../edge/capture/frame.js';
import { loadDetector } from '../../edge/vision/detect/load-detector.js';
import type { OnnxDetector } from '../../edge/vision/detect/onnx-detector.js';
import { manifestPathOf, modelManifestSchema } from '../../edge/vision/model/manifest.js';
import { SCENE_LABELS } from '../../firmware-sim/scene/backdrops/stage.js';
import { SceneCamera } from '../../firmware-sim/scene/scene-camera.js';
import { makeMaterials } from '../../firmware-sim/scene/texture.js';
import { parseJson } from '../../protocol/codec.js';
import { averagePrecision, precisionAndRecall, type Scene } from './average-precision.js';

const MODEL_PATH = 'edge/models/vedette-sim.onnx';
const MODEL_WIDTH_PX = 256;
// Seeds of training are named train-..., those of the recipe's own evaluation heldout...: these are neither.
const SEED = 'built-in-model-test';

const materials = makeMaterials();
let detector: OnnxDetector;
beforeAll(async () => {
  detector = await loadDetector({ modelPath: MODEL_PATH });
});
afterAll(() => detector?.close());

// Moments of a live camera, 10 frames a second. In the last 28 seconds of every 90 nobody comes any more.
const BUSY = [150, 720, 2100, 4300];
const QUIET = [1165, 2065, 2965, 3865];

async function look(
  difficulty: 'demo' | 'training',
  scenes: number,
  indexes: readonly number[],
  scoreMin: number | undefined,
): Promise<Scene[]> {
  const results: Scene[] = [];
  const large = difficulty === 'demo';
  const [widthPx, heightPx] = large ? [640, 480] : [256, 192];
  for (let i = 0; i < scenes; i++) {
    const camera = new SceneCamera({ seed: `${SEED}/${i}`, widthPx, heightPx, fps: 10, difficulty, materials });
    for (const index of indexes) {
      const { rgb, truth } = camera.frame(index);
      const picture: RgbPicture = { kind: 'rgb', widthPx, heightPx, data: rgb };
      const found = await detector.detect(picture, scoreMin === undefined ? {} : { scoreMin });
      results.push({
        truth,
        found: found.map(({ label, score, box }) => ({ label, score, box: [box[0], box[1], box[2], box[3]] })),
        pxPerModelPx: widthPx / MODEL_WIDTH_PX,
      });
    }
  }
  return results;
}

// Two of the four hundred objects asked for: as many as another processor's rounding may push over the threshold.
const ROUNDING = 0.005;

describe('the built-in model', () => {
  it('is the file its manifest describes, under a megabyte', async () => {
    const bytes = await readFile(MODEL_PATH);
    const manifest = modelManifestSchema.parse(parseJson(await readFile(manifestPathOf(MODEL_PATH), 'utf8')));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(manifest.sha256);
    expect((await stat(MODEL_PATH)).size).toBeLessThan(1_000_000);
    expect(manifest.labels).toEqual([...SCENE_LABELS]);
    expect(manifest.licence).toBe('MIT');
    expect(manifest.training).toMatchObject({
      heldOut: { even: { mAP50: expect.any(Number) } },
      seed: expect.any(Number),
    });
  });

  it('finds what is in held-out scenes: mAP@50 at least 0.80, 0.90 for objects of 24 pixels and more', async () => {
    // Half as the live cameras show, half hard: see docs/built-in-model.md for what that is and for each alone.
    const scenes = [...(await look('training', 80, [0, 1, 2], 0.02)), ...(await look('demo', 60, BUSY, 0.02))];
    const mean = (heightMin: number): number =>
      SCENE_LABELS.reduce((sum, label) => sum + averagePrecision(scenes, label, heightMin), 0) / SCENE_LABELS.length;
    const figures = { all: mean(7), large: mean(24) };
    console.log('mAP@50', figures);
    expect(figures.all).toBeGreaterThanOrEqual(0.8);
    expect(figures.large).toBeGreaterThanOrEqual(0.9);
  }, 120_000);

  it('finds 95 of 100 at least half visible in the scenes of the demo, and 95 of 100 it finds are there', async () => {
    const scenes = await look('demo', 60, BUSY, undefined);
    const figures = precisionAndRecall(scenes, SCENE_LABELS, 0.5);
    console.log('demo', figures);
    expect(figures.asked).toBeGreaterThan(300);
    expect(figures.precision).toBeGreaterThanOrEqual(0.95 - ROUNDING);
    expect(figures.recall).toBeGreaterThanOrEqual(0.95 - ROUNDING);
  }, 120_000);

  it('invents at most one thing in twenty empty pictures', async () => {
    const empty = (await look('demo', 25, QUIET, undefined)).filter((scene) => scene.truth.length === 0);
    const invented = empty.reduce((sum, scene) => sum + scene.found.length, 0);
    console.log('empty pictures', { pictures: empty.length, invented });
    expect(empty.length).toBeGreaterThan(40);
    expect(invented).toBeLessThanOrEqual(empty.length / 20);
  }, 120_000);
});
