import { describe, expect, it } from 'vitest';
import { readBoxes } from '../../../../edge/sharing/offers/answer-boxes.js';
import type { SharedBox } from '../../../../protocol/shared-box.js';

const ASKED = { widthPx: 100, heightPx: 50, labels: new Set(['person', 'dog']) };
const box = (b: SharedBox['b'], more: Partial<SharedBox> = {}): SharedBox => ({ l: 'person', p: 0.5, b, ...more });

describe('boxes of an answer', () => {
  it('are taken when they are of the picture, cut to it where they lie a hair outside', () => {
    expect(readBoxes([box([10, 10, 20, 20]), box([-0.5, 0, 100.5, 50.9], { l: 'dog' })], ASKED)).toEqual([
      box([10, 10, 20, 20]),
      box([0, 0, 100, 50], { l: 'dog' }),
    ]);
    expect(readBoxes([], ASKED)).toEqual([]);
  });

  it.each([
    ['not a number', box([Number.NaN, 10, 20, 20])],
    ['without end', box([0, 0, Number.POSITIVE_INFINITY, 20])],
    ['inside out', box([20, 10, 10, 20])],
    ['without area', box([10, 10, 10, 20])],
    ['left of the picture', box([-2, 10, 20, 20])],
    ['below the picture', box([10, 10, 20, 52])],
    ['of a label the model does not have', box([10, 10, 20, 20], { l: 'unicorn' })],
    ['with no score', box([10, 10, 20, 20], { p: Number.NaN })],
    ['surer than sure', box([10, 10, 20, 20], { p: 1.1 })],
  ])('are all refused when one is %s', (_, bad) => {
    expect(readBoxes([box([10, 10, 20, 20]), bad], ASKED)).toBeUndefined();
  });
});
