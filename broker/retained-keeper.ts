import type { MatchedTopic, RouteName } from '../protocol/routes.js';
import type { RetainedJournal } from './retained-journal.js';
import type { Change, Retained, RetainedStore } from './retained-store.js';

/**
 * Retained routes that are not journaled. Pictures: one camera's best frames are some 30 KiB each and would be
 * megabytes an hour on a card; the next best frame replaces them, and a node shows them again to a new broker epoch.
 * Segments: they are on the cards of their owner and of its holders, who bring them to a new broker epoch within seconds;
 * here they would be every node's records once more, and again with each compaction. Both are in the snapshot of a
 * graceful stop. The broker's own: they belong to one life of it.
 */
const VOLATILE: ReadonlySet<RouteName> = new Set(['snapshot', 'segment', 'keptSegment', 'brokerEpoch', 'brokerStats']);

/** Keeps one retained message: in memory at once, in the journal before its PUBACK. */
export class RetainedKeeper {
  readonly #store: RetainedStore;
  readonly #journal: RetainedJournal;

  constructor(store: RetainedStore, journal: RetainedJournal) {
    this.#store = store;
    this.#journal = journal;
  }

  /**
   * Applies a retained message. `onSafe` is called once it may be acknowledged, or with an error if it may not; it is
   * not called when the store is full. Memory and journal change in the same order, that of the calls.
   */
  keep(matched: MatchedTopic, message: Retained, onSafe: (error?: Error) => void): Change {
    const change = this.#store.apply(message);
    if (change === 'full-broker' || change === 'full-writer') return change;
    if (VOLATILE.has(matched.name)) onSafe();
    // The same again may still be on its way to the disk.
    else if (change === 'same') this.#journal.barrier(onSafe);
    else this.#journal.append(message, onSafe);
    return change;
  }
}

/** True if messages of a route are found again after the process was killed. */
export function isJournaled(name: RouteName): boolean {
  return !VOLATILE.has(name);
}
