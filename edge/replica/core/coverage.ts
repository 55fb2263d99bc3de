import { type Interval, IntervalSet } from '../../../base/listener/interval-set.js';
import { countOf } from './effects.js';
import { setOf, without } from './intervals.js';

/** Records with seq in a range, and how they are held. */
export type Span = {
  readonly from: number;
  readonly to: number;
  /** In a closed segment. */
  readonly isSealed: boolean;
  readonly isDurable: boolean;
};

const ALL = Number.POSITIVE_INFINITY;

/** Which seqs of one log are held, and how; and which are gone, as nobody had them any more. */
export class Coverage {
  #have = new IntervalSet();
  #sealed = new IntervalSet();
  #durable = new IntervalSet();
  readonly #gone = new IntervalSet();
  /** Of these, what somebody says after all to have; and the rest, which nobody is asked for. */
  #sought: readonly Interval[] = [];
  #givenUp = new IntervalSet();

  /** How many are held. */
  get size(): number {
    return this.#have.size;
  }

  /** Largest seq held, 0 if none is. */
  get last(): number {
    return this.#have.max;
  }

  get intervals(): readonly Interval[] {
    return this.#have.intervals;
  }

  get hasGone(): boolean {
    return this.#gone.intervals.length > 0;
  }

  has(seq: number): boolean {
    return this.#have.has(seq);
  }

  isGone(seq: number): boolean {
    return this.#gone.has(seq);
  }

  add({ from, to, isSealed, isDurable }: Span): void {
    this.#have.add(from, to);
    if (isSealed) this.#sealed.add(from, to);
    if (isDurable) this.#durable.add(from, to);
  }

  noteDurable(seq: number): void {
    this.#durable.add(seq, seq);
  }

  /** These are held now, and no others. What is gone stays so. */
  replace(spans: readonly Span[]): void {
    this.#have = new IntervalSet();
    this.#sealed = new IntervalSet();
    this.#durable = new IntervalSet();
    for (const span of [...spans].sort((a, b) => a.from - b.from)) this.add(span);
  }

  /** Largest seq up to which all from `first` on is held, or gone. */
  heldTo(first: number): number {
    return this.#prefix(this.#have, first);
  }

  /** The same of what is durable. */
  durableTo(first: number): number {
    return this.#prefix(this.#durable, first);
  }

  /** What of some ranges is not held, in no way. */
  lacked(ranges: readonly Interval[]): Interval[] {
    return ranges.flatMap(([from, to]) => this.#have.missing(from, to, ALL));
  }

  /** How many of a range are neither held nor gone. */
  countMissing(from: number, to: number): number {
    const gaps = this.#have.missing(from, to, ALL);
    return gaps.reduce((sum, [a, b]) => sum + countOf(this.#gone.missing(a, b, ALL)), 0);
  }

  /** True if all of a range is held: up to `sealedTo` in closed segments. */
  covers(from: number, to: number, sealedTo: number): boolean {
    return this.#have.covers(Math.max(from, sealedTo + 1), to) && this.#sealed.covers(from, sealedTo);
  }

  /** What is gone from a seq on, and has not turned up. */
  goneFrom(first: number): Interval[] {
    if (!this.hasGone) return [];
    return this.lacked(this.#gone.intervals.map(([from, to]): Interval => [Math.max(from, first), to]));
  }

  /** Nobody has these any more. Should they turn up, they are taken in. @returns how many of them are not held. */
  noteGone(ranges: readonly Interval[]): number {
    const records = countOf(this.lacked(ranges));
    for (const [from, to] of ranges) this.#gone.add(from, to);
    return records;
  }

  /** These are not to be asked for any more, where they are gone. */
  stopSeeking(ranges: readonly Interval[]): void {
    this.#sought = without(this.#sought, ranges);
    this.#givenUp = setOf(without(this.#gone.intervals, this.#sought));
  }

  /** Somebody says to have some of what is gone: it is asked for again. @returns false where nothing of it was. */
  seek(ranges: readonly Interval[]): boolean {
    const all = setOf([...this.#sought, ...ranges]).intervals;
    const isNews = countOf(all) > countOf(this.#sought);
    this.#sought = all;
    if (isNews) this.#givenUp = setOf(without(this.#gone.intervals, all));
    return isNews;
  }

  /** What of a range is to be fetched: at most `max` ranges, newest first. Up to `sealedTo` closed segments alone count. */
  wanted(from: number, to: number, sealedTo: number, max: number): Interval[] {
    const ranges = [
      ...this.#sealed.missing(from, sealedTo, ALL),
      ...(to > sealedTo ? this.#have.missing(Math.max(from, sealedTo + 1), to, ALL) : []),
    ];
    const newestFirst = ranges.reverse();
    if (!this.hasGone) return newestFirst.slice(0, max);
    return newestFirst.flatMap(([a, b]) => this.#givenUp.missing(a, b, max).reverse()).slice(0, max);
  }

  #prefix(set: IntervalSet, first: number): number {
    let prefix = first - 1;
    for (;;) {
      const before = prefix;
      prefix = endOfRun(set, prefix);
      prefix = endOfRun(this.#gone, prefix);
      if (prefix === before) return prefix;
    }
  }
}

function endOfRun(set: IntervalSet, prefix: number): number {
  for (const [from, to] of set.intervals) {
    if (from > prefix + 1) return prefix;
    if (to > prefix) return to;
  }
  return prefix;
}
