import type { SensorConfig } from './config.js';

/** Why there is no reading: no answer, the same answer for too long, a number the part cannot measure. */
export const SENSOR_FAULTS = ['missing', 'stuck', 'range'] as const;
export type SensorFault = (typeof SENSOR_FAULTS)[number];

/** A reading, or why there is none. `value` is in the unit, calibrated and smoothed. */
export type SensorVerdict =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly reason: SensorFault };

/** What a node remembers of one sensor between samples. Times are of the monotonic clock, ms. */
export type SensorState = {
  readonly misses: number;
  /** The last number as it came, and since when it is the same. */
  readonly raw: number | undefined;
  readonly rawSinceMonoMs: number;
  readonly smooth: number | undefined;
  readonly smoothMonoMs: number;
  readonly told: SensorVerdict | undefined;
  readonly toldMonoMs: number;
};

export const NEW_SENSOR: SensorState = {
  misses: 0,
  raw: undefined,
  rawSinceMonoMs: 0,
  smooth: undefined,
  smoothMonoMs: 0,
  told: undefined,
  toldMonoMs: 0,
};

export type SensorRules = Pick<
  SensorConfig,
  'gain' | 'offset' | 'min' | 'max' | 'stuckAfterMs' | 'smoothingMs' | 'deadband' | 'reportEveryMs'
>;

/** One lost answer happens on any bus; two in a row are a part that does not answer. */
const MISSES_MAX = 1;

/**
 * Takes one sample: tells a reading from a fault, and whether it is news. A fault never changes the value, and after one
 * smoothing begins anew.
 * @param sample as the source gave it, uncalibrated; undefined: no answer.
 * @returns `tell`: the verdict, where it is to be told now.
 */
export function takeSample(
  state: SensorState,
  sample: number | undefined,
  nowMonoMs: number,
  rules: SensorRules,
): { readonly state: SensorState; readonly tell: SensorVerdict | undefined } {
  const seen = remember(state, sample, nowMonoMs);
  const verdict = judge(seen, sample, nowMonoMs, rules);
  // One lost answer: what was said last stands.
  if (verdict === undefined) return { state: seen, tell: undefined };
  const smoothed = smooth(seen, verdict, nowMonoMs, rules.smoothingMs);
  const next = { ...seen, smooth: smoothed.ok ? smoothed.value : undefined, smoothMonoMs: nowMonoMs };
  if (!isNews(state, smoothed, nowMonoMs, rules)) return { state: next, tell: undefined };
  return { state: { ...next, told: smoothed, toldMonoMs: nowMonoMs }, tell: smoothed };
}

function remember(state: SensorState, sample: number | undefined, nowMonoMs: number): SensorState {
  if (sample === undefined) return { ...state, misses: state.misses + 1 };
  const isSame = sample === state.raw;
  return { ...state, misses: 0, raw: sample, rawSinceMonoMs: isSame ? state.rawSinceMonoMs : nowMonoMs };
}

function judge(
  state: SensorState,
  sample: number | undefined,
  nowMonoMs: number,
  { gain, offset, min, max, stuckAfterMs }: SensorRules,
): SensorVerdict | undefined {
  if (sample === undefined) return state.misses > MISSES_MAX ? { ok: false, reason: 'missing' } : undefined;
  const value = sample * gain + offset;
  const isInside = value >= (min ?? Number.NEGATIVE_INFINITY) && value <= (max ?? Number.POSITIVE_INFINITY);
  if (!Number.isFinite(value) || !isInside) return { ok: false, reason: 'range' };
  const isStuck = stuckAfterMs !== undefined && nowMonoMs - state.rawSinceMonoMs >= stuckAfterMs;
  return isStuck ? { ok: false, reason: 'stuck' } : { ok: true, value };
}

// A first-order low pass by elapsed time: a late sample counts for the time it stands for.
function smooth(state: SensorState, verdict: SensorVerdict, nowMonoMs: number, smoothingMs: number): SensorVerdict {
  if (!verdict.ok || smoothingMs === 0 || state.smooth === undefined) return verdict;
  const weight = 1 - Math.exp(-(nowMonoMs - state.smoothMonoMs) / smoothingMs);
  return { ok: true, value: state.smooth + weight * (verdict.value - state.smooth) };
}

function isNews(
  { told, toldMonoMs }: SensorState,
  verdict: SensorVerdict,
  nowMonoMs: number,
  { deadband, reportEveryMs }: SensorRules,
): boolean {
  if (told === undefined || told.ok !== verdict.ok || nowMonoMs - toldMonoMs >= reportEveryMs) return true;
  if (told.ok && verdict.ok) return Math.abs(verdict.value - told.value) > deadband;
  return !told.ok && !verdict.ok && told.reason !== verdict.reason;
}
