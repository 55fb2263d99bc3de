import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BoxXyxyPx, boxArea } from '../../../../edge/vision/box.js';
import { RegionSettings } from '../../../../edge/vision/config.js';
import type { MotionReading } from '../../../../edge/vision/motion/motion-gate.js';
import { coverage } from '../../../../edge/vision/regions/look.js';
import { chooseRegions, type RegionInput, type RegionTrack } from '../../../../edge/vision/regions/region-choice.js';
import { clusterRegions, regionAround, zoomOf } from '../../../../edge/vision/regions/region-geometry.js';

const shape = { widthPx: 1920, heightPx: 1080, inputWidthPx: 416, inputHeightPx: 416, margin: 1.35 };

const anyBox = fc
  .tuple(
    fc.integer({ min: 0, max: 1900 }),
    fc.integer({ min: 0, max: 1060 }),
    fc.integer({ min: 1, max: 500 }),
    fc.integer({ min: 1, max: 500 }),
  )
  .map(([x, y, w, h]): BoxXyxyPx => [x, y, Math.min(1920, x + w), Math.min(1080, y + h)]);

describe('regions', () => {
  test('are integer, inside the picture, hold their box whole and are never smaller than the model input', () => {
    fc.assert(
      fc.property(anyBox, (box) => {
        const region = regionAround(box, shape);
        expect(region.every(Number.isInteger)).toBe(true);
        expect(coverage(region, [[0, 0, 1920, 1080]])).toBe(1);
        expect(coverage(box, [region])).toBe(1);
        expect(region[2] - region[0]).toBeGreaterThanOrEqual(416);
        expect(region[3] - region[1]).toBeGreaterThanOrEqual(416);
      }),
    );
  });

  test('keep the aspect of the model unless the picture is too small for it', () => {
    const region = regionAround([900, 400, 960, 520], { ...shape, inputWidthPx: 320, inputHeightPx: 192 });
    expect(region).toEqual([770, 364, 1090, 556]);
    expect(regionAround([0, 0, 50, 800], shape)).toEqual([0, 0, 1080, 1080]);
    expect(regionAround([10, 10, 20, 20], { ...shape, widthPx: 300, heightPx: 200 })).toEqual([0, 0, 300, 200]);
  });

  test('joined, still hold every box and cost no more picture than apart', () => {
    fc.assert(
      fc.property(fc.array(anyBox, { maxLength: 12 }), (boxes) => {
        const regions = clusterRegions(boxes, shape);
        for (const box of boxes) expect(coverage(box, regions)).toBe(1);
        const apart = boxes.reduce((sum, box) => sum + boxArea(regionAround(box, shape)), 0);
        expect(regions.reduce((sum, region) => sum + boxArea(region), 0)).toBeLessThanOrEqual(apart);
      }),
    );
  });

  test('are those of the greedy rule carried out anew in each round: the two that spare most become one', () => {
    const union = (a: BoxXyxyPx, b: BoxXyxyPx): BoxXyxyPx => [
      ...([Math.min(a[0], b[0]), Math.min(a[1], b[1])] as const),
      ...([Math.max(a[2], b[2]), Math.max(a[3], b[3])] as const),
    ];
    const areaOf = (box: BoxXyxyPx) => boxArea(regionAround(box, shape));
    const greedily = (boxes: readonly BoxXyxyPx[]): readonly BoxXyxyPx[] => {
      const pairs = boxes.flatMap((a, i) => boxes.slice(i + 1).map((b) => ({ a, b, joined: union(a, b) })));
      const saving = ({ a, b, joined }: (typeof pairs)[number]) => areaOf(a) + areaOf(b) - areaOf(joined);
      const best = pairs.toSorted((one, other) => saving(other) - saving(one))[0];
      if (best === undefined || saving(best) < 0) return boxes;
      return greedily([...boxes.filter((box) => box !== best.a && box !== best.b), best.joined]);
    };
    fc.assert(
      fc.property(fc.array(anyBox, { maxLength: 16 }), (boxes) => {
        expect(clusterRegions(boxes, shape)).toEqual(greedily(boxes).map((box) => regionAround(box, shape)));
      }),
    );
  });

  test('two people side by side share a crop, two at the ends of the yard do not', () => {
    expect(
      clusterRegions(
        [
          [500, 500, 540, 600],
          [560, 500, 600, 600],
        ],
        shape,
      ),
    ).toHaveLength(1);
    expect(
      clusterRegions(
        [
          [100, 500, 140, 600],
          [1700, 500, 1740, 600],
        ],
        shape,
      ),
    ).toHaveLength(2);
  });

  test('zoom is 1 for the whole picture and above for a crop', () => {
    expect(zoomOf([0, 0, 1920, 1080], shape)).toBe(1);
    expect(zoomOf([0, 0, 480, 480], shape)).toBe(4);
  });
});

const still: MotionReading = { state: 'watching', boxes: [], changedFraction: 0, noiseLevels: 1 };
const moving = (...boxes: BoxXyxyPx[]): MotionReading => ({ ...still, boxes });
const track = (box: BoxXyxyPx, rest: Partial<RegionTrack> = {}): RegionTrack => ({
  box,
  isStationary: false,
  isUncertain: false,
  lookedMonoMs: 9000,
  ...rest,
});
const input = (rest: Partial<RegionInput>): RegionInput => ({
  widthPx: 1920,
  heightPx: 1080,
  inputWidthPx: 416,
  inputHeightPx: 416,
  monoMs: 10_000,
  motion: still,
  tracks: [],
  wholeMonoMs: 5000,
  ...rest,
});
const settings = RegionSettings.parse({});
const parked = track([300, 300, 400, 380], { isStationary: true });
const WHOLE = { regions: [[0, 0, 1920, 1080]], isWhole: true };

describe('the choice of regions', () => {
  test.each<[string, Partial<RegionInput>, object]>([
    ['rests on a still scene', {}, { regions: [], reason: 'still' }],
    ['rests beside a parked car', { tracks: [parked] }, { regions: [], reason: 'still' }],
    ['looks at everything at the start', { wholeMonoMs: undefined }, { ...WHOLE, reason: 'start' }],
    ['looks at everything after wholeEveryMs', { wholeMonoMs: 0 }, { ...WHOLE, reason: 'periodic' }],
    ['rests 1 ms before that', { wholeMonoMs: 1 }, { regions: [], reason: 'still' }],
    ['looks at everything without a gate', { motion: undefined }, { ...WHOLE, reason: 'motion' }],
    [
      'looks at everything while the light is strange',
      { motion: { ...still, state: 'disturbed' } },
      { ...WHOLE, reason: 'unsure' },
    ],
    [
      'but not four times a second',
      { motion: { ...still, state: 'disturbed' }, wholeMonoMs: 9800 },
      { regions: [], reason: 'still' },
    ],
    [
      'unless somebody is there',
      { motion: { ...still, state: 'disturbed' }, wholeMonoMs: 9800, tracks: [track([1, 1, 50, 90])] },
      { ...WHOLE, reason: 'unsure' },
    ],
    [
      'looks at motion',
      { motion: moving([900, 500, 940, 600]) },
      { regions: [[712, 342, 1128, 758]], isWhole: false, reason: 'motion' },
    ],
    [
      'looks at a walker who stands',
      { tracks: [track([900, 500, 940, 600])] },
      { regions: [[712, 342, 1128, 758]], reason: 'tracked' },
    ],
    [
      'looks at a parked car that moves',
      { tracks: [parked], motion: moving([350, 320, 420, 400]) },
      { isWhole: false, reason: 'motion' },
    ],
    [
      'rechecks a parked car',
      { tracks: [{ ...parked, lookedMonoMs: 5000 }] },
      { regions: [[142, 132, 558, 548]], reason: 'recheck' },
    ],
    ['rests 1 ms before that', { tracks: [{ ...parked, lookedMonoMs: 5001 }] }, { regions: [], reason: 'still' }],
    [
      'looks again for a parked car it has missed',
      { tracks: [{ ...parked, isUncertain: true }] },
      { isWhole: false, reason: 'tracked' },
    ],
    [
      'sees the whole for a thing that needs it anyway',
      { motion: moving([100, 100, 1500, 900]) },
      { ...WHOLE, reason: 'motion' },
    ],
    [
      'sees the whole for too many places',
      { motion: moving([0, 0, 9, 9], [600, 0, 609, 9], [1200, 0, 1209, 9], [1900, 0, 1909, 9]) },
      { ...WHOLE, reason: 'motion' },
    ],
    [
      'sees the whole of a picture hardly larger than the model input',
      { widthPx: 640, heightPx: 480, motion: moving([9, 9, 50, 90]) },
      { regions: [[0, 0, 640, 480]], isWhole: true },
    ],
    [
      'sees the whole for a track that is expected outside',
      { tracks: [track([-90, 10, -20, 90])] },
      { ...WHOLE, reason: 'tracked' },
    ],
  ])('%s', (_, changes, expected) => {
    expect(chooseRegions(input(changes), settings)).toMatchObject(expected);
  });

  test('never crops when told so', () => {
    const decision = chooseRegions(
      input({ motion: moving([900, 500, 940, 600]) }),
      RegionSettings.parse({ mode: 'whole' }),
    );
    expect(decision).toMatchObject(WHOLE);
  });

  test('never makes more calls than allowed, and looks at all that moves', () => {
    fc.assert(
      fc.property(
        fc.array(anyBox, { minLength: 1, maxLength: 10 }),
        fc.array(anyBox, { maxLength: 10 }),
        (boxes, tracked) => {
          const decision = chooseRegions(
            input({ motion: moving(...boxes), tracks: tracked.map((box) => track(box)) }),
            settings,
          );
          expect(decision.regions.length).toBeGreaterThan(0);
          expect(decision.regions.length).toBeLessThanOrEqual(settings.regionsMax);
          for (const box of [...boxes, ...tracked]) expect(coverage(box, decision.regions)).toBe(1);
        },
      ),
    );
  });
});
