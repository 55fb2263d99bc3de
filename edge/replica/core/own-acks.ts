type Mark = { readonly epoch: string; readonly seq: number; readonly atMonoMs: number };

/** Marks kept of when own records were made durable: beyond these the youngest stands for those after it. */
const MARKS_MAX = 1_024;

/** Which own records another node holds durably, and how long the oldest that none holds has been waiting. */
export class OwnAcks {
  readonly #acked = new Map<string, number>();
  readonly #seen = new Map<string, number>();
  #marks: Mark[] = [];

  /** The own log grew. */
  noteOwn(epoch: string, seq: number, first: number, nowMonoMs: number): void {
    const before = this.#seen.get(epoch) ?? first - 1;
    if (!this.#seen.has(epoch)) this.#acked.set(epoch, Math.max(first - 1, this.#acked.get(epoch) ?? 0));
    if (seq <= before) return;
    this.#seen.set(epoch, seq);
    if (this.#marks.length < MARKS_MAX) this.#marks.push({ epoch, seq, atMonoMs: nowMonoMs });
  }

  /** Another node holds an own epoch durably up to `seq`. */
  noteFrontier(epoch: string, seq: number): void {
    if (seq <= (this.#acked.get(epoch) ?? 0)) return;
    this.#acked.set(epoch, seq);
    this.#marks = this.#marks.filter((mark) => mark.seq > (this.#acked.get(mark.epoch) ?? 0));
  }

  forget(epoch: string): void {
    this.#acked.delete(epoch);
    this.#seen.delete(epoch);
    this.#marks = this.#marks.filter((mark) => mark.epoch !== epoch);
  }

  acked(epoch: string): number {
    return Math.min(this.#acked.get(epoch) ?? 0, this.#seen.get(epoch) ?? 0);
  }

  get unacked(): number {
    let unacked = 0;
    for (const [epoch, seq] of this.#seen) unacked += Math.max(0, seq - (this.#acked.get(epoch) ?? 0));
    return unacked;
  }

  unackedMs(nowMonoMs: number): number {
    const oldest = this.#marks[0];
    return oldest === undefined ? 0 : Math.max(0, nowMonoMs - oldest.atMonoMs);
  }
}
