import type { Head } from '../../../protocol/record.js';
import type { SegmentHeader } from '../../../protocol/segment.js';
import type { OpenedSegment, SegmentMeta } from '../../records/segment.js';

/** One record of another node's log, as its bytes were published. */
export type CopyLine = {
  readonly node: string;
  readonly epoch: string;
  readonly s: number;
  /** The record line, without its line end. */
  readonly text: string;
};

/**
 * The newest head kept of a node and key, and that key: base64 of 32 bytes. A node that lost its disk has a new key; the last
 * head by the old one still covers its old logs.
 */
export type KeptHead = { readonly head: Head; readonly publicKey: string };

/** What the disk holds of one epoch of another node. */
export type CopyOnDisk = {
  readonly node: string;
  readonly epoch: string;
  /** Closed segments in order of their numbers; some may be missing between them. */
  readonly segments: readonly SegmentMeta[];
  /** Smallest seq that was not given up by retention. */
  readonly first: number;
  /** Lines of the inbox that lie in no closed segment; durable. */
  readonly lines: readonly CopyLine[];
};

/** An epoch that was given up as a whole. */
export type ForgottenEpoch = { readonly node: string; readonly epoch: string };

/**
 * Something that was written and is not there any more, or not as it was. Node and epoch as far as they can be read:
 * empty where they cannot.
 */
export type CopyRot = { readonly node: string; readonly epoch: string; readonly path: string; readonly reason: string };

export type CopyStoreContent = {
  readonly copies: readonly CopyOnDisk[];
  readonly heads: readonly KeptHead[];
  readonly rot: readonly CopyRot[];
  /** Epochs that are not taken in again; the latest ones, oldest first. */
  readonly forgotten: readonly ForgottenEpoch[];
};

/** A closed segment ready to be kept: its text was checked against its hash by the caller. */
export type SegmentToKeep = {
  readonly node: string;
  readonly epoch: string;
  readonly header: SegmentHeader;
  readonly headerLine: string;
  readonly lines: readonly string[];
  readonly hash: string;
};

/**
 * The copies of other nodes' logs on this disk. Calls take effect in the order they are made. A failing disk rejects; what
 * was kept before stays, and the caller may try again.
 */
export interface CopyStore {
  /** Reads what earlier lives left; the torn end of the inbox is cut, any other damage is reported and put aside. */
  open(): Promise<CopyStoreContent>;
  /**
   * Appends lines to the inbox; resolves when they survive the death of this process. Lines of a forgotten epoch, below
   * `first` or in a closed segment are passed over, counted.
   */
  append(lines: readonly CopyLine[]): Promise<void>;
  /** Resolves when all that was appended before survives a power cut. */
  sync(): Promise<void>;
  /** Keeps a head instead of the earlier one of the same node and key; durable once resolved. Costs two fsyncs: for a head that matters. */
  saveHead(head: KeptHead): Promise<void>;
  /**
   * Keeps a closed segment, durable once resolved; inbox lines that lie in it are dropped when the inbox is next rewritten.
   * Several may be under way at once.
   * @throws OperationError refused, for one of a forgotten epoch or below `first`; whatever the disk throws.
   */
  saveSegment(segment: SegmentToKeep): Promise<SegmentMeta>;
  /** @throws RottenSegmentError after putting the file aside as `.rot`; whatever the disk throws. */
  readSegment(node: string, epoch: string, n: number): Promise<OpenedSegment>;
  /** The file of a closed segment, for who reads it in another thread; undefined where there is none. */
  segmentPath(node: string, epoch: string, n: number): string | undefined;
  /** Puts a closed segment aside as `.rot`: it lost a vote. */
  putAside(node: string, epoch: string, n: number, reason: string): Promise<void>;
  /** Gives up segments and lines below a seq; `first` is durable before any file goes. */
  expire(node: string, epoch: string, first: number): Promise<void>;
  /** Forgets an epoch as a whole; its id stays in a list of the forgotten, so that it does not come back. */
  forget(node: string, epoch: string): Promise<void>;
  /** Bytes of all copies, inbox included. */
  readonly bytes: number;
  counters(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}
