import { describe, expect, it } from 'vitest';
import type { NodeDoubt } from '../../../base/doubts.js';
import {
  doubtfulOf,
  doubtQuestions,
  doubtsIn,
  isRowDoubtful,
  modelQuestions,
  type PartAnswer,
  spansOf,
} from '../../../base/query/doubtful.js';
import { QuerySpec } from '../../../protocol/query.js';

const MODEL = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const FOREVER = Number.POSITIVE_INFINITY;

const doubt = (node: string, sinceMs = 1_000, model = MODEL): NodeDoubt => ({
  ...{ node, model, by: ['cam3', 'cam4'], of: 3, sinceMs },
  ...{ disputed: 4, valid: 1, last: { e: 'aaaaaaaaaaaa', s: 9 } },
});
const log = (node: string, epoch = 'aaaaaaaaaaaa') => ({ node, epoch, from: 1, to: 9 });
const part = (more: Partial<PartAnswer> = {}): PartAnswer => ({
  ...{ count: 3, rows: [], bars: [], complete: true, confidence: 'confirmed', replicas: ['cam3'] },
  ...more,
});
const row = (n: string, t: number, more: object = {}) => ({
  n,
  e: 'aaaaaaaaaaaa',
  r: { s: 1, t, k: 'track', ...more },
});
/** When a life of a node began, and with which model. */
type Began = readonly [node: string, atMs: number, model: string | null];
const lives = (...all: readonly Began[]) => {
  const rows = all.map(([n, t, sha256]) => row(n, t, { k: 'open', model: sha256 === null ? null : { sha256 } }));
  return [part({ rows })];
};

describe('doubtsIn', () => {
  it('names the doubts of the nodes of a cut, past ones too, and of nobody else', () => {
    const doubted = new Map(['cam2', 'cam9'].map((node) => [node, doubt(node)]));
    const past = [doubt('cam2', 5, OTHER), doubt('cam8', 5, OTHER)];
    const cut = [log('cam2'), log('cam1'), log('cam2', 'bbbbbbbbbbbb')];
    expect(doubtsIn({ cut }, { auditing: [], doubted, past })).toEqual([doubt('cam2', 5, OTHER), doubt('cam2')]);
  });
});

describe('modelQuestions', () => {
  it('asks once of each node, and of so many', () => {
    const [first, ...more] = modelQuestions([doubt('cam2'), doubt('cam2', 5, OTHER)]);
    expect(first).toMatchObject({ shape: 'list', filter: { node: 'cam2', kind: 'open' } });
    expect(more).toEqual([]);
    expect(modelQuestions(Array.from({ length: 40 }, (_, i) => doubt(`cam${i}`)))).toHaveLength(16);
  });
});

describe('spansOf', () => {
  const of = (...all: readonly Began[]) => spansOf([doubt('cam2')], lives(...all));
  const span = (fromMs: number, toMs: number) => ({ node: 'cam2', fromMs, toMs });

  it('goes on while the node does, over any number of its lives', () => {
    expect(spansOf([doubt('cam2')], [])).toEqual([span(1_000, FOREVER)]);
    expect(of(['cam2', 500, MODEL], ['cam2', 2_000, MODEL])).toEqual([span(1_000, FOREVER)]);
  });

  it('ends where the node began with another model, and comes back with the first', () => {
    expect(of(['cam2', 500, MODEL], ['cam2', 2_000, OTHER])).toEqual([span(1_000, 1_999)]);
    expect(of(['cam2', 2_000, OTHER], ['cam2', 3_000, MODEL])).toEqual([span(1_000, 1_999), span(3_000, FOREVER)]);
    expect(of(['cam2', 500, OTHER])).toEqual([]);
  });

  it('takes a life that began before its model was loaded for the one before', () => {
    expect(of(['cam2', 2_000, null])).toEqual([span(1_000, FOREVER)]);
    expect(of(['cam2', 2_000, OTHER], ['cam2', 3_000, null])).toEqual([span(1_000, 1_999)]);
  });

  it('does not look at the lives of others', () => {
    expect(of(['cam3', 2_000, OTHER])).toEqual([span(1_000, FOREVER)]);
  });

  it('joins spans of two doubted models, so that nothing is counted twice', () => {
    const both = [doubt('cam2', 1_000, MODEL), doubt('cam2', 2_500, OTHER)];
    const said = lives(['cam2', 500, MODEL], ['cam2', 2_000, OTHER]);
    expect(spansOf(both, said)).toEqual([span(1_000, 1_999), span(2_500, FOREVER)]);
    expect(spansOf(both, [])).toEqual([span(1_000, FOREVER)]);
  });
});

describe('doubtQuestions', () => {
  const spec = (more: object) => QuerySpec.parse({ shape: 'count', ...more });
  const span = (node: string, fromMs: number, toMs = FOREVER) => ({ node, fromMs, toMs });

  it('asks the same of each span, within what was asked', () => {
    const filter = { label: 'person', fromMs: 2_000, toMs: 9_000 };
    expect(doubtQuestions(spec({ filter }), [span('cam1', 500), span('cam2', 5_000, 6_000)])).toEqual([
      spec({ filter: { ...filter, node: 'cam1' } }),
      spec({ filter: { ...filter, node: 'cam2', fromMs: 5_000, toMs: 6_000 } }),
    ]);
    expect(doubtQuestions(spec({}), [span('cam1', 500)])).toEqual([spec({ filter: { node: 'cam1', fromMs: 500 } })]);
  });

  it('asks nothing where all that was asked about is older or younger', () => {
    expect(doubtQuestions(spec({ filter: { toMs: 999 } }), [span('cam1', 1_000)])).toEqual([]);
    expect(doubtQuestions(spec({ filter: { toMs: 1_000 } }), [span('cam1', 1_000)])).toHaveLength(1);
    expect(doubtQuestions(spec({ filter: { fromMs: 2_001 } }), [span('cam1', 1_000, 2_000)])).toEqual([]);
  });

  it('asks nothing for a list, whose rows tell, and no more than so many questions', () => {
    const many = Array.from({ length: 40 }, (_, i) => span(`cam${i}`, 1));
    expect(doubtQuestions(spec({ shape: 'list' }), many)).toEqual([]);
    expect(doubtQuestions(spec({}), many)).toHaveLength(32);
  });
});

describe('doubtfulOf', () => {
  const count = (answers: readonly PartAnswer[], known = lives(), nodes: readonly NodeDoubt[] = [doubt('cam1')]) =>
    doubtfulOf({ shape: 'count', rows: [] }, nodes, known, answers);

  it('counts the doubtful rows of a list', () => {
    const rows = [row('cam1', 5_000), row('cam2', 999), row('cam2', 1_000), row('cam2', 2_000)];
    const said = lives(['cam2', 2_000, OTHER]);
    const doubtful = doubtfulOf({ shape: 'list', rows }, [doubt('cam2')], said, []);
    expect(doubtful).toMatchObject({ count: 1, isExact: true });
    expect(rows.map((one) => isRowDoubtful(one, doubtful.spans))).toEqual([false, false, true, false]);
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
    const nodes = [doubt('cam1'), doubt('cam2')];
    expect(doubtfulOf({ shape: 'histogram', rows: [] }, nodes, lives(), answers)).toMatchObject({
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
    expect(count([part()]).isExact).toBe(true);
    expect(count([part(more)]).isExact).toBe(false);
    expect(count([part()], [part(more)]).isExact).toBe(false);
  });

  it('nor one of more nodes than were asked about', () => {
    const many = Array.from({ length: 17 }, (_, i) => doubt(`cam${i}`));
    expect(count([part()], lives(), many).isExact).toBe(false);
  });
});
