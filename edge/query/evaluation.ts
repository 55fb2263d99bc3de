import { byNewest, type RowPosition } from '../../base/query/answer-digest.js';
import { QUERY_BARS_MAX, type QuerySpec } from '../../protocol/query.js';
import { compileFilter, type RecordColumns, type RowTest, type WordTable } from './record-columns.js';
import { RepeatCounter } from './repeat-counter.js';

/** A run of records of one log: the columns of the lines from seq `first` on, and how to get at a line again. */
export type RecordRun = {
  readonly node: string;
  readonly epoch: string;
  readonly first: number;
  readonly columns: RecordColumns;
  /** Where its lines are found: told back with the rows that are wanted. */
  readonly source: RunSource;
};

/** Lines in memory, or the file of a closed segment. */
export type RunSource =
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'file'; readonly path: string; readonly hash: string };

/** A row of a list before its line is read. */
export type WantedRow = RowPosition & { readonly source: RunSource; readonly i: number };

/** Rows kept beyond the limit before the oldest are thrown out: sorting seldom costs less than sorting always. */
const SLACK_ROWS = 4_096;

/** A query that would give more bars than an answer takes. */
export class TooManyBarsError extends Error {}

/**
 * One query over runs of records, given in any order and any cut into runs: the outcome depends on the set of records
 * alone.
 */
export class Evaluation {
  readonly #spec: QuerySpec;
  readonly #bars = new Map<number, number>();
  readonly #repeats = new RepeatCounter();
  #rows: WantedRow[] = [];
  /** Of a list that is full: rows older than this are not wanted. */
  #oldestWantedT = Number.NEGATIVE_INFINITY;
  #count = 0;
  #compiled: { readonly words: WordTable; readonly size: number; readonly test: RowTest | undefined } | undefined;

  constructor(spec: QuerySpec) {
    this.#spec = spec;
  }

  /**
   * Counts the records of a run with seqs between two.
   * @param words the table its columns were built with.
   * @throws TooManyBarsError
   */
  add(run: RecordRun, from: number, to: number, words: WordTable): void {
    const test = this.#testFor(words);
    if (test === undefined) return;
    const { columns, first } = run;
    // A space, so that logs sort by node first.
    const log = `${run.node} ${run.epoch}`;
    const end = Math.min(columns.count, to - first + 1);
    for (let i = Math.max(0, from - first); i < end; i++) {
      if (!test(columns, i)) continue;
      this.#count++;
      const sighting = columns.sighting?.[i] ?? Number.NaN;
      if (!Number.isNaN(sighting)) this.#repeats.note(sighting, log);
      this.#keep(run, i, columns.t[i] ?? 0);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Of these, records of sources that tell what another log tells as well. */
  get again(): number {
    return this.#repeats.repeats;
  }

  /** Of a list: the newest rows, newest first. */
  rows(): readonly WantedRow[] {
    this.#trim();
    return this.#rows;
  }

  /** Of a histogram: bars that are not empty, oldest first. */
  bars(): [number, number][] {
    return [...this.#bars].sort(([a], [b]) => a - b);
  }

  // Words may have been added since: a test that found none of a label may now find some.
  #testFor(words: WordTable): RowTest | undefined {
    if (this.#compiled?.words !== words || this.#compiled.size !== words.size) {
      this.#compiled = { words, size: words.size, test: compileFilter(this.#spec.filter, words) };
    }
    return this.#compiled.test;
  }

  #keep(run: RecordRun, i: number, t: number): void {
    const { shape, bucketMs, limit } = this.#spec;
    if (shape === 'histogram') {
      const startMs = t - (t % bucketMs);
      this.#bars.set(startMs, (this.#bars.get(startMs) ?? 0) + 1);
      if (this.#bars.size > QUERY_BARS_MAX) throw new TooManyBarsError(`more than ${QUERY_BARS_MAX} bars`);
    }
    if (shape !== 'list' || t < this.#oldestWantedT) return;
    this.#rows.push({ t, node: run.node, epoch: run.epoch, s: run.first + i, source: run.source, i });
    if (this.#rows.length > limit + SLACK_ROWS) this.#trim();
  }

  #trim(): void {
    this.#rows.sort(byNewest);
    this.#rows.length = Math.min(this.#rows.length, this.#spec.limit);
    if (this.#rows.length === this.#spec.limit) {
      this.#oldestWantedT = this.#rows.at(-1)?.t ?? Number.NEGATIVE_INFINITY;
    }
  }
}
