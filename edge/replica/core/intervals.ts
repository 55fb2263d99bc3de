import { type Interval, IntervalSet } from '../../../base/listener/interval-set.js';

export function setOf(ranges: readonly Interval[]): IntervalSet {
  const set = new IntervalSet();
  for (const [from, to] of ranges) set.add(from, to);
  return set;
}

/** What of some ranges is in none of others. */
export function without(ranges: readonly Interval[], others: readonly Interval[]): Interval[] {
  if (others.length === 0) return [...ranges];
  const set = setOf(others);
  return ranges.flatMap(([from, to]) => set.missing(from, to, Number.POSITIVE_INFINITY));
}

/** What of some ranges is in some of others too. */
export function common(ranges: readonly Interval[], others: readonly Interval[]): Interval[] {
  return without(ranges, without(ranges, others));
}
