import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../../base/random.js';
import { findShift } from '../../../../edge/vision/motion/camera-shake.js';
import { createCellPlane, fillCellPlane } from '../../../../edge/vision/motion/cell-plane.js';
import { ComponentFinder } from '../../../../edge/vision/motion/components.js';
import { fitLight } from '../../../../edge/vision/motion/light-model.js';
import { NoiseMeter } from '../../../../edge/vision/motion/noise-meter.js';

describe('cell plane', () => {
  test.each([
    [640, 480, 160, 120],
    [768, 432, 153, 86],
    [1920, 1080, 160, 90],
    [320, 240, 160, 120],
    [100, 60, 100, 60],
    [5000, 3, 1666, 1],
  ])('a picture of %dx%d becomes %dx%d cells', (widthPx, heightPx, widthCells, heightCells) => {
    expect(createCellPlane(widthPx, heightPx)).toMatchObject({ widthCells, heightCells });
  });

  test('every cell of a picture of one colour has its luma', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 300 }),
        fc.uint8Array({ minLength: 3, maxLength: 3 }),
        (w, h, [r = 0, g = 0, b = 0]) => {
          const data = Uint8Array.from({ length: w * h * 3 }, (_, i) => [r, g, b][i % 3] ?? 0);
          const plane = createCellPlane(w, h);
          fillCellPlane(plane, { kind: 'rgb', widthPx: w, heightPx: h, data });
          const luma = (2 * r + 5 * g + b) / 8;
          expect(plane.luma.every((cell) => Math.abs(cell - luma) < 0.001)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a cell sees only its own block', () => {
    const plane = createCellPlane(640, 480);
    const data = new Uint8Array(640 * 480 * 3);
    for (let y = 8; y < 12; y++) data.fill(255, (y * 640 + 12) * 3, (y * 640 + 16) * 3);
    fillCellPlane(plane, { kind: 'rgb', widthPx: 640, heightPx: 480, data });
    expect(plane.luma[2 * 160 + 3]).toBeCloseTo(255, 3);
    expect(plane.luma.reduce((sum, cell) => sum + cell, 0)).toBeCloseTo(255, 2);
  });

  test.each([
    [640, 480],
    [1280, 720],
    [768, 432],
    [330, 250],
    [100, 60],
  ])('of %dx%d a cell is the mean of the white fields of its block', (widthPx, heightPx) => {
    const random = new Random(widthPx);
    const data = Uint8Array.from({ length: widthPx * heightPx * 3 }, () => random.int(256));
    const plane = createCellPlane(widthPx, heightPx);
    const { cellPx, widthCells } = plane;
    fillCellPlane(plane, { kind: 'rgb', widthPx, heightPx, data });
    const stepPx = Math.max(1, Math.floor(cellPx / 4));
    for (const cell of [0, 1, widthCells - 1, widthCells + 2, plane.luma.length - 1]) {
      const [x, y] = [(cell % widthCells) * cellPx, Math.floor(cell / widthCells) * cellPx];
      const sums = [0, 0, 0, 0];
      for (let row = 0; row * stepPx < cellPx; row++) {
        for (let column = 0; column * stepPx < cellPx; column++) {
          if (cellPx > 1 && (row + column) % 2 === 1) continue;
          const at = ((y + row * stepPx) * widthPx + x + column * stepPx) * 3;
          for (let colour = 0; colour < 3; colour++) sums[colour] = (sums[colour] ?? 0) + (data[at + colour] ?? 0);
          sums[3] = (sums[3] ?? 0) + 1;
        }
      }
      const [red = 0, green = 0, blue = 0, samples = 0] = sums;
      expect(plane.luma[cell]).toBeCloseTo((2 * red + 5 * green + blue) / (8 * samples), 3);
      expect(plane.chroma[cell]).toBeCloseTo((red - blue) / (2 * samples), 3);
    }
  });
});

const scene = (seed: number, cells = 4800) => {
  const random = new Random(seed);
  return Float32Array.from({ length: cells }, () => random.range(20, 200));
};

describe('light', () => {
  test('finds gain and offset although a third of the picture is something else', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.7, max: 1.25, noNaN: true }),
        fc.double({ min: -15, max: 15, noNaN: true }),
        (gain, offset) => {
          const before = scene(1);
          const now = before.map((level, i) => (i < 1600 ? 250 : gain * level + offset));
          const light = fitLight(before, now, new Uint8Array(before.length));
          expect(light.gain).toBeCloseTo(gain, 1);
          expect(light.gain * 110 + light.offset).toBeCloseTo(gain * 110 + offset, -0.5);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('changes nothing when nothing changed, nor on a blank wall, nor when all is masked', () => {
    const before = scene(2);
    const light = fitLight(before, before, new Uint8Array(before.length));
    expect(light.gain).toBeCloseTo(1, 6);
    expect(light.offset).toBeCloseTo(0, 4);
    const wall = new Float32Array(4800).fill(90);
    const darker = fitLight(
      wall,
      wall.map((level) => level - 5),
      new Uint8Array(4800),
    );
    expect(darker.gain * 90 + darker.offset).toBeCloseTo(85, 4);
    expect(fitLight(before, wall, new Uint8Array(4800).fill(1))).toEqual({ gain: 1, offset: 0 });
  });
});

describe('camera shake', () => {
  const width = 80;
  const height = 60;
  const texture = scene(3, width * height);
  const shifted = (dx: number, dy: number) =>
    Float32Array.from({ length: width * height }, (_, i) => {
      const x = (i % width) - dx;
      const y = Math.floor(i / width) - dy;
      return texture[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] ?? 0;
    });
  const light = { gain: 1, offset: 0 };

  test.each([
    [1, 0],
    [-3, 2],
    [4, -4],
    [0, -1],
  ])('finds a shift by %d, %d cells', (dx, dy) => {
    expect(findShift(texture, shifted(dx, dy), width, height, light)).toEqual({ dx, dy });
  });

  test('finds none in a still picture, in another picture, and beyond its reach', () => {
    expect(findShift(texture, texture, width, height, light)).toEqual({ dx: 0, dy: 0 });
    expect(findShift(texture, scene(4, width * height), width, height, light)).toEqual({ dx: 0, dy: 0 });
    expect(findShift(texture, shifted(9, 0), width, height, light)).toEqual({ dx: 0, dy: 0 });
    expect(findShift(texture, shifted(1, 0), 8, 600, light)).toEqual({ dx: 0, dy: 0 });
  });
});

describe('components', () => {
  const map = (rows: readonly string[]) => Uint8Array.from(rows.join(''), (cell) => (cell === '#' ? 1 : 0));
  const rows = ['##......', '##......', '........', '.....#..', '#....#.#', '........'];

  test('joins cells up to two apart, largest first, and leaves out what is smaller than asked', () => {
    const finder = new ComponentFinder(8, 6);
    const none = new Uint8Array(48);
    expect(finder.find(map(rows), none, 1)).toEqual([
      { x1: 0, y1: 0, x2: 1, y2: 1, area: 4, areaActive: 0 },
      { x1: 5, y1: 3, x2: 7, y2: 4, area: 3, areaActive: 0 },
      { x1: 0, y1: 4, x2: 0, y2: 4, area: 1, areaActive: 0 },
    ]);
    expect(finder.find(map(rows), map(rows), 3).map(({ area, areaActive }) => [area, areaActive])).toEqual([
      [4, 4],
      [3, 3],
    ]);
    expect(finder.find(none, none, 1)).toEqual([]);
  });

  test('every set cell lies in exactly one component', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 300, maxLength: 300, max: 3 }), (cells) => {
        const set = cells.map((cell) => (cell === 0 ? 1 : 0));
        const found = new ComponentFinder(20, 15).find(set, set, 1);
        expect(found.reduce((sum, component) => sum + component.area, 0)).toBe(
          set.reduce((sum, cell) => sum + cell, 0),
        );
      }),
    );
  });
});

describe('noise meter', () => {
  test.each([0.5, 2, 6])('measures a deviation of %d although a third of the picture moves', (deviation) => {
    const random = new Random(deviation);
    const frame = () =>
      Float32Array.from({ length: 6000 }, (_, i) =>
        i % 10 < 3 ? random.range(0, 255) : 100 + deviation * random.normal(),
      );
    const meter = new NoiseMeter();
    let before = frame();
    let noise = 0;
    for (let i = 0; i < 100; i++) {
      const now = frame();
      noise = meter.read(before, now, new Uint8Array(6000), 100);
      before = now;
    }
    // The moving third pulls the median up a little; it must not pull it far.
    expect(noise).toBeGreaterThan(0.8 * deviation);
    expect(noise).toBeLessThan(3 * deviation);
  });

  test('says 0 on a dead still picture', () => {
    expect(new NoiseMeter().read(new Float32Array(90), new Float32Array(90), new Uint8Array(90), 100)).toBe(0);
  });
});
