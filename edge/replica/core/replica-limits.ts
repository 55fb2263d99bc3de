/** What a replica allows itself. Times in ms of the monotonic clock unless said otherwise; sizes in records or bytes. */
export type ReplicaLimits = {
  /** A gap may still be filled by what is on its way. */
  readonly gapPatienceMs: number;
  readonly needTimeoutMs: number;
  readonly needsPerLog: number;
  readonly needsOutstanding: number;
  /** Records asked for at a time. */
  readonly needRecords: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Rounds in which everybody, the writer included, had nothing of what was asked, before it is taken for gone. */
  readonly emptyRoundsMax: number;
  /** Records missing from a log that is new here, from which on the broker's window is read before anybody is asked. */
  readonly pageFrom: number;
  readonly pageQuietMs: number;
  /** Needs of others that wait; of one asker, and in all. */
  readonly needsWaiting: number;
  readonly needsWaitingPerAsker: number;
  readonly frontierMs: number;
  readonly frontierFullMs: number;
  /** Lines of one log that lie in no closed segment; more are refused and pulled as segments later. */
  readonly linesMax: number;
  /** Segments kept in memory until what follows them confirms them. */
  readonly pendingSegmentsMax: number;
  readonly logsMax: number;
  readonly headsMax: number;
  /** Durable at whichever comes first; later once the budget of fsyncs is spent. */
  readonly syncMs: number;
  readonly syncLines: number;
  readonly syncRefillMs: number;
  readonly syncBurst: number;
  /** No attempts to write for this long after the disk refused. */
  readonly diskRetryMs: number;
  /** A node that is away this long is looked after by the first live holder. */
  readonly adoptAfterMs: number;
  readonly reseedSpreadMs: number;
  readonly keptPauseMs: number;
  /** Of copies whose writer is away or has lost them; wall clock. */
  readonly retentionMs: number;
  /** Records that say to be older were written before the clock of their board was set; wall clock. */
  readonly clockUnsetBeforeMs: number;
  readonly copiesBytesMax: number;
  readonly pollMs: number;
  readonly voteTimeoutMs: number;
  readonly pollVoters: number;
  /** Failures within `suspectMs` that quarantine, and how long without one gives the vote back. */
  readonly failuresMax: number;
  readonly suspectMs: number;
  /** See `overload.ts`: lateness of ticks, writes under way, and for how long. */
  readonly overloadLagMs: number;
  readonly overloadWaiting: number;
  readonly overloadMs: number;
  /** Records missing beyond which a replica answers no query. */
  readonly syncingRecords: number;
};

export const DEFAULT_REPLICA_LIMITS: ReplicaLimits = {
  // A batch of `live` waits 200 ms at most.
  gapPatienceMs: 200,
  needTimeoutMs: 2_000,
  needsPerLog: 2,
  needsOutstanding: 8,
  needRecords: 4_096,
  retryFirstMs: 500,
  retryMaxMs: 30_000,
  emptyRoundsMax: 3,
  pageFrom: 256,
  pageQuietMs: 1_000,
  needsWaiting: 64,
  needsWaitingPerAsker: 8,
  frontierMs: 2_000,
  frontierFullMs: 60_000,
  // 64 open segments of one log, about 2 MB: only reached while heads do not come.
  linesMax: 16_384,
  pendingSegmentsMax: 64,
  // 64 nodes with 16 epochs each, four times over.
  logsMax: 4_096,
  headsMax: 256,
  syncMs: 1_000,
  syncLines: 256,
  // As for the own log: one fsync in 15 s is 24 MB of card a day.
  syncRefillMs: 15_000,
  syncBurst: 20,
  diskRetryMs: 5_000,
  adoptAfterMs: 60_000,
  reseedSpreadMs: 5_000,
  keptPauseMs: 100,
  retentionMs: 30 * 86_400_000,
  // No record is older than this software.
  clockUnsetBeforeMs: Date.UTC(2025, 0, 1),
  copiesBytesMax: 1024 * 1024 * 1024,
  pollMs: 60_000,
  voteTimeoutMs: 5_000,
  pollVoters: 5,
  failuresMax: 2,
  suspectMs: 86_400_000,
  overloadLagMs: 200,
  overloadWaiting: 1_000,
  overloadMs: 10_000,
  syncingRecords: 256,
};
