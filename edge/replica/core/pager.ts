import type { Copy } from './copy.js';
import type { ReplicaEffect } from './effects.js';

type Page = { readonly copy: Copy; lastMonoMs: number };

/** Reads the retained segments of one log at a time: at most the 64 of a window, so below every broker's limits. */
export class Pager {
  readonly #quietMs: number;
  readonly #waiting: Copy[] = [];
  readonly #waitingMax: number;
  #page: Page | undefined;

  constructor(quietMs: number, waitingMax: number) {
    this.#quietMs = quietMs;
    this.#waitingMax = waitingMax;
  }

  get isReading(): boolean {
    return this.#page !== undefined;
  }

  /** True if the log waits or is being read. */
  has(copy: Copy): boolean {
    return this.#page?.copy === copy || this.#waiting.includes(copy);
  }

  add(copy: Copy): void {
    if (!this.has(copy) && this.#waiting.length < this.#waitingMax) this.#waiting.push(copy);
  }

  /** A segment of the log came. */
  noteArrival(copy: Copy, nowMonoMs: number): void {
    if (this.#page?.copy === copy) this.#page.lastMonoMs = nowMonoMs;
  }

  forget(copy: Copy): void {
    const at = this.#waiting.indexOf(copy);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** @returns effects, and the log whose page ended: nothing marks the end of what is retained but quiet. */
  due(nowMonoMs: number): { readonly effects: readonly ReplicaEffect[]; readonly ended: Copy | undefined } {
    const effects: ReplicaEffect[] = [];
    let ended: Copy | undefined;
    const page = this.#page;
    if (page !== undefined && (nowMonoMs - page.lastMonoMs >= this.#quietMs || page.copy.isWhole)) {
      effects.push({ type: 'unpage', node: page.copy.node, epoch: page.copy.epoch });
      ended = page.copy;
      this.#page = undefined;
    }
    if (this.#page === undefined) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        this.#page = { copy: next, lastMonoMs: nowMonoMs };
        effects.push({ type: 'page', node: next.node, epoch: next.epoch });
      }
    }
    return { effects, ended };
  }

  /** The link is gone, and the subscription with it. */
  clear(): ReplicaEffect[] {
    const page = this.#page;
    this.#page = undefined;
    this.#waiting.length = 0;
    return page === undefined ? [] : [{ type: 'unpage', node: page.copy.node, epoch: page.copy.epoch }];
  }
}
