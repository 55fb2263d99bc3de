import type { IndexDocument, RecordQuery } from './record-query.js';

/** What the index worker is asked. Each request is answered once, with its id. */
export type IndexRequest =
  | { readonly id: number; readonly kind: 'insert'; readonly documents: readonly IndexDocument[] }
  | { readonly id: number; readonly kind: 'find'; readonly query: RecordQuery };

export type IndexReply = {
  readonly id: number;
  readonly documents: readonly IndexDocument[];
  /** Time of the oldest record in the window, and how many there are. */
  readonly sinceMs: number;
  readonly size: number;
  readonly error?: string;
};
