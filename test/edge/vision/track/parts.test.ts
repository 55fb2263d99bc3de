import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BoxXyxyPx } from '../../../../edge/vision/box.js';
import { ObjectSettings } from '../../../../edge/vision/config.js';
import { polygonContains, standingPoint } from '../../../../edge/vision/polygon.js';
import type { MergedDetection } from '../../../../edge/vision/regions/merge.js';
import { assign } from '../../../../edge/vision/track/assignment.js';
import { DetectionFilter } from '../../../../edge/vision/track/detection-filter.js';
import { familyOf } from '../../../../edge/vision/track/label-family.js';
import { MotionFilter } from '../../../../edge/vision/track/motion-filter.js';
import { Stillness } from '../../../../edge/vision/track/stillness.js';
import { labelsTracked } from '../../../../edge/vision/tracked-labels.js';

const NEVER = Number.NEGATIVE_INFINITY;

/** Most pairs first, then the largest sum: by trying everything. */
function bestByTrying(
  table: readonly (readonly number[])[],
  row = 0,
  used: readonly number[] = [],
): { pairs: number; sum: number } {
  if (row === table.length) return { pairs: 0, sum: 0 };
  let best = bestByTrying(table, row + 1, used);
  table[row]?.forEach((value, column) => {
    if (value === NEVER || used.includes(column)) return;
    const rest = bestByTrying(table, row + 1, [...used, column]);
    const candidate = { pairs: rest.pairs + 1, sum: rest.sum + value };
    if (candidate.pairs > best.pairs || (candidate.pairs === best.pairs && candidate.sum > best.sum)) best = candidate;
  });
  return best;
}

describe('assignment', () => {
  const affinity = fc.oneof(
    fc.constant(NEVER),
    fc.integer({ min: -4, max: 21 }).map((value) => value / 20),
  );

  test('makes as many pairs as can be, with the largest sum, each side used once', () => {
    const tables = fc
      .integer({ min: 0, max: 5 })
      .chain((columns) => fc.array(fc.array(affinity, { minLength: columns, maxLength: columns }), { maxLength: 5 }));
    fc.assert(
      fc.property(tables, (table) => {
        const columns = table[0]?.length ?? 0;
        const result = [...assign(table.length, columns, (row, column) => table[row]?.[column] ?? NEVER)];
        const made = result.flatMap((column, row) => (column >= 0 ? [table[row]?.[column] ?? NEVER] : []));
        const taken = result.filter((column) => column >= 0);
        expect(new Set(taken).size).toBe(taken.length);
        expect(made).not.toContain(NEVER);
        const best = bestByTrying(table);
        expect(made.length).toBe(best.pairs);
        expect(made.reduce((sum, value) => sum + value, 0)).toBeCloseTo(best.sum, 9);
      }),
      { numRuns: 300 },
    );
  });

  test('gives two crossing walkers the better pairing, not the best single pair', () => {
    const table = [
      [0.9, 0.8],
      [0.8, 0.1],
    ];
    expect([...assign(2, 2, (row, column) => table[row]?.[column] ?? 0)]).toEqual([1, 0]);
  });
});

describe('motion filter', () => {
  const at = (s: number, speed: number): BoxXyxyPx => [speed * s, 100, speed * s + 60, 250];

  test.each([10, 5, 2])(
    'knows the speed of a walker at %d frames/s and expects them within a tenth of their size',
    (fps) => {
      const filter = new MotionFilter(at(0, 80), 0);
      for (let i = 1; i <= 2 * fps; i++) {
        filter.predict((i * 1000) / fps, false);
        if (i > fps) expect(Math.abs(filter.box[0] - at(i / fps, 80)[0])).toBeLessThan(9.5);
        filter.correct(at(i / fps, 80));
      }
      expect(filter.speedPxS[0]).toBeCloseTo(80, -1);
      expect(filter.speedPxS[1]).toBeCloseTo(0, 6);
    },
  );

  test('slows down while nobody sees it, and does not leap after a pause of an hour', () => {
    const filter = new MotionFilter(at(0, 80), 0);
    for (let i = 1; i <= 20; i++) {
      filter.predict(i * 100, false);
      filter.correct(at(i / 10, 80));
    }
    const before = filter.box[0];
    filter.predict(3_602_000, true);
    expect(filter.box[0] - before).toBeLessThan(100);
    expect(filter.speedPxS[0]).toBeLessThan(60);
  });

  test('stays finite on boxes without area and on a clock that stands', () => {
    const filter = new MotionFilter([5, 5, 5, 5], 100);
    for (let i = 0; i < 5; i++) {
      filter.predict(100, false);
      filter.correct([5, 5, 5, 5]);
    }
    expect(filter.box.every(Number.isFinite)).toBe(true);
  });
});

describe('stillness', () => {
  const box = (x: number): BoxXyxyPx => [x, 0, x + 100, 100];
  const after = (positions: readonly number[]) => {
    const stillness = new Stillness(box(positions[0] ?? 0), 0);
    for (const [i, x] of positions.entries()) stillness.see(box(x), (i + 1) * 1000, 5000);
    return stillness.isStationary;
  };

  test.each<[string, number[], boolean]>([
    ['keeping still for long enough', [0, 2, 0, 1, 0], true],
    ['keeping still for a second less', [0, 2, 0, 1], false],
    ['walking', [0, 20, 40, 60, 80, 100, 120], false],
    ['creeping', [0, 6, 12, 18, 24, 30, 36, 42, 48], false],
    ['a single leap of the detector while stationary', [0, 0, 0, 0, 0, 80, 0], true],
    ['leaving the place', [0, 0, 0, 0, 0, 60, 90], false],
    ['leaning out of the place while stationary', [0, 0, 0, 0, 0, 25, 25, 25], true],
  ])('%s', (_, positions, isStationary) => {
    expect(after(positions)).toBe(isStationary);
  });

  test('four frames in one instant prove nothing, nor do two looks an hour apart', () => {
    const burst = new Stillness(box(0), 0);
    for (let i = 0; i < 9; i++) burst.see(box(0), 10, 5000);
    expect(burst.isStationary).toBe(false);
    const rare = new Stillness(box(0), 0);
    rare.see(box(0), 3_600_000, 5000);
    expect(rare.isStationary).toBe(false);
  });
});

describe('families', () => {
  test('a van by any name is one family; people and unknown things are their own', () => {
    expect(new Set(['car', 'truck', 'bus'].map(familyOf)).size).toBe(1);
    expect(familyOf('person')).toBe('person');
    expect(familyOf('forklift')).toBe('forklift');
    expect(familyOf('car')).not.toBe(familyOf('bicycle'));
  });
});

describe('detection filter', () => {
  const seen = (label: string, score: number, box: BoxXyxyPx): MergedDetection => ({
    classId: 0,
    label,
    score,
    box,
    isClipped: false,
  });
  const filter = (objects: object, labels = ['person', 'car', 'kite']) =>
    new DetectionFilter(ObjectSettings.parse(objects), labels, 0.4);
  const person: BoxXyxyPx = [100, 100, 140, 200];
  const kept = (objects: object, detection: MergedDetection) =>
    filter(objects)
      .apply([detection], 1000, 1000)
      .map(({ isStrong }) => isStrong);

  test.each<[string, object, MergedDetection, boolean[]]>([
    ['a sure person', {}, seen('person', 0.4, person), [true]],
    ['an unsure one is kept for tracks that are there', {}, seen('person', 0.39, person), [false]],
    ['below half of scoreMin is noise', {}, seen('person', 0.19, person), []],
    ['a label that is not tracked', {}, seen('kite', 0.9, person), []],
    ['a label that is asked for', { labels: ['kite'] }, seen('kite', 0.9, person), [true]],
    ['too small', { filter: { areaMin: 0.0041 } }, seen('person', 0.9, person), []],
    ['just large enough', { filter: { areaMin: 0.004 } }, seen('person', 0.9, person), [true]],
    ['too large', { filter: { areaMax: 0.0039 } }, seen('person', 0.9, person), []],
    ['too wide', { filter: { ratioMax: 0.39 } }, seen('person', 0.9, person), []],
    ['too narrow', { filter: { ratioMin: 0.41 } }, seen('person', 0.9, person), []],
    [
      'own rule of the label',
      { filter: { ratioMax: 0.1 }, perLabel: { person: { ratioMax: 1 } } },
      seen('person', 0.9, person),
      [true],
    ],
    ['own score of the label', { perLabel: { person: { scoreMin: 0.95 } } }, seen('person', 0.9, person), [false]],
    [
      'feet on a mask',
      {
        filter: {
          masks: [
            [
              [0, 0.15],
              [1, 0.15],
              [1, 0.25],
              [0, 0.25],
            ],
          ],
        },
      },
      seen('person', 0.9, person),
      [],
    ],
    [
      'head on a mask',
      {
        filter: {
          masks: [
            [
              [0, 0],
              [1, 0],
              [1, 0.15],
              [0, 0.15],
            ],
          ],
        },
      },
      seen('person', 0.9, person),
      [true],
    ],
    ['a box without area', {}, seen('person', 0.9, [5, 5, 5, 9]), []],
  ])('%s', (_, objects, detection, expected) => {
    expect(kept(objects, detection)).toEqual(expected);
  });

  test('takes all labels of a model that knows none of the default ones, and none when asked for unknown ones', () => {
    expect(labelsTracked(ObjectSettings.parse({}), ['pear', 'apple'])).toEqual(['pear', 'apple']);
    expect(labelsTracked(ObjectSettings.parse({}), ['pear', 'dog', 'person'])).toEqual(['dog', 'person']);
    expect(labelsTracked(ObjectSettings.parse({ labels: ['cat'] }), ['pear', 'apple'])).toEqual([]);
  });

  test('asks the detector for half of the smallest score it can use', () => {
    expect(filter({}).scoreFloor).toBeCloseTo(0.2, 9);
    expect(filter({ perLabel: { car: { scoreMin: 0.1 } } }).scoreFloor).toBeCloseTo(0.05, 9);
    expect(filter({ filter: { scoreMin: 0.9 } }).scoreFloor).toBeCloseTo(0.2, 9);
    expect(filter({}).rule('person')?.threshold).toBeCloseTo(0.45, 9);
  });
});

describe('polygons', () => {
  const square = [
    [0.2, 0.2],
    [0.8, 0.2],
    [0.8, 0.8],
    [0.2, 0.8],
  ] as const;

  test.each([
    [0.5, 0.5, true],
    [0.1, 0.5, false],
    [0.5, 0.9, false],
    [0.79, 0.21, true],
  ])('%d, %d lies in the square: %s', (x, y, isInside) => {
    expect(polygonContains(square, x, y)).toBe(isInside);
  });

  test('feet on the lower edge of the picture stand in a zone that reaches it', () => {
    const [x, y] = standingPoint([600, 300, 700, 480], 640, 480);
    expect(
      polygonContains(
        [
          [0, 0.5],
          [1, 0.5],
          [1, 1],
          [0, 1],
        ],
        x,
        y,
      ),
    ).toBe(true);
    expect(polygonContains([], 0.5, 0.5)).toBe(false);
  });
});
