import { describe, expect, it } from 'vitest';
import type { NodeDoubt } from '../../../base/doubts.js';
import { doubtedIn, doubtfulOf, doubtQuestions, isRowDoubtful, type PartAnswer } from '../../../base/query/doubtful.js';
import { QuerySpec } from '../../../protocol/query.js';

const doubt = (node: string, sinceMs = 1_000): NodeDoubt => ({
  ...{ node, model: 'a'.repeat(64), by: ['cam3', 'cam4'], of: 3, sinceMs },
  ...{ disputed: 4, valid: 1, last: { e: 'aaaaaaaaaaaa', s: 9 } },
});
const log = (node: string, epoch = 'aaaaaaaaaaaa') => ({ node, epoch, from: 1, to: 9 });
const part = (more: Partial<PartAnswer> = {}): PartAnswer => ({
  ...{ count: 3, bars: [], complete: true, confidence: 'confirmed', replicas: ['cam3'] },
  ...more,
});
const row = (n: string, t: number) => ({ n, e: 'aaaaaaaaaaaa', r: { s: 1, t, k: 'track' } });

describe('doubtedIn', () => {
  it('names the doubted nodes of a cut once, and nobody else', () => {
    const doubted = new Map(['cam2', 'cam9'].map((node) => [node, doubt(node)]));
    const cut = [log('cam2'), log('cam1'), log('cam2', 'bbbbbbbbbbbb')];
    expect(doubtedIn({ cut }, { auditing: [], doubted, past: [] }).map(({ node }) => node)).toEqual(['cam2']);
  });
});

describe('doubtQuestions', () => {
  const spec = (more: object) => QuerySpec.parse({ shape: 'count', ...more });

  it('asks the same of each doubted node from its first disputed record on', () => {
    const filter = { label: 'person', fromMs: 2_000, toMs: 9_000 };
    expect(doubtQuestions(spec({ filter }), [doubt('cam1', 500), doubt('cam2', 5_000)])).toEqual([
      spec({ filter: { ...filter, node: 'cam1', fromMs: 2_000 } }),
      spec({ filter: { ...filter, node: 'cam2', fromMs: 5_000 } }),
    ]);
  });

  it('asks nothing where all that was asked about is older', () => {
    expect(doubtQuestions(spec({ filter: { toMs: 999 } }), [doubt('cam1')])).toEqual([]);
    expect(doubtQuestions(spec({ filter: { toMs: 1_000 } }), [doubt('cam1')])).toHaveLength(1);
  });

  it('asks nothing for a list, whose rows tell, and no more than so many questions', () => {
    const many = Array.from({ length: 40 }, (_, i) => doubt(`cam${i}`));
    expect(doubtQuestions(spec({ shape: 'list' }), many)).toEqual([]);
    expect(doubtQuestions(spec({}), many)).toHaveLength(16);
  });
});

describe('doubtfulOf', () => {
  it('counts the doubtful rows of a list', () => {
    const rows = [row('cam1', 5_000), row('cam2', 999), row('cam2', 1_000)];
    expect(doubtfulOf({ shape: 'list', rows }, [doubt('cam2')], [])).toMatchObject({ count: 1, isExact: true });
    expect(rows.map((one) => isRowDoubtful(one, [doubt('cam2')]))).toEqual([false, false, true]);
  });

  it('adds up numbers and bars of several nodes', () => {
    const answers = [
      part({
        bars: [
          [60_000, 2],
          [120_000, 1],
        ],
      }),
      part({ count: 4, bars: [[60_000, 4]] }),
    ];
    expect(doubtfulOf({ shape: 'histogram', rows: [] }, [doubt('cam1'), doubt('cam2')], answers)).toMatchObject({
      count: 7,
      bars: [
        [60_000, 6],
        [120_000, 1],
      ],
      isExact: true,
    });
  });

  it.each([
    ['is partial', { complete: false }],
    ['is in conflict', { confidence: 'conflict' }],
    ['was given by nobody', { replicas: [] }],
  ] as const)('does not call a number exact whose part %s', (_why, more) => {
    expect(doubtfulOf({ shape: 'count', rows: [] }, [doubt('cam1')], [part(more)]).isExact).toBe(false);
  });

  it('nor one of more nodes than were asked about', () => {
    const many = Array.from({ length: 17 }, (_, i) => doubt(`cam${i}`));
    expect(doubtfulOf({ shape: 'count', rows: [] }, many, [part()]).isExact).toBe(false);
  });
});
