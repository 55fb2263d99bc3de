import type { Cut } from '../../protocol/query.js';
import type { RecordLine } from '../records/epoch-shelf.js';
import type { SegmentMeta } from '../records/segment.js';

/** A log this node can answer from: its own, or a copy of another node's. */
export type HeldLog = {
  readonly node: string;
  readonly epoch: string;
  /** Smallest seq that retention has not given up here. */
  readonly first: number;
  /** Largest seq up to which nothing from `first` on is missing, as far as known without reading. */
  readonly frontier: number;
  /** Seq behind which the log is not answered from: its writer contradicted itself. Absent in a healthy log. */
  readonly frozenAfter?: number;
};

/** A closed segment and the file it lies in. */
export type SegmentFile = SegmentMeta & { readonly path: string };

/** The part of one log that is asked for, as it lies on this node at one moment. */
export type LogSlice = {
  readonly node: string;
  readonly epoch: string;
  /** Smallest and largest seq wanted. */
  readonly from: number;
  readonly to: number;
  /** Closed segments that overlap it, in order. */
  readonly segments: readonly SegmentFile[];
  /** Its lines that lie in no closed segment, in order. */
  readonly lines: readonly RecordLine[];
};

/** The logs a node answers queries from. */
export interface LogReader {
  /** What is held now, in any order. */
  logs(): readonly HeldLog[];
  /** What is held of one log between two seqs, at once; undefined for a log that is not held. */
  slice(node: string, epoch: string, from: number, to: number): LogSlice | undefined;
  /** True for a log that was held and whose records retention has given up as a whole. */
  isForgotten(node: string, epoch: string): boolean;
  /** Tries to hold everything up to a cut, for at most `waitMs`. Resolves when it does, or when the time is over. */
  catchUp(cut: Cut, waitMs: number, signal: AbortSignal): Promise<void>;
  /** A segment is not what was written: it is to be fetched again. Resolves when it is put aside. */
  noteRot(node: string, epoch: string, n: number, reason: string): Promise<void>;
  /** Others answer otherwise, and no file is rotten: what is held of these logs is to be compared with what they hold. */
  noteDoubt(cut: Cut): void;
}
