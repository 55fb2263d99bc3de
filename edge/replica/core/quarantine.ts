export type Standing = 'good' | 'suspect' | 'quarantined';

/**
 * Whether this replica's word counts. Each failed check makes it suspect; several within a day put it in quarantine: it has
 * no vote until a day has passed without another. What it gives others is checked by their chains in any case.
 */
export class Quarantine {
  readonly #failuresMax: number;
  readonly #suspectMs: number;
  #failuresMonoMs: number[] = [];

  constructor(failuresMax: number, suspectMs: number) {
    this.#failuresMax = failuresMax;
    this.#suspectMs = suspectMs;
  }

  /** A segment was found rotten, or a vote was lost. True if that put it in quarantine. */
  noteFailure(nowMonoMs: number): boolean {
    const before = this.standing(nowMonoMs);
    this.#failuresMonoMs = [...this.#failuresMonoMs, nowMonoMs].slice(-this.#failuresMax);
    return before !== 'quarantined' && this.standing(nowMonoMs) === 'quarantined';
  }

  standing(nowMonoMs: number): Standing {
    const recent = this.#failuresMonoMs.filter((atMonoMs) => nowMonoMs - atMonoMs < this.#suspectMs);
    if (recent.length >= this.#failuresMax) return 'quarantined';
    return recent.length > 0 ? 'suspect' : 'good';
  }
}
