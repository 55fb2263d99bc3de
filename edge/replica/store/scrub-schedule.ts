/** A closed segment that can be read and hashed again. */
export type ScrubTarget = {
  readonly node: string;
  readonly epoch: string;
  readonly n: number;
  /** Size of its file. */
  readonly bytes: number;
};

export type ScrubLimits = {
  /** Every segment is read once in this time. */
  readonly roundMs: number;
  /** Between two segments, whatever their number: a large store takes longer than a round instead of the whole card. */
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
};

export const DEFAULT_SCRUB_LIMITS: ScrubLimits = {
  // 256 MiB of own log and 256 MiB of copies are 890 B a second; a disk in thirty grows a bad sector in three years.
  roundMs: 7 * 86_400_000,
  pauseMinMs: 1_000,
  pauseMaxMs: 3_600_000,
};

export type ScrubStep = { readonly target: ScrubTarget; readonly pauseMs: number };

/**
 * What to read next, and how long to wait before: so long that all segments, by their bytes, take one round.
 * @param after the target read before; undefined at the start of a life.
 * @param chance 0..1: at the start of a life where the round begins, so that a node that restarts daily reads all in the
 *   end; later ten percent of jitter on the pause.
 * @returns undefined where there is nothing to read.
 */
export function planScrub(
  targets: readonly ScrubTarget[],
  after: ScrubTarget | undefined,
  chance: number,
  limits: ScrubLimits,
): ScrubStep | undefined {
  const sorted = [...targets].sort(compareTargets);
  const next =
    after === undefined
      ? sorted[Math.min(sorted.length - 1, Math.floor(chance * sorted.length))]
      : (sorted.find((target) => compareTargets(target, after) > 0) ?? sorted[0]);
  if (next === undefined) return undefined;
  const totalBytes = sorted.reduce((sum, { bytes }) => sum + bytes, 0);
  const share = (limits.roundMs * next.bytes) / totalBytes;
  const pauseMs = Math.min(limits.pauseMaxMs, Math.max(limits.pauseMinMs, share)) * (0.9 + 0.2 * chance);
  return { target: next, pauseMs };
}

function compareTargets(a: ScrubTarget, b: ScrubTarget): number {
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.n - b.n;
}
