import type { AnswerSeen } from './query-answers.js';

/** One log as a replica holds it. */
export type HeldLog = {
  readonly node: string;
  readonly epoch: string;
  /** Smallest seq it still keeps. */
  readonly first: number;
  /** The same as its disk took it, where that may be less: `first` again in its next life. */
  readonly firstOnDisk?: number;
  /** What it claims to hold durably: every seq from `first` to here that is not gone everywhere. */
  readonly frontier: number;
  /** Largest seq it holds at all. */
  readonly last: number;
};

/** What observers see of a running replica, and what the workload asks of it. */
export interface ObservedReplica {
  /** The log its own writer is appending to; undefined before the first record of this life. */
  readonly ownEpoch: string | undefined;
  /** Appends a record with this content to its own log. @returns its seq, or undefined when it was refused. */
  append(content: string): number | undefined;
  /** Seq up to which its own records of this epoch are acknowledged. */
  readonly acknowledged: number;
  /** Every log it would answer from, its own ones included. */
  logs(): readonly HeldLog[];
  /** The record's text as it would be served; undefined: not held, or known to be rotten. */
  textOf(node: string, epoch: string, seq: number): string | undefined;
  /** Raises `first` of its own present log by retention, as its own rules do. */
  expireOwn(first: number): void;
  /** Answers to queries that it gave since this was asked last. */
  takeAnswers?(): readonly AnswerSeen[];
  /** Segments that it put aside since then because others differ. */
  takeAside?(): readonly (readonly RecordSeen[])[];
  /** It has more to do than it can, or not any more. */
  setOverloaded?(isOverloaded: boolean): void;
  /** Sizes of its queues and tables, each with the limit it must keep. */
  gauges(): readonly { readonly name: string; readonly value: number; readonly limit: number }[];
}

/** A record seen in traffic. */
export type RecordSeen = { readonly node: string; readonly epoch: string; readonly seq: number; readonly text: string };
