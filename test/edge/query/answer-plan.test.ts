import { describe, expect, it } from 'vitest';
import { gapsOf } from '../../../edge/query/answer-plan.js';

const segment = (n: number, first: number, count: number) => ({
  ...{ n, first, count, t0: 0, t1: 0, prev: '', hash: `${n}`, bytes: 1, path: `${n}` },
});
const lines = (...seqs: number[]) => seqs.map((s) => ({ s, text: '{}' }));
const slice = { node: 'cam1', epoch: 'aaaaaaaaaaaa', from: 1, to: 12 };

describe('gapsOf', () => {
  it('takes lines for what they are wherever they lie: before, between and behind segments', () => {
    const segments = [segment(1, 3, 3), segment(3, 8, 2)];
    expect(gapsOf({ ...slice, segments, lines: lines(1, 2, 6, 7, 10, 11, 12) })).toEqual([]);
    expect(gapsOf({ ...slice, segments, lines: lines(2, 7, 11) })).toEqual([
      [1, 1],
      [6, 6],
      [10, 10],
      [12, 12],
    ]);
    expect(gapsOf({ ...slice, segments: [], lines: [] })).toEqual([[1, 12]]);
  });
});
