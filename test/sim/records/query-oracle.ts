import { byNewest } from '../../../base/query/answer-digest.js';
import type { QueryResult } from '../../../base/query/query-coordinator.js';
import type { QueryFilter, QuerySpec } from '../../../protocol/query.js';
import type { InvariantBook } from '../invariant-book.js';
import type { Reading } from './reading-client.js';

/** What is true of one log. */
export type TrueLog = {
  /** Text by seq, of every record that was ever written. */
  readonly texts: ReadonlyMap<number, string>;
  /** Largest `first` of any replica. */
  readonly first: number;
};

type Row = { readonly t: number; readonly node: string; readonly epoch: string; readonly s: number };

/** Checks what a reader was told against every record there is. */
export class QueryOracle {
  readonly #book: InvariantBook;
  readonly #logOf: (node: string, epoch: string) => TrueLog | undefined;
  readonly #times = new WeakMap<ReadonlyMap<number, string>, Map<number, number>>();

  constructor(book: InvariantBook, logOf: (node: string, epoch: string) => TrueLog | undefined) {
    this.#book = book;
    this.#logOf = logOf;
  }

  check(reading: Reading): void {
    this.#checkMonotone(reading);
    this.#checkAgreement(reading.result);
    this.#checkContent(reading);
    this.#checkOrder(reading);
  }

  /** I6: what a reader has seen is in the cut of all it asks later, unless it is given up. */
  #checkMonotone({ spec, token, result }: Reading): void {
    const isAsked = (node: string) => spec.filter.node === undefined || spec.filter.node === node;
    const cut = new Map(result.cut.map(({ node, epoch, to }) => [`${node}/${epoch}`, to]));
    for (const { node, epoch, seq } of token.positions()) {
      const isGivenUp = (this.#logOf(node, epoch)?.first ?? 1) > seq;
      const isCovered = !isAsked(node) || (cut.get(`${node}/${epoch}`) ?? 0) >= seq;
      this.#book.check('I6 a reader never sees less', isCovered || isGivenUp, () => {
        return `${node}/${epoch} was seen to ${seq} and is asked for to ${cut.get(`${node}/${epoch}`) ?? 0}`;
      });
    }
  }

  /** I8: nobody lies here, so whole answers on one cut are the same. */
  #checkAgreement({ digests, confidence }: QueryResult): void {
    const isOne = digests.length <= 1 && confidence !== 'conflict' && confidence !== 'majority';
    this.#book.check('I8 one cut has one answer', isOne, () => JSON.stringify(digests));
  }

  /** I7: the answer is all that matches on the cut but what it says is missing. */
  #checkContent({ spec, result }: Reading): void {
    this.#book.check('I7 what an answer lacks it names', result.complete === (result.missing.length === 0), () => {
      return `complete: ${result.complete}, missing: ${JSON.stringify(result.missing)}`;
    });
    // What retention has given up somewhere may be in an answer or not.
    const all = this.#matching(spec, result);
    const kept = all.filter(({ node, epoch, s }) => s >= (this.#logOf(node, epoch)?.first ?? 1));
    const isRight = result.count >= kept.length && result.count <= all.length;
    this.#book.check('I7 what an answer lacks it names', isRight, () => {
      return `${JSON.stringify(spec)} gave ${result.count} and not ${kept.length} to ${all.length} (missing ${JSON.stringify(result.missing)}) on ${JSON.stringify(result.cut)} by ${result.replicas.join(' ')}`;
    });
    if (spec.shape !== 'list' || kept.length < all.length) return;
    const wanted = all
      .sort(byNewest)
      .slice(0, spec.limit)
      .map(({ node, epoch, s }) => `${node}/${epoch}/${s}`);
    const got = result.rows.map(({ n, e, r }) => `${n}/${e}/${r.s}`);
    this.#book.check('I7 what an answer lacks it names', got.join(' ') === wanted.join(' '), () => {
      return `${JSON.stringify(spec)} listed ${got.length} rows that are not the ${wanted.length} newest`;
    });
  }

  /** I16: whatever the clocks did, of two records of one log the later one is not listed as the older one. */
  #checkOrder({ result }: Reading): void {
    const last = new Map<string, number>();
    for (const { n, e, r } of result.rows) {
      const before = last.get(`${n}/${e}`) ?? Number.POSITIVE_INFINITY;
      last.set(`${n}/${e}`, r.s);
      this.#book.check('I16 seq orders, whatever clocks do', r.s < before, () => `${n}/${e}: ${before}, then ${r.s}`);
    }
  }

  #matching({ filter }: QuerySpec, { cut, missing }: QueryResult): Row[] {
    const rows: Row[] = [];
    for (const { node, epoch, from, to } of cut) {
      const texts = this.#logOf(node, epoch)?.texts;
      if (texts === undefined) continue;
      const lacks = missing.flatMap((lack) => ('e' in lack && lack.n === node && lack.e === epoch ? [lack] : []));
      for (let s = from; s <= to; s++) {
        const t = this.#timeOf(texts, s);
        if (t === undefined || lacks.some((lack) => s >= lack.from && s <= lack.to)) continue;
        if (isWithin(t, filter)) rows.push({ t, node, epoch, s });
      }
    }
    return rows;
  }

  #timeOf(texts: ReadonlyMap<number, string>, s: number): number | undefined {
    let times = this.#times.get(texts);
    if (times === undefined) {
      times = new Map();
      this.#times.set(texts, times);
    }
    const known = times.get(s);
    if (known !== undefined) return known;
    const text = texts.get(s);
    if (text === undefined) return undefined;
    const t = Number(JSON.parse(text).t);
    times.set(s, t);
    return t;
  }
}

function isWithin(t: number, { fromMs = 0, toMs = Number.POSITIVE_INFINITY }: QueryFilter): boolean {
  return t >= fromMs && t <= toMs;
}
