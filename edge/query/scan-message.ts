import type { QuerySpec } from '../../protocol/query.js';
import type { AnswerHeader } from './answer-encoding.js';
import type { LogSlice, SegmentFile } from './log-reader.js';

/**
 * What the scan thread is told: a query begins, what it is to look through comes in chunks, and then what to answer. A fresh
 * one forgets what it knows of the segments and reads their files.
 */
export type ScanRequest =
  | { readonly kind: 'begin'; readonly job: number; readonly spec: QuerySpec; readonly isFresh: boolean }
  | { readonly kind: 'slices'; readonly job: number; readonly slices: readonly LogSlice[] }
  | { readonly kind: 'end'; readonly job: number; readonly header: AnswerHeader }
  /** Segments to read ahead, in this order, when nobody asks. */
  | { readonly kind: 'warm'; readonly files: readonly SegmentFile[] };

/** A closed segment that could not be read. */
export type UnreadSegment = {
  readonly node: string;
  readonly epoch: string;
  readonly n: number;
  readonly first: number;
  readonly last: number;
  readonly reason: string;
  /** There is no such file any more: retention may have taken it. */
  readonly isGone: boolean;
};

/** What it says when a query is through. */
export type ScanReply =
  | {
      readonly kind: 'done';
      readonly job: number;
      /** The payloads of the answer, in order. */
      readonly parts: readonly Uint8Array[];
      readonly unread: readonly UnreadSegment[];
      readonly recordsScanned: number;
      readonly segmentsRead: number;
    }
  | { readonly kind: 'refused'; readonly job: number; readonly code: 'bad-query' | 'failed'; readonly message: string };

/** Limits the thread needs to know. */
export type ScanLimits = {
  readonly columnsRecords: number;
  readonly partBytes: number;
  readonly warmPauseMs: number;
};
