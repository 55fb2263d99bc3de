import type { BackoffOptions } from '../../../base/backoff.js';

/** Of what a node has unused, others may have it take so much at once. */
export const TAKEN_AT_ONCE_MS = 500;

/** The most that `edge.sharing.offersMax` may say: 16 MiB of pictures each way. */
export const OFFERS_MAX = 64;

/** What bounds giving and taking; a simulation leaves one out to see what it holds up. Times in ms. */
export type OfferLimits = {
  /** Looks under way at other nodes, and looks of others under way here: what they may take of memory. */
  readonly offersMax: number;
  /** Deadline of an offer to a peer that has not answered one yet, and its bounds once answers are measured. */
  readonly deadlineFirstMs: number;
  readonly deadlineMinMs: number;
  readonly deadlineMaxMs: number;
  /** No deadline is longer than a camera of the node needs for so many frames without help. */
  readonly homeFramesMax: number;
  /** Peers asked for one look, one after the other, before the node helps itself. */
  readonly triesMax: number;
  /** A peer that had no room is left alone this long, one that did not answer in time or answered nonsense longer. */
  readonly busy: BackoffOptions;
  readonly late: BackoffOptions;
  /** After this many looks in a row that nobody did, whoever was asked, nothing is offered for a while. */
  readonly failuresMax: number;
  readonly pause: BackoffOptions;
  /** Peers whose answer times are remembered; the one asked longest ago is forgotten first. */
  readonly peersKeptMax: number;
  /** Offers past their deadline that are remembered, so that a late answer is known as one. */
  readonly expiredKeptMax: number;
};

/**
 * The windows of the peers decide how many looks are away; `offersMax` holds what they take of memory. The first deadline is
 * four looks of a slow board (250 ms on a Pi-class core); the shortest is what a peer may take at once (`TAKEN_AT_ONCE_MS`),
 * or what it took rightly would be late; the longest keeps a result younger than what follows objects would lose them by.
 * A peer without room has some again within a look or two; one that is silent is gone or cut off, which lasts seconds to
 * minutes.
 */
export const OFFER_LIMITS: OfferLimits = {
  offersMax: 16,
  deadlineFirstMs: 1_000,
  deadlineMinMs: TAKEN_AT_ONCE_MS,
  deadlineMaxMs: 2_000,
  homeFramesMax: 4,
  triesMax: 2,
  busy: { firstMs: 250, maxMs: 8_000, factor: 2 },
  late: { firstMs: 2_000, maxMs: 60_000, factor: 2 },
  failuresMax: 8,
  pause: { firstMs: 1_000, maxMs: 60_000, factor: 2 },
  peersKeptMax: 256,
  expiredKeptMax: 64,
};
