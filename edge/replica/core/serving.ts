import { BoundedQueue } from '../../../base/bounded-queue.js';
import type { Need } from '../../../protocol/record.js';
import { planAnswer } from './answer-plan.js';
import type { Copy } from './copy.js';
import type { ReplicaEffect } from './effects.js';

/** `first` of a log we do not have: nothing of it will ever come from here. */
export const NOTHING_LEFT = Number.MAX_SAFE_INTEGER;

type Asked = { readonly from: string; readonly need: Need };

/** Needs of others: answered one at a time, in order of arrival, a few for each asker. */
export class Serving {
  readonly #perAskerMax: number;
  readonly #waiting: BoundedQueue<Asked>;
  readonly #known = new Map<string, number>();
  #current: Asked | undefined;
  readonly counts = { needs: 0, refused: 0, repeated: 0 };

  constructor(waitingMax: number, perAskerMax: number) {
    this.#perAskerMax = perAskerMax;
    // The asker repeats what it still needs, so the newest may be refused.
    this.#waiting = new BoundedQueue(waitingMax, 'refuse');
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  take(from: string, need: Need): void {
    const asked = { from, need };
    const ofAsker = this.#known.get(from) ?? 0;
    if (ofAsker >= this.#perAskerMax || !this.#waiting.push(asked)) {
      this.counts.refused++;
      return;
    }
    this.#known.set(from, ofAsker + 1);
    this.counts.needs++;
  }

  /** The next answer, if none is under way. */
  due(copyOf: (node: string, epoch: string) => Copy | undefined): ReplicaEffect[] {
    if (this.#current !== undefined) return [];
    const next = this.#waiting.shift();
    if (next === undefined) return [];
    this.#current = next;
    const { from: to, need } = next;
    const copy = copyOf(need.of, need.e);
    const pieces = copy === undefined ? [] : planAnswer(copy, need);
    return [{ type: 'serve', to, need, pieces, first: copy?.first ?? NOTHING_LEFT }];
  }

  /** An answer was given, or given up. */
  served(id: string): void {
    const current = this.#current;
    if (current === undefined || current.need.id !== id) return;
    this.#current = undefined;
    const left = (this.#known.get(current.from) ?? 1) - 1;
    if (left > 0) this.#known.set(current.from, left);
    else this.#known.delete(current.from);
  }

  /** The link is gone: who asked will ask again. What is under way ends by `served`. */
  clear(): void {
    this.#waiting.clear();
    this.#known.clear();
    if (this.#current !== undefined) this.#known.set(this.#current.from, 1);
  }
}
