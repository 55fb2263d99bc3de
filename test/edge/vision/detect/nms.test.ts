import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { iou } from '../../../../edge/vision/box.js';
import { CANDIDATES_MAX, Candidates } from '../../../../edge/vision/detect/candidates.js';
import { planGeometry } from '../../../../edge/vision/detect/input-geometry.js';
import { DETECTIONS_MAX, Nms } from '../../../../edge/vision/detect/nms.js';

type Box = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
type One = Box & { readonly score: number; readonly label: number };

const SIDE = 256;
const anyBox = fc.record({
  x: fc.integer({ min: 0, max: 200 }),
  y: fc.integer({ min: 0, max: 200 }),
  w: fc.integer({ min: 1, max: 56 }),
  h: fc.integer({ min: 1, max: 56 }),
  // Few scores and classes, so that equal ones meet.
  score: fc.integer({ min: 1, max: 20 }).map((n) => n / 20),
  label: fc.integer({ min: 0, max: 2 }),
});
const anyIou = fc.integer({ min: 1, max: 19 }).map((n) => n / 20);

function candidatesOf(ones: readonly One[]): Candidates {
  const candidates = new Candidates();
  candidates.start(planGeometry({ widthPx: SIDE, heightPx: SIDE, resize: 'stretch' }, [0, 0, SIDE, SIDE]));
  for (const { x, y, w, h, score, label } of ones) candidates.add(x, y, x + w, y + h, score, label);
  return candidates;
}

function asOne(candidates: Candidates, at: number): One {
  const [x1, y1, x2, y2] = candidates.boxAt(at);
  return { x: x1, y: y1, w: x2 - x1, h: y2 - y1, score: candidates.scores[at] ?? 0, label: candidates.labels[at] ?? 0 };
}

function select(ones: readonly One[], iouMax: number | undefined): One[] {
  const candidates = candidatesOf(ones);
  return Array.from(new Nms().select(candidates, iouMax), (at) => asOne(candidates, at));
}

const corners = ({ x, y, w, h }: Box) => [x, y, x + w, y + h] as const;

describe('NMS', () => {
  it('keeps no two boxes of a class that overlap more than allowed', () => {
    fc.assert(
      fc.property(fc.array(anyBox, { maxLength: 60 }), anyIou, (ones, iouMax) => {
        const kept = select(ones, iouMax);
        for (const [i, a] of kept.entries()) {
          for (const b of kept.slice(i + 1)) {
            if (a.label === b.label) expect(iou(corners(a), corners(b))).toBeLessThanOrEqual(iouMax + 1e-6);
          }
        }
      }),
    );
  });

  it('drops only what a stronger box of its class that is kept covers', () => {
    fc.assert(
      fc.property(fc.array(anyBox, { maxLength: 60 }), anyIou, (ones, iouMax) => {
        const kept = select(ones, iouMax);
        for (const one of ones) {
          const covered = kept.some(
            (other) =>
              other.label === one.label &&
              other.score >= Math.fround(one.score) &&
              iou(corners(other), corners(one)) > iouMax - 1e-6,
          );
          const isKept = kept.some((other) => other.x === one.x && other.y === one.y && other.w === one.w);
          expect(covered || isKept).toBe(true);
        }
      }),
    );
  });

  it('keeps the strongest, gives them in order, and changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(anyBox, { minLength: 1, maxLength: 60 }), anyIou, (ones, iouMax) => {
        const kept = select(ones, iouMax);
        expect(kept[0]?.score).toBeCloseTo(Math.max(...ones.map(({ score }) => score)), 6);
        for (const [i, one] of kept.entries()) expect(one.score).toBeLessThanOrEqual(kept[i - 1]?.score ?? 1);
        expect(select(kept, iouMax)).toEqual(kept);
      }),
    );
  });

  it('keeps both of two people side by side, which corners read as x, y, w, h would not', () => {
    const side = [
      { x: 20, y: 10, w: 4, h: 10, score: 0.9, label: 0 },
      { x: 24.5, y: 10, w: 4, h: 10, score: 0.8, label: 0 },
    ];
    expect(select(side, 0.4)).toHaveLength(2);
  });

  it('leaves a box of another class alone, and everything where the graph has done it', () => {
    const same = { x: 10, y: 10, w: 50, h: 50 };
    const ones = [
      { ...same, score: 0.9, label: 0 },
      { ...same, score: 0.8, label: 1 },
      { ...same, score: 0.7, label: 0 },
    ];
    expect(select(ones, 0.5).map(({ score, label }) => [Math.round(score * 10), label])).toEqual([
      [9, 0],
      [8, 1],
    ]);
    expect(select(ones, undefined)).toHaveLength(3);
  });

  it(`gives ${DETECTIONS_MAX} at most, the strongest`, () => {
    const ones = Array.from({ length: 400 }, (_, i) => ({
      x: i / 2,
      y: 1,
      w: 1,
      h: 1,
      score: (i + 1) / 400,
      label: i % 7,
    }));
    const kept = select(ones, undefined);
    expect(kept).toHaveLength(DETECTIONS_MAX);
    expect(Math.min(...kept.map(({ score }) => score))).toBeCloseTo(101 / 400, 6);
  });
});

describe('candidates', () => {
  const start = () => candidatesOf([]);

  it('drops and counts what is not finite, turned over, outside or without a label', () => {
    const candidates = start();
    candidates.add(Number.NaN, 1, 2, 3, 0.9, 0);
    candidates.add(1, 1, Number.POSITIVE_INFINITY, 3, 0.9, 0);
    candidates.add(1, 1, 2, 3, Number.NaN, 0);
    candidates.add(5, 1, 2, 3, 0.9, 0);
    candidates.add(5, 1, 5, 3, 0.9, 0);
    candidates.add(-9, -9, -1, -1, 0.9, 0);
    candidates.add(1, 1, 2, 3, 0.9, -1);
    expect(candidates.count).toBe(0);
    expect(candidates.drops).toEqual({ notFinite: 3, inverted: 2, outside: 1, unknownClass: 1, overflow: 0 });
  });

  it('clips a box that hangs over the edge of the picture', () => {
    const candidates = start();
    candidates.add(-20, 10, 30, 400, 0.9, 1);
    expect(candidates.boxAt(0)).toEqual([0, 10, 30, SIDE]);
  });

  it('keeps the strongest of too many and counts the rest', () => {
    const total = 3 * CANDIDATES_MAX;
    const candidates = start();
    for (let i = 0; i < total; i++) candidates.add(1, 1, 2, 2, ((i * 7919) % total) / total, 0);
    expect(candidates.count).toBeLessThanOrEqual(CANDIDATES_MAX);
    expect(candidates.count + candidates.drops.overflow).toBe(total);
    const best = [...candidates.scores.subarray(0, candidates.count)].sort((a, b) => b - a).slice(0, 500);
    expect(best).toEqual(Array.from({ length: 500 }, (_, i) => Math.fround((total - 1 - i) / total)));
  });

  it('keeps no more than it can hold when all scores are equal', () => {
    const candidates = start();
    for (let i = 0; i < 3 * CANDIDATES_MAX; i++) candidates.add(1, 1, 2, 2, 0.5, 0);
    expect(candidates.count).toBeLessThanOrEqual(CANDIDATES_MAX);
    expect(candidates.count).toBeGreaterThanOrEqual(CANDIDATES_MAX / 2);
  });
});
