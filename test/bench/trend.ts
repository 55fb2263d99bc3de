/** How one measured value changed over time. */
export type Trend = {
  readonly first: number;
  readonly last: number;
  readonly max: number;
  /** Of the line through the values after the warm-up, by the median of all pairs' slopes: spikes do not bend it. */
  readonly perHour: number;
};

/** A value at a time, ms of the monotonic clock. */
export type Sample = { readonly atMonoMs: number; readonly value: number };

const HOUR_MS = 3_600_000;
/** Caches and compilers fill up at first: this part of the time says nothing of a leak. */
const WARM_UP_SHARE = 1 / 3;

/** @throws Error without samples. */
export function trendOf(samples: readonly Sample[]): Trend {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) throw new Error('no samples');
  const warmMonoMs = first.atMonoMs + (last.atMonoMs - first.atMonoMs) * WARM_UP_SHARE;
  const warm = samples.filter(({ atMonoMs }) => atMonoMs >= warmMonoMs);
  return {
    first: first.value,
    last: last.value,
    max: Math.max(...samples.map(({ value }) => value)),
    perHour: medianSlope(warm) * HOUR_MS,
  };
}

// Theil and Sen: half of the samples may be outliers.
function medianSlope(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((a, i) =>
    samples.slice(i + 1).map((b) => (b.value - a.value) / (b.atMonoMs - a.atMonoMs)),
  );
  slopes.sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)] ?? 0;
}
