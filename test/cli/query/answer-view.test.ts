import { describe, expect, it } from 'vitest';
import type { QueryResult } from '../../../base/query/query-coordinator.js';
import { SessionToken } from '../../../base/query/session-token.js';
import { Terminal } from '../../../base/terminal/terminal.js';
import { answerForPrograms, renderAnswer, renderTrust } from '../../../cli/query/answer-view.js';
import { QuerySpec } from '../../../protocol/query.js';

const SPEC = QuerySpec.parse({ shape: 'count' });

function resultOf(more: Partial<QueryResult>): QueryResult {
  return {
    ...{ shape: 'count', count: 7, rows: [], bars: [], again: 0, confidence: 'confirmed', complete: true, missing: [] },
    ...{ replicas: ['cam1', 'cam3'], absent: [], digests: [], lost: [], findings: [], cut: [], asOf: [] },
    token: new SessionToken(),
    ...more,
  };
}

const MENDED = resultOf({
  confidence: 'verified',
  replicas: ['cam1', 'cam2', 'cam3'],
  lost: ['cam2'],
  findings: [
    { node: 'cam2', segments: 12, rotten: 2, mended: 1 },
    { node: 'cam3', segments: 12, rotten: 0, mended: 0 },
  ],
});

describe('what an answer is worth', () => {
  it('says who read again, who said something else before, and what was rotten', () => {
    const [first, ...rest] = renderTrust(MENDED, 0, 80).trimEnd().split('\n');
    expect(first).toMatch(/^verified, read again from disk: cam1, cam2, cam3; complete;/);
    expect(rest).toEqual([
      '  cam2 read 12 segments again: 2 rotten, 1 of them mended',
      '  said something else at first: cam2',
    ]);
  });

  it('says the same to programs', () => {
    expect(answerForPrograms(MENDED, SPEC, 0, 80)).toMatchObject({
      confidence: 'verified',
      lost: ['cam2'],
      checked: MENDED.findings,
    });
  });

  it('says how many of those counted a second owner of a source told as well', () => {
    const result = resultOf({ again: 2 });
    expect(renderTrust(result, 0, 80)).toContain(
      '  2 of the 7 counted told by a second owner of the same source as well, of the same frame\n',
    );
    expect(answerForPrograms(result, SPEC, 0, 80)).toMatchObject({ count: 7, again: 2 });
  });

  it('does not speak of reading again where nobody had to', () => {
    expect(renderTrust(resultOf({}), 0, 80)).toBe('confirmed by cam1, cam3; complete; of no known age; 80 ms\n');
  });
});

describe('a list of audits', () => {
  it('has the verdict, and which record it is about, who looked, and how they differ', () => {
    const out = new Terminal({ write: () => true }, {});
    const about = { of: { n: 'cam1', e: 'abcdefghijkl', s: 7 }, m: 'a'.repeat(64), by: ['cam2', 'cam3'], c: 'front' };
    const audit = { s: 3, t: 0, k: 'audit', ...about, j: '0123456789abcdef', at: 0 };
    const rows = [
      { ...audit, v: 'disputed', why: 'other-label' },
      { ...audit, v: 'valid', odd: 'cam3' },
    ].map((r) => ({ n: 'cam2', e: 'abcdefghijkl', r }));
    const lines = renderAnswer(out, resultOf({ shape: 'list', rows }), QuerySpec.parse({ shape: 'list' })).split('\n');
    expect(lines[2]).toMatch(
      / cam2 +front +audit +disputed +- +- +- +- +of cam1 abcdefghijkl 7: other-label, by cam2 and cam3$/,
    );
    expect(lines[3]).toMatch(/ valid .* of cam1 abcdefghijkl 7, by cam2 and cam3, cam3 alone saw something else$/);
  });
});

describe('a list of alerts', () => {
  it('has the rule where tracks have their label, and the text', () => {
    const out = new Terminal({ write: () => true }, {});
    const r = {
      s: 3,
      t: 0,
      k: 'alert',
      r: 'too-hot',
      ev: 'raise',
      sev: 'warning',
      x: '31 °C\u001b[2J',
      v: { temperature: 31 },
    };
    const rows = [{ n: 'cam1', e: 'abcdefghijkl', r }];
    const lines = renderAnswer(out, resultOf({ shape: 'list', rows }), QuerySpec.parse({ shape: 'list' })).split('\n');
    expect(lines[2]).toMatch(/ cam1 +- +alert +raise +- +too-hot +- +- +31 °C\ufffd\[2J$/);
  });
});

describe('an answer with doubtful records', () => {
  const out = new Terminal({ write: () => true }, {});
  const LIST = QuerySpec.parse({ shape: 'list' });
  const doubt = {
    ...{ node: 'cam2', model: 'a'.repeat(64), by: ['cam1', 'cam3'], of: 2, sinceMs: 60_000, disputed: 5, valid: 1 },
    last: { e: 'abcdefghijkl', s: 9 },
  };
  const spans = [{ node: 'cam2', fromMs: 60_000, toMs: Number.POSITIVE_INFINITY }];
  const doubtful = { nodes: [doubt], spans, count: 1, bars: [], isExact: true };
  const row = (n: string, t: number) => ({ n, e: 'abcdefghijkl', r: { s: 3, t, k: 'track', l: 'person' } });
  const listed = resultOf({
    shape: 'list',
    rows: [row('cam2', 60_000), row('cam2', 59_999), row('cam1', 1)],
    doubtful,
  });

  it('marks the rows of a list, and says who doubts whom', () => {
    const lines = renderAnswer(out, listed, LIST).split('\n');
    expect(lines[0]).toMatch(/^time +node +doubt +camera/);
    expect(lines.slice(2, 5).map((line) => line.split(/ +/)[3])).toEqual(['doubtful', '-', '-']);
    const trust = renderTrust(listed, 0, 80).split('\n');
    expect(trust[1]).toMatch(/newest|DOUBTFUL/);
    expect(trust.join('\n')).toContain('  DOUBTFUL: 1 of the 3 listed\n');
    expect(trust.join('\n')).toMatch(
      / {4}cam2 since 1970-01-01 .*: doubted by cam1, cam3 \(2 of 2 that could\), 5 results disputed and 1 valid, the last one abcdefghijkl 9, model aaaaaaaaaaaa/,
    );
  });

  it('tells programs row by row, and all that is known', () => {
    const answer = answerForPrograms(listed, LIST, 0, 80);
    expect(answer).toMatchObject({ doubtful: { count: 1, exact: true, nodes: [doubt] } });
    expect(answer).toHaveProperty('rows.0.doubtful', true);
    expect(answer).not.toHaveProperty('rows.1.doubtful');
  });

  it('draws the doubtful part of a bar in another way', () => {
    const spec = QuerySpec.parse({ shape: 'histogram', bucketMs: 60_000 });
    const bars: [number, number][] = [
      [0, 10],
      [60_000, 10],
      [120_000, 1],
    ];
    const part: [number, number][] = [
      [60_000, 5],
      [120_000, 1],
    ];
    const result = resultOf({ shape: 'histogram', bars, doubtful: { ...doubtful, count: 6, bars: part } });
    const [first, second, third] = renderAnswer(out, result, spec).split('\n');
    expect(first).toMatch(/ 10 {2}#+$/);
    expect(second).toMatch(/ 10 {2}(#+)\?+$/);
    expect(third).toMatch(/ 1 {2}\?+$/);
    expect(second?.length).toBe(first?.length);
    expect(answerForPrograms(result, spec, 0, 80)).toMatchObject({
      buckets: [{ count: 10 }, { count: 10, doubtful: 5 }, { count: 1, doubtful: 1 }],
    });
  });

  it('says that there may be more where a part is not known', () => {
    const result = resultOf({ doubtful: { ...doubtful, isExact: false } });
    expect(renderTrust(result, 0, 80)).toContain('DOUBTFUL: at least 1 of the 7 counted');
  });

  it('says until when, where the node was given another model since', () => {
    const past = { ...doubtful, spans: [{ node: 'cam2', fromMs: 60_000, toMs: 120_000 }] };
    expect(renderTrust(resultOf({ doubtful: past }), 0, 80)).toMatch(/cam2 since \S+ \S+ until \S+ \S+: doubted by/);
  });

  it('has not a word of it where nobody is doubted', () => {
    expect(renderAnswer(out, resultOf({ shape: 'list', rows: [row('cam1', 1)] }), LIST)).not.toContain('doubt');
    expect(renderTrust(resultOf({}), 0, 80)).not.toContain('DOUBT');
    expect(answerForPrograms(resultOf({}), SPEC, 0, 80)).toMatchObject({ doubtful: { count: 0, nodes: [] } });
  });
});
