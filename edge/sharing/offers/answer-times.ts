/** How long answers take: smoothed mean and deviation, ms. */
export type AnswerTimes = { readonly meanMs: number; readonly deviationMs: number };

// RFC 6298, 2: what TCP waits for an acknowledgement.
const MEAN_GAIN = 1 / 8;
const DEVIATION_GAIN = 1 / 4;
const DEVIATIONS = 4;
const QUEUE = 3;

/** After one more answer, a late one too: a deadline that only learned from those in time would never grow. */
export function noteAnswerTime(times: AnswerTimes | undefined, tookMs: number): AnswerTimes {
  if (times === undefined) return { meanMs: tookMs, deviationMs: tookMs / 2 };
  const { meanMs, deviationMs } = times;
  return {
    meanMs: meanMs + MEAN_GAIN * (tookMs - meanMs),
    deviationMs: deviationMs + DEVIATION_GAIN * (Math.abs(tookMs - meanMs) - deviationMs),
  };
}

/**
 * How long an answer is waited for, ms, before bounds. Where all take the same time the deviation says nothing of the look
 * that finds two others before it.
 */
export function patienceMs({ meanMs, deviationMs }: AnswerTimes): number {
  return Math.max(QUEUE * meanMs, meanMs + DEVIATIONS * deviationMs);
}
