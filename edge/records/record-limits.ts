import type { RetentionLimits } from './retention.js';

/** What a node's log allows itself. Sizes in bytes, times in ms. */
export type RecordLimits = RetentionLimits & {
  /** fsync at whichever comes first after a write. */
  readonly fsyncMs: number;
  readonly fsyncRecords: number;
  /** Budget of fsyncs by time: so many at once, one more each `fsyncRefillMs`; beyond it they wait. 0: no budget. */
  readonly fsyncRefillMs: number;
  readonly fsyncBurst: number;
  /** Records kept in memory alone while the disk fails, and for how long; then the oldest are lost, counted. */
  readonly memoryRecordsMax: number;
  readonly memoryMs: number;
  /** Records that wait for their turn at a disk that works; beyond it the oldest are lost, counted. */
  readonly burstRecordsMax: number;
  /** A disk that has not done what it was asked to for so long is in trouble, like one that refuses. */
  readonly diskStallMs: number;
  /** Between two attempts to write to a failing disk. */
  readonly diskRetryMs: number;
  /** A wall clock that falls back further than this begins a new epoch, so that t stays monotone within each. */
  readonly clockStepMs: number;
  /** Records in one batch of `live`, and how long a batch may wait for company while another is under way. */
  readonly batchRecords: number;
  readonly batchMs: number;
  /** Batches without PUBACK at a time; they are on one topic, so MQTT keeps their order. */
  readonly batchesInFlight: number;
  /** How often at most the published position is written down: what a restart may send twice. */
  readonly cursorMs: number;
  /** Period of the signed head, if the log advanced. */
  readonly headMs: number;
  /** Epochs a head lists: a node that restarts every few seconds shows the last ones. */
  readonly headEpochs: number;
  /** Requests that wait for their answer, and the pause between two parts of answers. */
  readonly needsWaiting: number;
  readonly fillPauseMs: number;
  /** Closed segments for a broker: spread of a fleet that meets it, pause between two, and how many without PUBACK. */
  readonly segmentSpreadMs: number;
  readonly segmentGapMs: number;
  readonly segmentsInFlight: number;
  /** Between the head that gives a segment up and its removal from the broker. */
  readonly segmentHoldMs: number;
};

export const DEFAULT_RECORD_LIMITS: RecordLimits = {
  fsyncMs: 1_000,
  fsyncRecords: 64,
  // The card's budget is 30 MB a day and an fsync costs 4.2 kB: one in 15 s is 24 MB. What a power cut takes in that time
  // was published already, and its epoch never comes back to contradict it.
  fsyncRefillMs: 15_000,
  fsyncBurst: 20,
  // Greengrass keeps 256 MB by default; at 26 B a record that is ten million.
  retentionBytes: 256 * 1024 * 1024,
  retentionRecords: 10_000_000,
  retentionMs: 30 * 86_400_000,
  retentionMsByKind: {},
  // 60 s of a busy node (60 records/s), about 1 MB.
  memoryRecordsMax: 4_096,
  memoryMs: 60_000,
  // A disk writes 20,000 records/s; this is what it is behind after five seconds of them, about 20 MB.
  burstRecordsMax: 131_072,
  // A cheap card that cleans its flash answers after a second or two, a bad one after five.
  diskStallMs: 10_000,
  diskRetryMs: 5_000,
  clockStepMs: 60_000,
  batchRecords: 32,
  batchMs: 200,
  // 8 batches of 32 refill a 10 ms link at 25,000 records/s; a cut loses none of them, it only repeats them.
  batchesInFlight: 8,
  // 288 writes of 8 kB a day keep the card's budget; a restart repeats at most five minutes of records.
  cursorMs: 300_000,
  headMs: 10_000,
  headEpochs: 16,
  needsWaiting: 64,
  // 50 parts of 30 kB a second at most: 1.5 MB/s, a third of what a Pi's Wi-Fi carries; 100,000 records in 10 s.
  fillPauseMs: 20,
  // Ten nodes with 64 segments of 6.7 kB each are 670 kB/s for 7 s: a tenth of what a Pi's Wi-Fi carries.
  segmentSpreadMs: 5_000,
  segmentGapMs: 100,
  segmentsInFlight: 8,
  segmentHoldMs: 60_000,
};

/** A longer line would not fit a live batch beside others; the largest of ours is an open record with 365 labels. */
export const RECORD_LINE_BYTES_MAX = 32 * 1024;
