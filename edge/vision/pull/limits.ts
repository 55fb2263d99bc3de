import type { BackoffOptions } from '../../../base/backoff.js';

/** What a download may cost before it is given up. */
export type PullLimits = {
  /** Largest file taken, bytes. */
  readonly bytesMax: number;
  /** Attempts in a row that brought no new byte. */
  readonly fruitlessMax: number;
  /** Attempts in all: ends a server that gives one byte a time. */
  readonly attemptsMax: number;
  /** Redirects followed in one attempt. */
  readonly redirectsMax: number;
  /** Longest wait for the head of a response or for the next bytes of its body, ms. */
  readonly stallMs: number;
  /** Longest `Retry-After` that is obeyed, ms; a longer one is cut to it. */
  readonly retryAfterMaxMs: number;
  readonly backoff: BackoffOptions;
};

export const PULL_LIMITS: PullLimits = {
  // The largest detector a board can use is about 60 MB (RF-DETR base: 116 MB as float32).
  bytesMax: 256 * 1024 * 1024,
  fruitlessMax: 5,
  // 256 MiB over a link that breaks every 5 MiB.
  attemptsMax: 50,
  // What browsers and curl's --location-trusted users meet in practice is 1 to 3; fetch's own limit is 20.
  redirectsMax: 5,
  // A mobile link in a dead spot comes back within half a minute or not at all.
  stallMs: 30_000,
  retryAfterMaxMs: 60_000,
  backoff: { firstMs: 500, maxMs: 15_000, factor: 2 },
};
