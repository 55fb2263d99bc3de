import type { QueryRow, QuerySpec } from '../../protocol/query.js';
import type { DoubtPicture, NodeDoubt } from '../doubts.js';
import type { LogBounds } from './log-bounds.js';
import type { Confidence } from './query-group.js';

/** Doubted nodes, and spans of their records, that are asked about; of more the answer says that it does not know. */
const NODES_ASKED_MAX = 16;
const SPANS_ASKED_MAX = 32;
/** Lives of a node whose models are looked at, the newest. */
const LIVES_MAX = 1_000;

/** What of an answer most of the nodes that audit would not vouch for. */
export type Doubtful = {
  /** Doubts of nodes whose records were asked about, by name; of one node as many as it had models that are doubted. */
  readonly nodes: readonly NodeDoubt[];
  /** Whose records are doubtful, and from when to when. */
  readonly spans: readonly DoubtSpan[];
  /** Doubtful records among those listed or counted. */
  readonly count: number;
  /** The same by bar of a histogram. */
  readonly bars: readonly (readonly [startMs: number, count: number])[];
  /** False where the part of some doubted node is not known: there may be more. */
  readonly isExact: boolean;
};

/** Records of a node that are doubtful: by their own time, both ends included; infinite where it goes on. */
export type DoubtSpan = { readonly node: string; readonly fromMs: number; readonly toMs: number };

/** What is taken of an answer about one doubted node. */
export type PartAnswer = {
  readonly count: number;
  readonly rows: readonly QueryRow[];
  readonly bars: readonly (readonly [startMs: number, count: number])[];
  readonly complete: boolean;
  readonly confidence: Confidence;
  readonly replicas: readonly string[];
};

/** Doubts of nodes whose logs are in the cut of an answer, those of models they have replaced as well. */
export function doubtsIn(
  { cut }: { readonly cut: readonly LogBounds[] },
  { doubted, past }: DoubtPicture,
): NodeDoubt[] {
  const names = [...new Set(cut.map(({ node }) => node))].sort();
  return names.flatMap((name) => {
    const now = doubted.get(name);
    return [...past.filter(({ node }) => node === name), ...(now === undefined ? [] : [now])];
  });
}

/** Asks with which model each life of the doubted nodes recorded. */
export function modelQuestions(nodes: readonly NodeDoubt[]): QuerySpec[] {
  const names = [...new Set(nodes.map(({ node }) => node))].slice(0, NODES_ASKED_MAX);
  const shape = { shape: 'list' as const, limit: LIVES_MAX, bucketMs: 3_600_000 };
  return names.map((node) => ({ ...shape, filter: { node, kind: 'open' } }));
}

/**
 * The records of doubted models from the first disputed one on: up to the life of the node that began with another model.
 * @param lives answers to `modelQuestions`. A node whose lives are not known gets the longer span.
 */
export function spansOf(nodes: readonly NodeDoubt[], lives: readonly PartAnswer[]): DoubtSpan[] {
  const opened = lives
    .flatMap(({ rows }) => rows)
    .map(({ n, r }) => ({ node: n, fromMs: r.t, model: modelOf(r) }))
    .sort((a, b) => a.fromMs - b.fromMs);
  return joined(
    nodes.flatMap((doubt) =>
      spansOfOne(
        doubt,
        opened.filter(({ node }) => node === doubt.node),
      ),
    ),
  );
}

type Life = { readonly fromMs: number; readonly model: string | undefined };

function spansOfOne({ node, model, sinceMs }: NodeDoubt, lives: readonly Life[]): DoubtSpan[] {
  const spans: DoubtSpan[] = [];
  const all = [{ fromMs: 0, model: undefined }, ...lives];
  // A life that began before its model was loaded goes on as the one before; the first known had one before it, too.
  let isDoubted = true;
  for (const [i, life] of all.entries()) {
    if (life.model !== undefined) isDoubted = life.model === model;
    const fromMs = Math.max(sinceMs, life.fromMs);
    const toMs = (all[i + 1]?.fromMs ?? Number.POSITIVE_INFINITY) - 1;
    if (isDoubted && toMs >= fromMs) spans.push({ node, fromMs, toMs });
  }
  return spans;
}

// Those of one node that touch or overlap are one: nothing is to be counted twice.
function joined(spans: readonly DoubtSpan[]): DoubtSpan[] {
  const whole: DoubtSpan[] = [];
  for (const span of [...spans].sort((a, b) => (a.node === b.node ? a.fromMs - b.fromMs : a.node < b.node ? -1 : 1))) {
    const last = whole.at(-1);
    if (last?.node !== span.node || span.fromMs > last.toMs + 1) whole.push(span);
    else whole[whole.length - 1] = { ...last, toMs: Math.max(last.toMs, span.toMs) };
  }
  return whole;
}

function modelOf(record: QueryRow['r']): string | undefined {
  const { model } = record;
  return typeof model === 'object' && model !== null && 'sha256' in model && typeof model.sha256 === 'string'
    ? model.sha256
    : undefined;
}

/** What is to be asked to learn how many of the records counted are doubtful: one question for each span. */
export function doubtQuestions(spec: QuerySpec, spans: readonly DoubtSpan[]): QuerySpec[] {
  if (spec.shape === 'list') return [];
  const { filter } = spec;
  return spans.slice(0, SPANS_ASKED_MAX).flatMap((span) => {
    const fromMs = Math.max(filter.fromMs ?? 0, span.fromMs);
    const toMs = Math.min(filter.toMs ?? Number.POSITIVE_INFINITY, span.toMs);
    if (toMs < fromMs) return [];
    const { toMs: _, ...rest } = filter;
    const end = Number.isFinite(toMs) ? { toMs } : {};
    return [{ ...spec, filter: { ...rest, node: span.node, fromMs, ...end } }];
  });
}

/**
 * @param lives answers to `modelQuestions`.
 * @param answers to `doubtQuestions`.
 */
export function doubtfulOf(
  result: { readonly shape: QuerySpec['shape']; readonly rows: readonly QueryRow[] },
  nodes: readonly NodeDoubt[],
  lives: readonly PartAnswer[],
  answers: readonly PartAnswer[],
): Doubtful {
  const spans = spansOf(nodes, lives);
  const names = new Set(nodes.map(({ node }) => node));
  const areAllKnown = names.size <= NODES_ASKED_MAX && lives.every(isWhole);
  if (result.shape === 'list') {
    const count = result.rows.filter((row) => isRowDoubtful(row, spans)).length;
    return { nodes, spans, count, bars: [], isExact: areAllKnown };
  }
  const bars = new Map<number, number>();
  for (const [startMs, count] of answers.flatMap((answer) => answer.bars)) {
    bars.set(startMs, (bars.get(startMs) ?? 0) + count);
  }
  return {
    nodes,
    spans,
    count: answers.reduce((sum, answer) => sum + answer.count, 0),
    bars: [...bars].sort(([a], [b]) => a - b),
    isExact: areAllKnown && spans.length <= SPANS_ASKED_MAX && answers.every(isWhole),
  };
}

function isWhole({ complete, confidence, replicas }: PartAnswer): boolean {
  return complete && confidence !== 'conflict' && replicas.length > 0;
}

/** True for a row within a span of its node. */
export function isRowDoubtful({ n, r }: QueryRow, spans: readonly DoubtSpan[]): boolean {
  return spans.some(({ node, fromMs, toMs }) => node === n && r.t >= fromMs && r.t <= toMs);
}
