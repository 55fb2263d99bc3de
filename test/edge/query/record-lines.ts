import fc from 'fast-check';
import { type AnswerContent, byNewest } from '../../../base/query/answer-digest.js';
import { sameSightings } from '../../../base/query/same-sighting.js';
import { ColumnCache } from '../../../edge/query/column-cache.js';
import { Evaluation } from '../../../edge/query/evaluation.js';
import { parseObject } from '../../../edge/query/record-fields.js';
import type { QueryFilter, QueryRow, QuerySpec } from '../../../protocol/query.js';

export type TestRecord = {
  readonly s: number;
  readonly t: number;
  readonly k: string;
  readonly [field: string]: unknown;
};
export type TestLog = { readonly node: string; readonly epoch: string; readonly records: readonly TestRecord[] };

/** A filter without absent conditions. */
export const filters = fc.record(
  {
    node: fc.constantFrom('cam1', 'cam2', 'none'),
    camera: fc.constantFrom('front', 'back', 'none'),
    kind: fc.constantFrom('track', 'alert', 'open'),
    label: fc.constantFrom('person', 'car', 'a "cat"', 'ghost'),
    zone: fc.constantFrom('gate', 'yard', 'none'),
    event: fc.constantFrom('new', 'update', 'end'),
    rule: fc.constantFrom('too-hot', 'none'),
    fromMs: fc.nat(3_000),
    toMs: fc.nat(3_000),
    scoreMin: fc.constantFrom(0, 0.29, 0.5, 0.57, 1),
  },
  { requiredKeys: [] },
);

const bodies = fc.record(
  {
    k: fc.constantFrom('track', 'alert', 'open'),
    r: fc.constantFrom('too-hot', 'too-cold'),
    c: fc.constantFrom('front', 'back'),
    ev: fc.constantFrom('new', 'update', 'end'),
    l: fc.constantFrom('person', 'car', 'a "cat"'),
    p: fc.constantFrom(0, 290, 500, 569, 570, 1000),
    z: fc.subarray(['gate', 'yard', 'gateway']),
    src: fc.constant(1),
    j: fc.constantFrom('0123456789abcdef', '0123456789abcdee', 'no digest'),
    n: fc.record({ deep: fc.double({ noNaN: true, noDefaultInfinity: true }), ä: fc.string() }),
  },
  { requiredKeys: ['k'] },
);

/** Two logs of up to forty records each, their times rising. */
export const logs: fc.Arbitrary<TestLog[]> = fc
  .tuple(...['aaaaaaaaaaaa', 'bbbbbbbbbbbb'].map((epoch, i) => logOf(`cam${i + 1}`, epoch)))
  .map((both) => both);

function logOf(node: string, epoch: string): fc.Arbitrary<TestLog> {
  return fc.array(fc.tuple(fc.nat(100), bodies), { maxLength: 40 }).map((steps) => {
    let t = 0;
    const records = steps.map(([stepMs, body], i) => {
      t += stepMs;
      return { s: i + 1, t, ...body };
    });
    return { node, epoch, records };
  });
}

/** The answer as a plain search over objects gives it: what every other way must agree with. */
export function plainAnswer(
  held: readonly TestLog[],
  spec: QuerySpec,
  cutOf: (log: TestLog) => number = (log) => log.records.length,
): AnswerContent {
  const found = held.flatMap((log) =>
    log.records
      .filter(({ s }) => s <= cutOf(log))
      .filter((record) => meets(log.node, record, spec.filter))
      .map((record) => ({ node: log.node, epoch: log.epoch, record, t: record.t, s: record.s })),
  );
  found.sort(byNewest);
  const bars = new Map<number, number>();
  for (const { t } of found) {
    const startMs = Math.floor(t / spec.bucketMs) * spec.bucketMs;
    bars.set(startMs, (bars.get(startMs) ?? 0) + 1);
  }
  const all = found.map(({ node, epoch, record }): QueryRow => ({ n: node, e: epoch, r: record }));
  const rows = all.slice(0, spec.limit);
  return {
    shape: spec.shape,
    count: found.length,
    rows: spec.shape === 'list' ? rows : [],
    bars: spec.shape === 'histogram' ? [...bars].sort(([a], [b]) => a - b) : [],
    again: sameSightings(all.filter(({ r }) => r.j !== 'no digest')).size,
  };
}

function meets(node: string, record: TestRecord, filter: QueryFilter): boolean {
  const { p, z } = record;
  return (
    (filter.node === undefined || filter.node === node) &&
    (filter.kind === undefined || filter.kind === record.k) &&
    (filter.camera === undefined || filter.camera === record.c) &&
    (filter.label === undefined || filter.label === record.l) &&
    (filter.event === undefined || filter.event === record.ev) &&
    (filter.rule === undefined || filter.rule === record.r) &&
    (filter.zone === undefined || (Array.isArray(z) && z.includes(filter.zone))) &&
    (filter.scoreMin === undefined || (typeof p === 'number' && p >= Math.round(filter.scoreMin * 1000))) &&
    record.t >= (filter.fromMs ?? 0) &&
    record.t <= (filter.toMs ?? Number.POSITIVE_INFINITY)
  );
}

/** One run of lines of a log, as a segment or the open end gives it. */
export type TestRun = {
  readonly node: string;
  readonly epoch: string;
  readonly first: number;
  readonly lines: readonly string[];
};

/** The answer of the real evaluation over runs, in the order given. */
export function evaluatedAnswer(
  runs: readonly TestRun[],
  spec: QuerySpec,
  cutOf: (run: TestRun) => number = () => Number.MAX_SAFE_INTEGER,
): AnswerContent {
  const cache = new ColumnCache(1_000);
  const evaluation = new Evaluation(spec);
  for (const run of runs) {
    if (spec.filter.node !== undefined && spec.filter.node !== run.node) continue;
    const source = { kind: 'lines' as const, lines: run.lines };
    const columns = cache.build(run.lines);
    evaluation.add({ ...run, columns, source }, 1, cutOf(run), cache.words);
  }
  const rows = evaluation.rows().flatMap(({ node, epoch, s, t, source, i }): QueryRow[] => {
    const record = source.kind === 'lines' ? parseObject(source.lines[i] ?? '') : undefined;
    return record === undefined ? [] : [{ n: node, e: epoch, r: { ...record, s, t, k: String(record.k) } }];
  });
  return { shape: spec.shape, count: evaluation.count, rows, bars: evaluation.bars(), again: evaluation.again };
}
