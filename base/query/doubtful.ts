import type { QueryRow, QuerySpec } from '../../protocol/query.js';
import type { DoubtPicture, NodeDoubt } from '../doubts.js';
import type { LogBounds } from './log-bounds.js';
import type { Confidence } from './query-group.js';

/** Doubted nodes whose part of a number is asked for; of more the answer says that it does not know. */
const NODES_ASKED_MAX = 16;

/** What of an answer most of the nodes that audit would not vouch for. */
export type Doubtful = {
  /** Doubted nodes whose records were asked about, by name. */
  readonly nodes: readonly NodeDoubt[];
  /** Doubtful records among those listed or counted. */
  readonly count: number;
  /** The same by bar of a histogram. */
  readonly bars: readonly (readonly [startMs: number, count: number])[];
  /** False where the part of some doubted node is not known: there may be more. */
  readonly isExact: boolean;
};

/** Doubted nodes whose logs are in the cut of an answer. */
export function doubtedIn({ cut }: { readonly cut: readonly LogBounds[] }, { doubted }: DoubtPicture): NodeDoubt[] {
  const names = [...new Set(cut.map(({ node }) => node))].sort();
  return names.flatMap((node) => doubted.get(node) ?? []);
}

/** What is to be asked to learn how many of the records counted are doubtful: one question for each doubted node. */
export function doubtQuestions(spec: QuerySpec, nodes: readonly NodeDoubt[]): QuerySpec[] {
  if (spec.shape === 'list') return [];
  const { filter } = spec;
  return nodes.slice(0, NODES_ASKED_MAX).flatMap(({ node, sinceMs }) => {
    const fromMs = Math.max(filter.fromMs ?? 0, sinceMs);
    const isPast = filter.toMs !== undefined && filter.toMs < fromMs;
    return isPast ? [] : [{ ...spec, filter: { ...filter, node, fromMs } }];
  });
}

/** What is taken of an answer about one doubted node. */
export type PartAnswer = {
  readonly count: number;
  readonly bars: readonly (readonly [startMs: number, count: number])[];
  readonly complete: boolean;
  readonly confidence: Confidence;
  readonly replicas: readonly string[];
};

/** @param answers to `doubtQuestions`, in their order. */
export function doubtfulOf(
  result: { readonly shape: QuerySpec['shape']; readonly rows: readonly QueryRow[] },
  nodes: readonly NodeDoubt[],
  answers: readonly PartAnswer[],
): Doubtful {
  if (result.shape === 'list') {
    const count = result.rows.filter((row) => isRowDoubtful(row, nodes)).length;
    return { nodes, count, bars: [], isExact: true };
  }
  const bars = new Map<number, number>();
  for (const [startMs, count] of answers.flatMap((answer) => answer.bars)) {
    bars.set(startMs, (bars.get(startMs) ?? 0) + count);
  }
  return {
    nodes,
    count: answers.reduce((sum, answer) => sum + answer.count, 0),
    bars: [...bars].sort(([a], [b]) => a - b),
    isExact:
      nodes.length <= NODES_ASKED_MAX &&
      answers.every(
        ({ complete, confidence, replicas }) => complete && confidence !== 'conflict' && replicas.length > 0,
      ),
  };
}

/** True for a row of a doubted node from its first disputed record on. */
export function isRowDoubtful({ n, r }: QueryRow, nodes: readonly NodeDoubt[]): boolean {
  const doubt = nodes.find(({ node }) => node === n);
  return doubt !== undefined && r.t >= doubt.sinceMs;
}
