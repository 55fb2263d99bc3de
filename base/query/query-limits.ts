/** Times and numbers of the asking side. Times in ms. */
export type AskLimits = {
  /** A replica that has not answered within this is not waited for alone: another one is asked beside it. */
  readonly hedgeMs: number;
  /** A replica that reads its files again is not waited for longer than this where the answer does not depend on it. */
  readonly verifyMs: number;
  /** After this the best that came is the answer. */
  readonly deadlineMs: number;
  /** How long a replica that is behind may fetch before it answers with what it has. */
  readonly waitMs: number;
  /** How often a query is asked anew because a replica told of logs that no head names. */
  readonly extensions: number;
};

export const DEFAULT_ASK_LIMITS: AskLimits = {
  // Reference 3.1: on a LAN an answer over 100,000 records takes half of this.
  hedgeMs: 300,
  // Reading 100,000 records takes 0.7 s on a desktop core, and fetching a rotten segment some hundred ms.
  verifyMs: 1_500,
  deadlineMs: 3_000,
  waitMs: 1_000,
  extensions: 3,
};
