/** Lives of a node that are remembered; older ones no longer send anything. */
const EPOCHS_MAX = 8;

type EpochTally = { seq: number; missing: number };

/** Counts the records of one node's logs as they arrive: new, repeated, passed over. */
export class LogTally {
  readonly #epochs = new Map<string, EpochTally>();
  #records = 0;
  #repeats = 0;

  /** Takes one record; false if it was there before. */
  take(epoch: string, seq: number): boolean {
    const tally = this.#epochs.get(epoch) ?? this.#begin(epoch);
    if (seq > tally.seq) {
      // The first one heard of an epoch may be any: the log began before we listened.
      if (tally.seq > 0) tally.missing += seq - tally.seq - 1;
      tally.seq = seq;
    } else if (tally.missing > 0) {
      // What comes late fills a gap; which one is the replicas' business.
      tally.missing--;
    } else {
      this.#repeats++;
      return false;
    }
    this.#records++;
    return true;
  }

  get records(): number {
    return this.#records;
  }

  get repeats(): number {
    return this.#repeats;
  }

  /** Passed over and not arrived since. */
  get missing(): number {
    return [...this.#epochs.values()].reduce((sum, tally) => sum + tally.missing, 0);
  }

  #begin(epoch: string): EpochTally {
    const tally = { seq: 0, missing: 0 };
    this.#epochs.set(epoch, tally);
    const [oldest] = this.#epochs.keys();
    if (this.#epochs.size > EPOCHS_MAX && oldest !== undefined) this.#epochs.delete(oldest);
    return tally;
  }
}
