/** For how long a peer has owed every acknowledgement that is awaited: one that comes for any of them ends the silence. */
export class AckWatch {
  #awaited = 0;
  #sinceMonoMs = 0;

  /** An acknowledgement is awaited from now on. */
  await(nowMonoMs: number): void {
    if (this.#awaited++ === 0) this.#sinceMonoMs = nowMonoMs;
  }

  /** One came. */
  came(nowMonoMs: number): void {
    this.#awaited = Math.max(0, this.#awaited - 1);
    this.#sinceMonoMs = nowMonoMs;
  }

  /** One is not awaited any more, though it did not come. */
  giveUp(): void {
    this.#awaited = Math.max(0, this.#awaited - 1);
  }

  /** 0 while nothing is awaited. */
  silentMs(nowMonoMs: number): number {
    return this.#awaited === 0 ? 0 : nowMonoMs - this.#sinceMonoMs;
  }
}
