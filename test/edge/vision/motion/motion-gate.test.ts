import { describe, expect, test } from 'vitest';
import type { BoxXyxyPx } from '../../../../edge/vision/box.js';
import { MotionSettings } from '../../../../edge/vision/config.js';
import { MotionGate, type MotionReading } from '../../../../edge/vision/motion/motion-gate.js';
import { coverage } from '../../../../edge/vision/regions/look.js';
import { type Rectangle, type SceneFrame, SyntheticScene } from '../synthetic-scene.js';

type Watch = {
  readonly seconds: number;
  readonly fps?: number;
  readonly frame: (atS: number, index: number) => SceneFrame;
};

/** Runs a gate over a scene, after one second of the empty scene. */
function watch(
  scene: SyntheticScene,
  { seconds, fps = 10, frame }: Watch,
  settings: Partial<MotionSettings> = {},
): MotionReading[] {
  const gate = new MotionGate(MotionSettings.parse(settings));
  const before = Math.max(3, fps);
  const noise = frame(0, 0).noise ?? 0;
  for (let i = 0; i < before; i++) gate.read(scene.render({ noise }), (i * 1000) / fps);
  return Array.from({ length: Math.round(seconds * fps) }, (_, i) =>
    gate.read(scene.render(frame(i / fps, i)), ((before + i) * 1000) / fps),
  );
}

const quiet = (readings: readonly MotionReading[]) => readings.every((reading) => reading.boxes.length === 0);
const square = (x: number, y = 100, side = 40, level = 220): Rectangle => ({ x, y, width: side, height: side, level });
const boxOf = (object: Rectangle): BoxXyxyPx => [object.x, object.y, object.x + object.width, object.y + object.height];

describe('the motion gate stays quiet', () => {
  test.each([0, 3, 8, 16, 25])('on a still scene with pixel noise of deviation %d', (noise) => {
    expect(quiet(watch(new SyntheticScene(`noise-${noise}`), { seconds: 8, frame: () => ({ noise }) }))).toBe(true);
  });

  test('while the light falls to 60 % in ten seconds', () => {
    const readings = watch(new SyntheticScene('dusk'), {
      seconds: 12,
      frame: (s) => ({ gain: Math.max(0.6, 1 - 0.04 * s) }),
    });
    expect(quiet(readings)).toBe(true);
    expect(readings.every((reading) => reading.state === 'watching')).toBe(true);
  });

  test('when the exposure jumps by a third', () => {
    expect(
      quiet(watch(new SyntheticScene('exposure'), { seconds: 4, frame: (s) => ({ gain: s < 1 ? 1 : 0.67 }) })),
    ).toBe(true);
  });

  test('under a flash, and has its old background back at once after it', () => {
    const scene = new SyntheticScene('lightning');
    const readings = watch(scene, {
      seconds: 3,
      frame: (_, i) => (i === 5 || i === 6 ? { offset: 160, gain: 1.4 } : {}),
    });
    expect(quiet(readings)).toBe(true);
    expect(readings[5]?.state).toBe('disturbed');
    expect(readings[8]?.state).toBe('watching');
    expect(readings[8]?.changedFraction).toBe(0);
  });

  test.each([2, 4])('while the camera trembles by up to %d pixels', (reach) => {
    const frame = (_: number, i: number) => ({
      shiftX: ((i * 7) % (2 * reach + 1)) - reach,
      shiftY: ((i * 5) % (2 * reach + 1)) - reach,
    });
    expect(quiet(watch(new SyntheticScene(`tremble-${reach}`), { seconds: 6, frame }))).toBe(true);
  });

  test('when a gust pushes the camera by 4 cells and lets it go', () => {
    const frame = (_: number, i: number) => (i >= 10 && i < 16 ? { shiftX: 8, shiftY: -6 } : {});
    expect(quiet(watch(new SyntheticScene('gust'), { seconds: 4, frame }))).toBe(true);
  });

  test('on a mask, and takes masked changes for no lightning', () => {
    const masks: [number, number][][] = [
      [
        [0, 0],
        [0.7, 0],
        [0.7, 1],
        [0, 1],
      ],
    ];
    const frame = (s: number) => ({
      objects: [{ x: 0, y: 0, width: 200, height: 240, level: 100 + 100 * Math.sin(9 * s) }],
    });
    const readings = watch(new SyntheticScene('mask'), { seconds: 5, frame }, { masks });
    expect(quiet(readings)).toBe(true);
    expect(readings.every((reading) => reading.state === 'watching')).toBe(true);
  });

  test('on a thing smaller than areaMin, and sees the same thing when areaMin allows it', () => {
    const frame = (s: number) => ({ objects: [square(40 + 30 * s, 100, 8)] });
    expect(quiet(watch(new SyntheticScene('fly'), { seconds: 4, frame }, { areaMin: 0.01 }))).toBe(true);
    expect(quiet(watch(new SyntheticScene('fly'), { seconds: 4, frame }, { areaMin: 0.0002 }))).toBe(false);
  });
});

describe('the motion gate sees', () => {
  test.each([
    [10, 0],
    [10, 12],
    [5, 6],
    [2, 0],
  ])('a walker in every frame at %d frames/s with noise %d', (fps, noise) => {
    const at = (s: number) => square(20 + 40 * s);
    const readings = watch(new SyntheticScene(`walker-${fps}`), {
      seconds: 5,
      fps,
      frame: (s) => ({ objects: [at(s)], noise }),
    });
    readings.forEach((reading, i) => {
      expect(coverage(boxOf(at(i / fps)), reading.boxes), `frame ${i}`).toBeGreaterThan(0.6);
    });
  });

  test('a walker while the camera trembles', () => {
    const frame = (s: number, i: number) => ({
      objects: [square(20 + 40 * s)],
      shiftX: (i % 3) - 1,
      shiftY: ((i + 1) % 3) - 1,
    });
    const readings = watch(new SyntheticScene('tremble'), { seconds: 4, frame });
    expect(readings.filter((reading) => reading.boxes.length > 0).length).toBeGreaterThan(0.9 * readings.length);
  });

  test('a walker in the first frame after a flash', () => {
    const frame = (s: number, i: number) => (i < 2 ? { offset: 160, gain: 1.4 } : { objects: [square(20 + 40 * s)] });
    const readings = watch(new SyntheticScene('flash'), { seconds: 2, frame });
    expect(readings[2]?.boxes.length).toBeGreaterThan(0);
  });

  test('a walker within a second of an infrared switch that turns the scene over', () => {
    const frame = (s: number) => ({
      gain: -0.8,
      offset: 230,
      objects: s < 1.5 ? [] : [square(20 + 30 * s, 100, 40, 10)],
    });
    const readings = watch(new SyntheticScene('infrared'), { seconds: 4, frame });
    expect(readings[0]?.state).toBe('disturbed');
    expect(quiet(readings.slice(0, 15))).toBe(true);
    expect(readings.slice(10, 15).every((reading) => reading.state === 'watching')).toBe(true);
    expect(readings.slice(16).every((reading) => reading.boxes.length > 0)).toBe(true);
  });

  test('a walker in the colours of another hue and the same brightness as the wall', () => {
    const frame = (s: number) => ({ objects: [{ ...square(20 + 40 * s), tint: 10 }] });
    const readings = watch(new SyntheticScene('hue'), { seconds: 4, frame });
    expect(readings.every((reading) => reading.boxes.length > 0)).toBe(true);
  });

  test('two walkers as two boxes', () => {
    const frame = (s: number) => ({ objects: [square(20 + 40 * s, 30), square(240 - 40 * s, 170)] });
    const readings = watch(new SyntheticScene('two'), { seconds: 4, frame });
    expect(readings.every((reading) => reading.boxes.length === 2)).toBe(true);
  });
});

describe('what comes to rest', () => {
  const parked = (s: number): SceneFrame => ({ objects: s < 20 ? [square(Math.min(150, 20 + 50 * s))] : [] });

  test('stops being motion within two seconds and becomes background after absorbAfterMs; the place it leaves does so too', () => {
    const readings = watch(new SyntheticScene('parked'), { seconds: 33, frame: parked }, { absorbAfterMs: 8000 });
    expect(quiet(readings.slice(0, 20))).toBe(false);
    expect(quiet(readings.slice(46, 199))).toBe(true);
    expect(readings[60]?.changedFraction).toBeGreaterThan(0);
    expect(readings[130]?.changedFraction).toBe(0);
    expect(quiet(readings.slice(200, 203))).toBe(false);
    expect(quiet(readings.slice(222))).toBe(true);
    expect(readings[300]?.changedFraction).toBe(0);
  });

  test('a camera that was turned is taken as it is within four seconds', () => {
    const readings = watch(new SyntheticScene('turned'), {
      seconds: 6,
      frame: (s) => (s < 1 ? {} : { shiftX: 40, shiftY: 20 }),
    });
    expect(quiet(readings.slice(50))).toBe(true);
  });
});

describe('beginnings', () => {
  test('gives no box while it calibrates', () => {
    const scene = new SyntheticScene('start');
    const gate = new MotionGate(MotionSettings.parse({ calibrateMs: 500 }));
    const states = [0, 1, 2, 3, 4, 5, 6].map((i) => gate.read(scene.render({ objects: [square(20 * i)] }), i * 100));
    expect(states.slice(0, 6).every((reading) => reading.state === 'calibrating' && reading.boxes.length === 0)).toBe(
      true,
    );
    expect(states[6]?.state).toBe('watching');
  });

  test('begins afresh with a picture of another size and after a reset', () => {
    const gate = new MotionGate(MotionSettings.parse({}));
    const small = new SyntheticScene('a', 160, 120).render();
    const large = new SyntheticScene('b', 320, 240).render();
    for (let i = 0; i < 10; i++) gate.read(small, i * 100);
    expect(gate.read(small, 1000).state).toBe('watching');
    expect(gate.read(large, 1100).state).toBe('calibrating');
    for (let i = 12; i < 22; i++) gate.read(large, i * 100);
    expect(gate.read(large, 2200).state).toBe('watching');
    gate.reset();
    expect(gate.read(large, 2300).state).toBe('calibrating');
  });

  test('bears pictures of a single pixel, a clock that stands and one that runs backwards', () => {
    const gate = new MotionGate(MotionSettings.parse({}));
    const dot = { kind: 'rgb' as const, widthPx: 1, heightPx: 1, data: new Uint8Array(3) };
    for (const monoMs of [1000, 1000, 5000, 2000, 9000, 9500]) expect(gate.read(dot, monoMs).boxes).toEqual([]);
  });
});
