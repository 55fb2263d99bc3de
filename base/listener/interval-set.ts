/** A closed interval of integers. */
export type Interval = readonly [from: number, to: number];

/** A set of integers kept as disjoint closed intervals in order: small when what it holds is nearly contiguous. */
export class IntervalSet {
  #intervals: [number, number][] = [];

  /** Adds all of `from` to `to`, both included. */
  add(from: number, to: number): void {
    if (to < from) return;
    const last = this.#intervals.at(-1);
    // The common case, in order: no search, no copy.
    if (last !== undefined && from === last[1] + 1) {
      last[1] = to;
      return;
    }
    const before = this.#intervals.filter((interval) => interval[1] < from - 1);
    const after = this.#intervals.filter((interval) => interval[0] > to + 1);
    const touched = this.#intervals.slice(before.length, this.#intervals.length - after.length);
    const merged: [number, number] = [
      Math.min(from, ...touched.map((interval) => interval[0])),
      Math.max(to, ...touched.map((interval) => interval[1])),
    ];
    this.#intervals = [...before, merged, ...after];
  }

  has(value: number): boolean {
    let low = 0;
    let high = this.#intervals.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const interval = this.#intervals[middle];
      if (interval === undefined) return false;
      if (value < interval[0]) high = middle - 1;
      else if (value > interval[1]) low = middle + 1;
      else return true;
    }
    return false;
  }

  /** True if all of `from` to `to` is in the set. */
  covers(from: number, to: number): boolean {
    if (to < from) return true;
    // Mostly asked about all that there is, which is one interval then.
    for (const interval of this.#intervals) if (interval[1] >= from) return interval[0] <= from && interval[1] >= to;
    return false;
  }

  /** What of `from` to `to` is not in the set: at most `max` intervals, from the low end. */
  missing(from: number, to: number, max: number): Interval[] {
    const gaps: Interval[] = [];
    let next = from;
    for (const [start, end] of this.#intervals) {
      if (gaps.length >= max || start > to) break;
      if (end < next) continue;
      if (start > next) gaps.push([next, start - 1]);
      next = end + 1;
    }
    if (next <= to && gaps.length < max) gaps.push([next, to]);
    return gaps;
  }

  /** Largest value, 0 if empty. */
  get max(): number {
    return this.#intervals.at(-1)?.[1] ?? 0;
  }

  /** How many values. */
  get size(): number {
    return this.#intervals.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  }

  get intervals(): readonly Interval[] {
    return this.#intervals;
  }
}
