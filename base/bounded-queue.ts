/** What a full queue does with a new item: refuses it, or makes room by dropping its oldest. */
export type FullPolicy = 'refuse' | 'drop-oldest';

/** A first-in first-out queue that never holds more than `limit` items and counts what it drops. */
export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly #limit: number;
  readonly #policy: FullPolicy;
  #dropped = 0;

  constructor(limit: number, policy: FullPolicy) {
    this.#limit = limit;
    this.#policy = policy;
  }

  /** Adds an item; false if it was refused. */
  push(item: T): boolean {
    if (this.#items.length >= this.#limit) {
      this.#dropped++;
      if (this.#policy === 'refuse') return false;
      this.#items.shift();
    }
    this.#items.push(item);
    return true;
  }

  /** The oldest item, which stays. */
  peek(): T | undefined {
    return this.#items[0];
  }

  shift(): T | undefined {
    return this.#items.shift();
  }

  /** Removes and returns at most `count` of the oldest items. */
  take(count: number): T[] {
    return this.#items.splice(0, count);
  }

  clear(): void {
    this.#items.length = 0;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Items refused or dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }
}
