import { describe, expect, it } from 'vitest';
import { gapsOf, planAnswer } from '../../../edge/query/answer-plan.js';
import { QuerySpec } from '../../../protocol/query.js';

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

describe('planAnswer', () => {
  const held = (node: string, epoch: string, frontier: number, frozenAfter?: number) => ({
    ...{ node, epoch, first: 1, frontier },
    ...(frozenAfter === undefined ? {} : { frozenAfter }),
  });
  const [a, b, c, d] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc', 'dddddddddddd'] as const;

  it('tells of what is held beyond the cut: more of a log, and logs it does not name, these first', () => {
    const logs = [held('cam1', a, 100), held('cam1', b, 7), held('cam2', c, 50), held('cam2', d, 60, 50)];
    const reader = {
      logs: () => logs,
      slice: (node: string, epoch: string, from: number, to: number) => ({
        ...{ node, epoch, from, to },
        ...{ segments: [segment(0, 1, 100)], lines: [] },
      }),
      isForgotten: () => false,
    };
    const cut: [string, string, number][] = [
      ['cam1', a, 97],
      ['cam2', c, 50],
      ['cam2', d, 50],
    ];
    expect(planAnswer({ cut }, QuerySpec.parse({ shape: 'count' }), reader)).toMatchObject({
      missing: [],
      also: [
        ['cam1', b, 1, 7],
        ['cam1', a, 1, 100],
      ],
    });
  });
});
