/** Reading for verification may take a tenth of the time: a fault that comes back with every question must not stop answers. */
const REST_FACTOR = 9;

/** How often a replica may be made to read its files again: one at a time, and then not for nine times as long as it took. */
export class VerifyBudget {
  #begunMonoMs: number | undefined;
  #restUntilMonoMs = Number.NEGATIVE_INFINITY;

  /** True if reading may begin now; then `end` must follow. */
  begin(nowMonoMs: number): boolean {
    if (this.#begunMonoMs !== undefined || nowMonoMs < this.#restUntilMonoMs) return false;
    this.#begunMonoMs = nowMonoMs;
    return true;
  }

  end(nowMonoMs: number): void {
    const tookMs = nowMonoMs - (this.#begunMonoMs ?? nowMonoMs);
    this.#begunMonoMs = undefined;
    this.#restUntilMonoMs = nowMonoMs + REST_FACTOR * tookMs;
  }
}
