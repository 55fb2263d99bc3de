/** How long each stage of one order may take, ms, and how much a board may say. */
export type RestarterLimits = {
  /** TCP. */
  readonly connectMs: number;
  /** Banner, key exchange, host key, log-in: a frozen board accepts TCP and then says nothing. */
  readonly handshakeMs: number;
  /** Until the command runs. */
  readonly openMs: number;
  /** Until the whole answer is there. */
  readonly answerMs: number;
  readonly errorBytesMax: number;
};

/**
 * A board under full load took 1.4 s for all stages in the lab; the board's `restart` may wait 10 s for the new
 * invocation. All stages together stay below the minute after which the plan asks again.
 */
export const RESTARTER_LIMITS: RestarterLimits = {
  connectMs: 5_000,
  handshakeMs: 10_000,
  openMs: 5_000,
  answerMs: 25_000,
  errorBytesMax: 1_024,
};
