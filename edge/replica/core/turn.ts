import { Counters } from '../../../base/counters.js';
import { type Instant, NO_EFFECTS, type ReplicaEffect, type Trouble } from './effects.js';

const COUNTER_NAMES = [
  'records',
  'duplicates',
  'linesRefused',
  'linesDoubted',
  'segmentsClosed',
  'segmentsFetched',
  'segmentsRefused',
  'segmentsPending',
  'heads',
  'headsRefused',
  'keysRefused',
  'forks',
  'clones',
  'amnesiaRecords',
  'gone',
  'rot',
  'mended',
  'expired',
  'polls',
  'pollsInconclusive',
  'pollsLost',
  'votesRefused',
  'logsRefused',
  'diskFailures',
] as const;

/** The event at hand: when it came, what is to be done for it in order; and what was counted over all events. */
export class Turn {
  readonly counters = new Counters(COUNTER_NAMES);
  #now: Instant = { monoMs: 0, wallMs: 0 };
  #effects: ReplicaEffect[] = [];

  get monoMs(): number {
    return this.#now.monoMs;
  }

  get wallMs(): number {
    return this.#now.wallMs;
  }

  begin(now: Instant): void {
    this.#now = now;
  }

  emit(...effects: readonly ReplicaEffect[]): void {
    this.#effects.push(...effects);
  }

  tell(trouble: Trouble, node: string, epoch: string, detail: string): void {
    this.#effects.push({ type: 'tell', trouble, node, epoch, detail });
  }

  /** What is to be done, once. */
  end(): readonly ReplicaEffect[] {
    if (this.#effects.length === 0) return NO_EFFECTS;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
