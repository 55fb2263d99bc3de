import type { TrackView } from '../track/track.js';

/** How many objects of a label are in view. */
export type LabelCount = { readonly label: string; readonly count: number };

/** Counts of open tracks per label. Every tracked label is there from the start, with 0. */
export class LabelCounts {
  readonly #counts: Map<string, number>;

  constructor(labels: readonly string[]) {
    this.#counts = new Map(labels.map((label) => [label, 0]));
  }

  /** All counts as they are: what a birth publishes. */
  get all(): readonly LabelCount[] {
    return [...this.#counts].map(([label, count]) => ({ label, count }));
  }

  /** Takes in the open tracks. @returns the counts that changed by it. */
  update(tracks: readonly TrackView[]): readonly LabelCount[] {
    const now = new Map<string, number>();
    for (const track of tracks) now.set(track.label, (now.get(track.label) ?? 0) + 1);
    const changed: LabelCount[] = [];
    for (const label of new Set([...this.#counts.keys(), ...now.keys()])) {
      const count = now.get(label) ?? 0;
      if (this.#counts.get(label) === count) continue;
      this.#counts.set(label, count);
      changed.push({ label, count });
    }
    return changed;
  }
}
