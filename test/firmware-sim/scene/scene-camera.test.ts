import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SCENE_FAMILIES } from '../../../firmware-sim/scene/backdrops/stage.js';
import { SceneCamera, type SceneCameraOptions } from '../../../firmware-sim/scene/scene-camera.js';
import { makeMaterials } from '../../../firmware-sim/scene/texture.js';

const materials = makeMaterials();

function camera(options: Partial<SceneCameraOptions> = {}): SceneCamera {
  return new SceneCamera({
    seed: 'scene-test',
    widthPx: 320,
    heightPx: 240,
    fps: 10,
    difficulty: 'demo',
    materials,
    ...options,
  });
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('scene camera', () => {
  it.each(['demo', 'training'] as const)(
    'gives the same %s frames twice, with materials shared or its own',
    (difficulty) => {
      const { materials: _shared, ...own } = { seed: 4, widthPx: 320, heightPx: 240, fps: 10, difficulty, materials };
      const first = camera({ seed: 4, difficulty });
      const second = new SceneCamera(own);
      for (const index of [0, 1, 17, 90]) {
        const a = first.frame(index);
        const b = second.frame(index);
        expect(hash(b.rgb)).toBe(hash(a.rgb));
        expect(b.truth).toEqual(a.truth);
      }
    },
  );

  it('gives an earlier frame again as it was, and the same frame whether those before it were asked for or not', () => {
    const steps = camera();
    const hashes = new Map<number, string>();
    for (let index = 0; index <= 60; index++) hashes.set(index, hash(steps.frame(index).rgb));
    const jumps = camera();
    for (const index of [60, 12, 40]) expect(hash(jumps.frame(index).rgb)).toBe(hashes.get(index));
  });

  it('shows another scene for another seed', () => {
    expect(hash(camera({ seed: 'a' }).frame(0).rgb)).not.toBe(hash(camera({ seed: 'b' }).frame(0).rgb));
  });

  it('never repeats a picture bit for bit, even while nothing moves', () => {
    const still = camera({ family: 'room' });
    const hashes = new Set(Array.from({ length: 50 }, (_, index) => hash(still.frame(index).rgb)));
    expect(hashes.size).toBe(50);
  });

  it.each(SCENE_FAMILIES)('tells boxes inside the picture, bounded by visible pixels, in a %s', (family) => {
    for (const difficulty of ['demo', 'training'] as const) {
      const scene = camera({ family, difficulty });
      let objects = 0;
      for (let index = 0; index < 400; index += 20) {
        for (const object of scene.frame(index).truth) {
          const [x1, y1, x2, y2] = object.boxXyxyPx;
          const [wx1, wy1, wx2, wy2] = object.wholeBoxXyxyPx;
          expect(Math.min(x1, y1)).toBeGreaterThanOrEqual(0);
          expect(x2).toBeLessThanOrEqual(320);
          expect(y2).toBeLessThanOrEqual(240);
          expect(wx1 <= x1 && wy1 <= y1 && wx2 >= x2 && wy2 >= y2).toBe(true);
          expect(object.visiblePixels).toBeGreaterThan(0);
          expect(object.visiblePixels).toBeLessThanOrEqual((x2 - x1) * (y2 - y1));
          expect(object.visible).toBeGreaterThan(0);
          expect(object.visible).toBeLessThanOrEqual(1);
          objects++;
        }
      }
      expect(objects).toBeGreaterThan(10);
    }
  });

  it('tells of a window what a camera showing only that window would see', () => {
    const scene = camera({ family: 'street' });
    const truth = scene.frame(150).truth;
    const target = truth.find((object) => object.visible > 0.9);
    if (target === undefined) throw new Error('the scene of this seed has nobody in full view at frame 150');
    const [x1, y1, x2, y2] = target.boxXyxyPx;
    const middle = Math.floor((y1 + y2) / 2);
    const upper = scene.truthWithin([0, 0, 320, middle]).find((object) => object.actorId === target.actorId);
    const lower = scene.truthWithin([0, middle, 320, 240]).find((object) => object.actorId === target.actorId);
    expect(upper?.boxXyxyPx[3]).toBeLessThanOrEqual(middle);
    expect((upper?.visiblePixels ?? 0) + (lower?.visiblePixels ?? 0)).toBe(target.visiblePixels);
    expect(scene.truthWithin([0, 0, x1, 240]).some((object) => object.actorId === target.actorId)).toBe(false);
    expect(x2).toBeGreaterThan(x1);
  });

  it('is lively: people come and go, things are hidden and seen again, and at times nobody is there', () => {
    const counts: number[] = [];
    const leastVisible = new Map<number, number>();
    const mostVisible = new Map<number, number>();
    for (const seed of ['lively-1', 'lively-2', 'lively-3']) {
      const scene = camera({ seed, widthPx: 160, heightPx: 120 });
      for (let index = 0; index < 2400; index += 10) {
        const truth = scene.frame(index).truth;
        counts.push(truth.length);
        for (const { actorId, visible } of truth) {
          leastVisible.set(actorId, Math.min(visible, leastVisible.get(actorId) ?? 1));
          mostVisible.set(actorId, Math.max(visible, mostVisible.get(actorId) ?? 0));
        }
      }
    }
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    expect(mean).toBeGreaterThan(1.5);
    expect(mean).toBeLessThan(6);
    expect(counts.filter((count) => count === 0).length).toBeGreaterThan(10);
    expect(mostVisible.size).toBeGreaterThan(20);
    const hiddenOnce = [...leastVisible].filter(([id, least]) => least < 0.6 && (mostVisible.get(id) ?? 0) > 0.95);
    expect(hiddenOnce.length).toBeGreaterThan(5);
  });

  it('grows dark and light again in the course of its day', () => {
    const scene = camera({ family: 'street', widthPx: 160, heightPx: 120 });
    const brightness = Array.from({ length: 28 }, (_, i) => {
      const { rgb } = scene.frame(i * 300);
      return rgb.reduce((sum, value) => sum + value, 0) / rgb.length;
    });
    expect(Math.max(...brightness)).toBeGreaterThan(1.8 * Math.min(...brightness));
  });
});
