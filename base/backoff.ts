export type BackoffOptions = {
  /** Delay ceiling of the first retry, ms. */
  readonly firstMs: number;
  /** Delay ceiling of any retry, ms. */
  readonly maxMs: number;
  /** Growth from one retry to the next. */
  readonly factor: number;
};

/**
 * The delay before retry number `attempt` (from 0), in ms: full jitter below a ceiling that grows to `maxMs`.
 * Full jitter spreads a fleet that lost its broker together; see "Exponential Backoff And Jitter" (AWS, 2015).
 * @param random a number in [0, 1).
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions, random: number): number {
  const ceilingMs = Math.min(options.maxMs, options.firstMs * options.factor ** Math.min(attempt, 64));
  // Never below a tenth of the ceiling: a run of unlucky zeros would be a busy loop.
  return ceilingMs * (0.1 + 0.9 * random);
}
