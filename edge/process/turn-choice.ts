/** A camera that has a frame and waits for its turn, or a picture of another node. Times are of one monotonic clock, ms. */
export type Waiting = {
  /** Something moves there or is being followed. */
  readonly isUrgent: boolean;
  /** Work for another node: unless it is owed, it never comes before a camera of this one, however long it waits. */
  readonly isGuest?: boolean;
  /** Of a guest: from then on it is owed a turn, and has it among the cameras as one that has waited long enough. */
  readonly owedFromMonoMs?: number | undefined;
  readonly sinceMonoMs: number;
  /** When its last turn was over; minus infinity before the first. */
  readonly lastEndedMonoMs: number;
};

/** A camera where nothing happens waits for those where something does, but no longer than this. */
export const CALM_WAIT_MAX_MS = 1_000;

/**
 * Who is next: of those where something happens the one that has waited longest since its last turn, so that their frame
 * rates fall evenly; then, alike, those where nothing does; then guests that are owed nothing yet. Undefined where nobody waits.
 */
export function chooseTurn<T extends Waiting>(waiting: readonly T[], nowMonoMs: number): T | undefined {
  return waiting.reduce<T | undefined>((best, candidate) => {
    if (best === undefined) return candidate;
    const [bestRank, candidateRank] = [rankOf(best, nowMonoMs), rankOf(candidate, nowMonoMs)];
    if (bestRank !== candidateRank) return candidateRank < bestRank ? candidate : best;
    return candidate.lastEndedMonoMs < best.lastEndedMonoMs ? candidate : best;
  }, undefined);
}

function rankOf({ isUrgent, isGuest, owedFromMonoMs, sinceMonoMs }: Waiting, nowMonoMs: number): number {
  if (isGuest === true) return owedFromMonoMs !== undefined && nowMonoMs >= owedFromMonoMs ? 0 : 2;
  return isUrgent || nowMonoMs - sinceMonoMs >= CALM_WAIT_MAX_MS ? 0 : 1;
}
