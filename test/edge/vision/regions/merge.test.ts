import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BoxXyxyPx } from '../../../../edge/vision/box.js';
import type { Detection } from '../../../../edge/vision/detection.js';
import { mergeLooks } from '../../../../edge/vision/regions/merge.js';

const LEFT: BoxXyxyPx = [0, 0, 416, 416];
const RIGHT: BoxXyxyPx = [300, 0, 716, 416];
const WHOLE: BoxXyxyPx = [0, 0, 1280, 720];
const seen = (label: string, score: number, ...box: [number, number, number, number]): Detection => ({
  classId: 0,
  label,
  score,
  box,
});
const merge = (...looks: { region: BoxXyxyPx; detections: Detection[] }[]) =>
  mergeLooks(looks, 1280, 720).map(({ label, score, box, isClipped }) => [
    label,
    score,
    ...box,
    ...(isClipped ? ['clipped'] : []),
  ]);

describe('merging the looks of a frame', () => {
  test('of twins the unclipped one stays although its score is lower', () => {
    const cut = seen('person', 0.9, 340, 100, 414, 300);
    const whole = seen('person', 0.7, 340, 100, 470, 300);
    expect(merge({ region: LEFT, detections: [cut] }, { region: RIGHT, detections: [whole] })).toEqual([
      ['person', 0.7, 340, 100, 470, 300],
    ]);
  });

  test('a small piece at the edge of a crop goes when the whole is there', () => {
    const piece = seen('car', 0.8, 380, 120, 415, 200);
    expect(
      merge(
        { region: LEFT, detections: [piece] },
        { region: RIGHT, detections: [seen('car', 0.9, 380, 100, 600, 220)] },
      ),
    ).toHaveLength(1);
    expect(merge({ region: LEFT, detections: [piece] })).toEqual([['car', 0.8, 380, 120, 415, 200, 'clipped']]);
  });

  test('an object at the edge of the picture is not clipped', () => {
    expect(merge({ region: LEFT, detections: [seen('person', 0.8, 0, 0, 50, 90)] })).toEqual([
      ['person', 0.8, 0, 0, 50, 90],
    ]);
  });

  test('the same object in two crops is one, the more certain', () => {
    const detections = [
      { region: LEFT, detections: [seen('dog', 0.5, 320, 50, 400, 120)] },
      { region: RIGHT, detections: [seen('dog', 0.6, 322, 52, 398, 118)] },
    ];
    expect(merge(...detections)).toEqual([['dog', 0.6, 322, 52, 398, 118]]);
  });

  test('two people who overlap in one look stay two', () => {
    const detections = [seen('person', 0.86, 312, 114, 397, 269), seen('person', 0.6, 337, 81, 395, 200)];
    expect(merge({ region: WHOLE, detections })).toHaveLength(2);
  });

  test('one thing under two names keeps the more certain name; things on one another keep theirs', () => {
    const kite = [seen('person', 0.68, 66, 38, 107, 112), seen('kite', 0.36, 66, 37, 108, 112)];
    expect(merge({ region: WHOLE, detections: kite })).toEqual([['person', 0.68, 66, 38, 107, 112]]);
    const van = [seen('car', 0.5, 100, 100, 300, 200), seen('truck', 0.6, 105, 95, 310, 205)];
    expect(merge({ region: WHOLE, detections: van })).toEqual([['truck', 0.6, 105, 95, 310, 205]]);
    const rider = [seen('person', 0.8, 100, 100, 140, 200), seen('bicycle', 0.6, 90, 140, 150, 210)];
    expect(merge({ region: WHOLE, detections: rider })).toHaveLength(2);
  });

  test('a child before a bus is no part of it, in another crop either', () => {
    const looks = [
      { region: LEFT, detections: [seen('bus', 0.9, 10, 10, 400, 400)] },
      { region: [100, 100, 516, 516] as BoxXyxyPx, detections: [seen('bus', 0.5, 200, 300, 240, 390)] },
    ];
    expect(merge(...looks)).toHaveLength(2);
  });

  test('loses nothing but repeats, invents nothing, sorts by score', () => {
    const detection = fc.tuple(
      fc.constantFrom('person', 'car', 'dog'),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 600 }),
      fc.integer({ min: 0, max: 600 }),
    );
    fc.assert(
      fc.property(fc.array(detection, { maxLength: 20 }), (list) => {
        const detections = list.map(([label, score, x, y]) => seen(label, score, x, y, x + 40, y + 60));
        const merged = mergeLooks([{ region: WHOLE, detections }], 1280, 720);
        expect(
          merged.every((one) => detections.some((other) => other.box === one.box && other.score === one.score)),
        ).toBe(true);
        expect(merged.map((one) => one.score)).toEqual(merged.map((one) => one.score).sort((a, b) => b - a));
        if (detections.length > 0) expect(merged.length).toBeGreaterThan(0);
        expect(mergeLooks([{ region: WHOLE, detections: merged }], 1280, 720)).toHaveLength(merged.length);
      }),
    );
  });
});
