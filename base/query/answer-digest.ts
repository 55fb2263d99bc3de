import { createHash } from 'node:crypto';
import type { QueryRow, QuerySpec } from '../../protocol/query.js';

/** What an answer says, apart from who says it. */
export type AnswerContent = {
  readonly shape: QuerySpec['shape'];
  /** Records that match, whatever the shape. */
  readonly count: number;
  /** Of a list: newest first. */
  readonly rows: readonly QueryRow[];
  /** Of a histogram: start of the bar (wall clock ms) and records in it, oldest first, none of them empty. */
  readonly bars: readonly (readonly [number, number])[];
  /** Of `count`, records of sources that tell what another one tells. Not in the digest: it follows from the records. */
  readonly again: number;
};

/**
 * Hex SHA-256 of an answer: equal on honest replicas that answer on the same cut, however their copies came to be, and
 * computed anew by the asker over what it received. Over values with sorted keys, not over the text that travelled:
 * between them lies a JSON reader and writer on each side.
 */
export function answerDigest({ shape, count, rows, bars }: AnswerContent): string {
  const hash = createHash('sha256').update(`${shape}\n${count}\n`);
  for (const { n, e, r } of rows) hash.update(`${n} ${e} ${canonicalJson(r)}\n`);
  for (const [startMs, records] of bars) hash.update(`${startMs} ${records}\n`);
  return hash.digest('hex');
}

/** JSON with the keys of every object sorted by code unit (as RFC 8785 orders them). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`;
}

/** Where a row stands in a list. */
export type RowPosition = { readonly t: number; readonly node: string; readonly epoch: string; readonly s: number };

/** The order of a list: newest first; of one time, by node, epoch and seq, the largest first. */
export function byNewest(a: RowPosition, b: RowPosition): number {
  if (a.t !== b.t) return b.t - a.t;
  if (a.node !== b.node) return a.node < b.node ? 1 : -1;
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? 1 : -1;
  return b.s - a.s;
}
