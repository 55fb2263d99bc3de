/** What the copies on a disk allow themselves. Sizes in bytes, times in ms. */
export type CopyStoreLimits = {
  /** The inbox is rewritten when this much of it is of no use any more, and not less than what still is. */
  readonly inboxRewriteBytes: number;
  /** Lines in no closed segment, of all logs together; beyond it appends are refused. They are in memory too. */
  readonly inboxBytesMax: number;
  /** Epochs of other nodes; beyond it a new one is refused. */
  readonly epochsMax: number;
  /** Heads of other nodes; beyond it the head of a new one is refused. */
  readonly headsMax: number;
  /** Ids of epochs that are not taken in again; the oldest go first. */
  readonly forgottenMax: number;
  /** Segments on their way to the disk at a time. */
  readonly savesMax: number;
  /** Rotten files that are kept to be looked at, how long, and how much of a damaged inbox. */
  readonly rotFilesMax: number;
  readonly rotMs: number;
  readonly rotFileBytesMax: number;
  /** Held back so that a full disk can still be told what to give up. */
  readonly spareBytes: number;
};

export const DEFAULT_COPY_STORE_LIMITS: CopyStoreLimits = {
  // Half an hour of three nodes at a record a second; what is then copied are their open segments, 50 kB.
  inboxRewriteBytes: 1024 * 1024,
  // 64 logs with two open segments' worth of lines, with room for holes before them.
  inboxBytesMax: 16 * 1024 * 1024,
  epochsMax: 4_096,
  headsMax: 256,
  forgottenMax: 4_096,
  savesMax: 4,
  rotFilesMax: 64,
  rotMs: 30 * 86_400_000,
  rotFileBytesMax: 256 * 1024,
  spareBytes: 64 * 1024,
};
