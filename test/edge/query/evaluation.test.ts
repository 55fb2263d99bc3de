import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerDigest, canonicalJson } from '../../../base/query/answer-digest.js';
import { ColumnCache } from '../../../edge/query/column-cache.js';
import { Evaluation, TooManyBarsError } from '../../../edge/query/evaluation.js';
import { QUERY_SHAPES, QuerySpec } from '../../../protocol/query.js';
import { evaluatedAnswer, filters, logs, plainAnswer, type TestLog, type TestRun } from './record-lines.js';

const specs = fc
  .record({ shape: fc.constantFrom(...QUERY_SHAPES), filter: filters, limit: fc.integer({ min: 1, max: 30 }) })
  .map((spec) => QuerySpec.parse({ ...spec, bucketMs: 60_000 }));

/** Cuts every log into runs at random places and shuffles them: segments and open ends as copies come to have them. */
const cuttings = fc.record({ cuts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }), order: fc.nat() });

function runsOf(held: readonly TestLog[], cutting: { cuts: readonly number[]; order: number }): TestRun[] {
  const runs: TestRun[] = [];
  for (const { node, epoch, records } of held) {
    for (let i = 0, c = 0; i < records.length; c++) {
      const count = cutting.cuts[c % cutting.cuts.length] ?? 1;
      const lines = records.slice(i, i + count).map((record) => JSON.stringify(record));
      runs.push({ node, epoch, first: i + 1, lines });
      i += count;
    }
  }
  const turn = runs.length === 0 ? 0 : cutting.order % runs.length;
  return [...runs.slice(turn), ...runs.slice(0, turn)];
}

describe('Evaluation', () => {
  it('answers as a plain search does, whatever the records, the filter and the shape', () => {
    fc.assert(
      fc.property(logs, specs, cuttings, (held, spec, cutting) => {
        const answer = evaluatedAnswer(runsOf(held, cutting), spec);
        expect(answer).toEqual(plainAnswer(held, spec));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same digest however the records lie and in whatever order they come', () => {
    fc.assert(
      fc.property(logs, specs, cuttings, cuttings, (held, spec, one, other) => {
        const digest = answerDigest(evaluatedAnswer(runsOf(held, one), spec));
        expect(answerDigest(evaluatedAnswer(runsOf(held, other), spec))).toBe(digest);
      }),
      { numRuns: 300 },
    );
  });

  it('takes exactly the prefix at the cut', () => {
    fc.assert(
      fc.property(logs, specs, cuttings, fc.nat(45), (held, spec, cutting, cut) => {
        const answer = evaluatedAnswer(runsOf(held, cutting), spec, () => cut);
        expect(answer).toEqual(plainAnswer(held, spec, () => cut));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the newest rows of many, and counts them all', () => {
    const spec = QuerySpec.parse({ shape: 'list', limit: 3 });
    const lines = Array.from({ length: 10_000 }, (_, i) => `{"s":${i + 1},"t":${(i * 7_919) % 10_007},"k":"x"}`);
    const answer = evaluatedAnswer([{ node: 'cam1', epoch: 'aaaaaaaaaaaa', first: 1, lines }], spec);
    expect(answer.count).toBe(10_000);
    expect(answer.rows.map(({ r }) => r.t)).toEqual([10_006, 10_005, 10_004].filter((t) => t < 10_007));
  });

  it('passes over lines that are no records', () => {
    const lines = ['{"s":1,"t":5,"k":"x"}', 'null', '[]', '{"t":"5","k":"x"}', '{"s":5,"t":6}', '{', ''];
    const spec = QuerySpec.parse({ shape: 'list' });
    const answer = evaluatedAnswer([{ node: 'cam1', epoch: 'aaaaaaaaaaaa', first: 1, lines }], spec);
    expect(answer.rows.map(({ r }) => r.s)).toEqual([1]);
  });

  it('refuses to draw more bars than an answer takes', () => {
    const spec = QuerySpec.parse({ shape: 'histogram', bucketMs: 60_000 });
    const lines = Array.from({ length: 10_001 }, (_, i) => `{"s":${i + 1},"t":${i * 60_000},"k":"x"}`);
    const cache = new ColumnCache(20_000);
    const run = { node: 'cam1', epoch: 'aaaaaaaaaaaa', first: 1, source: { kind: 'lines' as const, lines } };
    const add = (count: number) => {
      const evaluation = new Evaluation(spec);
      evaluation.add({ ...run, columns: cache.build(lines.slice(0, count)) }, 1, count, cache.words);
      return evaluation.bars().length;
    };
    expect(add(10_000)).toBe(10_000);
    expect(() => add(10_001)).toThrow(TooManyBarsError);
  });
});

describe('ColumnCache', () => {
  it('begins a new table of words when one is full, and goes on', () => {
    const cache = new ColumnCache(1_000);
    const spec = QuerySpec.parse({ shape: 'count', filter: { label: 'l70001' } });
    const evaluation = new Evaluation(spec);
    for (let first = 1; first <= 70_100; first += 100) {
      const lines = Array.from({ length: 100 }, (_, i) => `{"s":${first + i},"t":1,"k":"x","l":"l${first + i}"}`);
      const columns = cache.build(lines);
      const source = { kind: 'lines' as const, lines };
      evaluation.add({ node: 'cam1', epoch: 'aaaaaaaaaaaa', first, columns, source }, 1, 100_000, cache.words);
    }
    expect(evaluation.count).toBe(1);
  });
});

describe('canonicalJson', () => {
  it('does not depend on the order of keys', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'é' }], a: true })).toBe('{"a":true,"b":[1,{"c":"é","d":null}]}');
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
