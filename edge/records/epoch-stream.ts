/** A batch under way: closed interval of seqs. */
export type Batch = { readonly from: number; readonly to: number };

/**
 * Where publishing of one epoch stands: what was confirmed, what is under way, what comes next. Confirmations come in
 * order because all batches are on one topic; a failed batch takes all behind it back, so that order holds.
 */
export class EpochStream {
  readonly epoch: string;
  #confirmedSeq: number;
  #nextSeq: number;
  #underWay: Batch[] = [];
  /** Confirmed while one before them was not. */
  readonly #early = new Set<Batch>();

  constructor(epoch: string, confirmedSeq: number) {
    this.epoch = epoch;
    this.#confirmedSeq = confirmedSeq;
    this.#nextSeq = confirmedSeq + 1;
  }

  /** Largest seq up to which everything was confirmed by PUBACK, expired or skipped. */
  get confirmedSeq(): number {
    return this.#confirmedSeq;
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get underWay(): number {
    return this.#underWay.length;
  }

  /** Notes that a batch was handed to the link. `from` may lie beyond `nextSeq` when records before it are rotten. */
  begin(batch: Batch): void {
    this.#underWay.push(batch);
    this.#nextSeq = batch.to + 1;
  }

  /** A batch that was taken back meanwhile will be sent again: its listeners know a duplicate when they see one. */
  confirm(batch: Batch): void {
    if (!this.#underWay.includes(batch)) return;
    this.#early.add(batch);
    // A broker may confirm out of order; the position moves only over what is whole.
    for (let first = this.#underWay[0]; first !== undefined && this.#early.delete(first); first = this.#underWay[0]) {
      this.#underWay.shift();
      this.#confirmedSeq = first.to;
    }
  }

  /** A batch failed: it and all that follow it are to be sent again. False if it was taken back already. */
  takeBack(batch: Batch): boolean {
    if (!this.#underWay.includes(batch)) return false;
    this.#underWay = [];
    this.#early.clear();
    this.#nextSeq = this.#confirmedSeq + 1;
    return true;
  }

  /** Nothing up to `seq` will be sent: rotten, expired or refused. */
  skipTo(seq: number): void {
    this.#nextSeq = Math.max(this.#nextSeq, seq + 1);
    if (this.#underWay.length === 0) this.#confirmedSeq = Math.max(this.#confirmedSeq, seq);
  }
}
