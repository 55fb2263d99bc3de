import type { SensorTraits } from './sensor-kind.js';

/** Why there is no reading. */
export type SensorReason = 'missing' | 'stuck' | 'range';

export type SensorVerdict =
  /** A reading. */
  | { readonly kind: 'value'; readonly value: number }
  /** No reading, and why. */
  | { readonly kind: 'fault'; readonly reason: SensorReason }
  /** Nothing to say: one lost answer; the last verdict stands. */
  | { readonly kind: 'wait' };

/** What the board remembers of one part between samples. */
export type SensorHistory = {
  readonly misses: number;
  readonly last: number | undefined;
  /** Equal samples in a row, the last included. */
  readonly repeats: number;
};

export const NEW_SENSOR: SensorHistory = { misses: 0, last: undefined, repeats: 0 };

/** One lost answer happens on any bus; two in a row are a part that does not answer. */
const MISSES_MAX = 1;

/**
 * Tells a reading from a fault: no answer, an answer outside the part's range, the same answer again and again.
 * Pure. A stuck value is taken for a reading until it has repeated `stuckAfter` times: nobody can know earlier.
 */
export function checkSample(
  history: SensorHistory,
  sample: number | undefined,
  traits: SensorTraits,
): { readonly history: SensorHistory; readonly verdict: SensorVerdict } {
  if (sample === undefined) {
    const misses = history.misses + 1;
    const verdict: SensorVerdict = misses > MISSES_MAX ? { kind: 'fault', reason: 'missing' } : { kind: 'wait' };
    return { history: { ...history, misses }, verdict };
  }
  const repeats = sample === history.last ? history.repeats + 1 : 1;
  const next = { misses: 0, last: sample, repeats };
  if (!(sample >= traits.min && sample <= traits.max))
    return { history: next, verdict: { kind: 'fault', reason: 'range' } };
  const isStuck = repeats >= traits.stuckAfter && sample > traits.quietBelow;
  return { history: next, verdict: isStuck ? { kind: 'fault', reason: 'stuck' } : { kind: 'value', value: sample } };
}
