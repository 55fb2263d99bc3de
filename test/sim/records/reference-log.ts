import { IntervalSet } from '../../../base/listener/interval-set.js';

/** What a reference replica holds of one log. */
export class ReferenceLog {
  readonly node: string;
  readonly epoch: string;
  readonly texts = new Map<number, string>();
  readonly have = new IntervalSet();
  durable = new IntervalSet();
  first = 1;
  /** Largest seq known to exist. */
  known = 0;
  askedMs = Number.NEGATIVE_INFINITY;
  gapSinceMs: number | undefined;
  attempts = 0;

  constructor(node: string, epoch: string) {
    this.node = node;
    this.epoch = epoch;
  }

  /** @returns false for what is held already or was given up. */
  take(seq: number, text: string): boolean {
    this.known = Math.max(this.known, seq);
    if (seq < this.first || this.texts.has(seq)) return false;
    this.texts.set(seq, text);
    this.have.add(seq, seq);
    return true;
  }

  raiseFirst(first: number): void {
    if (first <= this.first) return;
    this.first = first;
    for (const seq of this.texts.keys()) if (seq < first) this.texts.delete(seq);
    this.have.add(1, first - 1);
    this.durable.add(1, first - 1);
    this.known = Math.max(this.known, first - 1);
  }

  /** Largest seq held. */
  get last(): number {
    return Math.max(this.first - 1, this.have.max);
  }

  get frontier(): number {
    const missing = this.durable.missing(1, this.known + 1, 1)[0];
    return (missing?.[0] ?? 1) - 1;
  }

  missing(max: number): readonly (readonly [number, number])[] {
    return this.known < this.first ? [] : this.have.missing(this.first, this.known, max);
  }
}
