import type { Clock } from '../../../base/clock.js';
import type { AnswerContent } from '../../../base/query/answer-digest.js';
import { encodeAnswer, encodeRefusal } from '../../../edge/query/answer-encoding.js';
import { type AnswerPlan, type HeldLogs, planAnswer } from '../../../edge/query/answer-plan.js';
import { Evaluation } from '../../../edge/query/evaluation.js';
import { buildColumns, type RecordColumns, WordTable } from '../../../edge/query/record-columns.js';
import { parseObject } from '../../../edge/query/record-fields.js';
import type { OpenedSegment } from '../../../edge/records/segment.js';
import { type Missing, type Query, type QueryRow, QuerySpec } from '../../../protocol/query.js';
import type { ReplicaState } from '../../../protocol/replica.js';

export type QueryAnswersOptions = {
  readonly clock: Clock;
  readonly logs: HeldLogs;
  readonly state: () => ReplicaState['state'];
  readonly read: (node: string, epoch: string, n: number) => OpenedSegment | 'rot' | undefined;
  readonly want: (cut: Query['cut']) => void;
  /** How many records of a range are not held, whether or not anybody vouches for them. */
  readonly countLacked: (range: Missing) => number;
  readonly send: (asker: string, part: Uint8Array) => void;
  /** Rules that are left out, to show that what they hold up then breaks. */
  readonly without: ReadonlySet<string>;
};

/** Records of its cut that the one who answered did not hold, and which those were. */
export type AnswerSeen = { readonly lacked: number; readonly ranges: readonly string[] };

const LOOK_MS = 100;
const PART_BYTES = 30_000;
const WORDS = new WordTable();

/** A simulated board's answers to queries: what `edge/query` does, without its thread. */
export class QueryAnswers {
  readonly #options: QueryAnswersOptions;
  readonly #columns = new WeakMap<OpenedSegment, RecordColumns>();
  #seen: AnswerSeen[] = [];

  constructor(options: QueryAnswersOptions) {
    this.#options = options;
  }

  /** Answers given since this was asked last. */
  takeSeen(): readonly AnswerSeen[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  take(asker: string, query: Query): void {
    if (this.#refuses(asker, query)) return;
    const spec = QuerySpec.parse(query.q);
    const untilMonoMs = this.#options.clock.monoMs() + query.waitMs;
    const attempt = (): void => {
      const plan = planAnswer(this.#cutOf(query), spec, this.#options.logs);
      const { content, unread } = this.#evaluate(plan, spec);
      const lacking = [...plan.missing.filter(({ why }) => why === 'behind' || why === 'unknown'), ...unread];
      if (lacking.length > 0) this.#options.want(query.cut);
      if (lacking.length > 0 && this.#options.clock.monoMs() < untilMonoMs) {
        this.#options.clock.after(LOOK_MS, attempt);
        return;
      }
      // What it was asked for may be more than it knew that there is.
      if (this.#refuses(asker, query)) return;
      const missing = this.#options.without.has('what is lacking is named') ? [] : [...plan.missing, ...unread];
      // What nobody vouches for yet, and what its disk cannot read at the moment, it has.
      const lacked = plan.missing.filter(({ why }) => why === 'behind' || why === 'unknown');
      this.#seen.push({
        lacked: lacked.reduce((sum, lack) => sum + this.#options.countLacked(lack), 0),
        ranges: lacked.map(({ n, e, from, to, why }) => `${n}/${e} ${from} to ${to} (${why})`),
      });
      const header = { id: query.id, want: query.want, missing, also: plan.also, tookMs: 1 };
      for (const part of encodeAnswer(content, header, PART_BYTES)) this.#options.send(asker, part);
    };
    attempt();
  }

  #cutOf(query: Query): Query {
    if (!this.#options.without.has('answers are of the prefix at the cut')) return query;
    const cut = query.cut.map(([node, epoch, to]): [string, string, number] => {
      const log = this.#options.logs.logs().find((held) => held.node === node && held.epoch === epoch);
      return [node, epoch, Math.max(to, log?.frontier ?? 0)];
    });
    return { ...query, cut };
  }

  #refuses(asker: string, { id }: Query): boolean {
    const state = this.#options.state();
    if (state === 'active' || this.#options.without.has('who is syncing answers nothing')) return false;
    this.#options.send(asker, encodeRefusal(id, state, 'not now', 0));
    return true;
  }

  #evaluate(
    { slices }: AnswerPlan,
    spec: QuerySpec,
  ): { readonly content: AnswerContent; readonly unread: readonly Missing[] } {
    const evaluation = new Evaluation(spec);
    const unread: Missing[] = [];
    for (const { node, epoch, from, to, segments, lines } of slices) {
      const add = (first: number, texts: readonly string[], columns: RecordColumns) => {
        evaluation.add({ node, epoch, first, columns, source: { kind: 'lines', lines: texts } }, from, to, WORDS);
      };
      for (const { n, first, count } of segments) {
        const segment = this.#options.read(node, epoch, n);
        if (segment !== undefined && segment !== 'rot') add(first, segment.lines, this.#columnsOf(segment));
        else {
          const [start, end] = [Math.max(first, from), Math.min(first + count - 1, to)];
          unread.push({ n: node, e: epoch, from: start, to: end, why: 'behind' });
        }
      }
      for (const { s, text } of lines) add(s, [text], columnsOf([text]));
    }
    const rows = evaluation.rows().flatMap(({ source, i, node, epoch, s, t }): QueryRow[] => {
      const record = source.kind === 'lines' ? parseObject(source.lines[i] ?? '') : undefined;
      return record === undefined ? [] : [{ n: node, e: epoch, r: { ...record, s, t, k: String(record.k) } }];
    });
    const { count, again } = evaluation;
    return { content: { shape: spec.shape, count, rows, bars: evaluation.bars(), again }, unread };
  }

  #columnsOf(segment: OpenedSegment): RecordColumns {
    const known = this.#columns.get(segment);
    if (known !== undefined) return known;
    const columns = columnsOf(segment.lines);
    this.#columns.set(segment, columns);
    return columns;
  }
}

function columnsOf(lines: readonly string[]): RecordColumns {
  const columns = buildColumns(lines, WORDS);
  if (columns === undefined) throw new RangeError('more kinds, labels and zones than the workload has');
  return columns;
}
