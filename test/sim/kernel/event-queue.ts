/** Something that will happen; keep it to cancel it. */
export type Scheduled = { readonly atMs: number; readonly order: number; run: (() => void) | undefined };

/**
 * Virtual time: events in order of their time, then of their making. Times are whole milliseconds from 0. Nothing but this
 * queue moves time, so a history is a function of its seed.
 */
export class EventQueue {
  #heap: Scheduled[] = [];
  #order = 0;
  #nowMs = 0;
  #executed = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get executed(): number {
    return this.#executed;
  }

  /** Calls `run` at a time; a time that has passed means now, after what is already due. */
  at(atMs: number, run: () => void): Scheduled {
    const event: Scheduled = { atMs: Math.max(this.#nowMs, Math.ceil(atMs)), order: this.#order++, run };
    this.#push(event);
    return event;
  }

  after(delayMs: number, run: () => void): Scheduled {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Calls `run` every `periodMs` until it gives false. */
  every(periodMs: number, run: () => boolean): void {
    this.after(periodMs, () => {
      if (run()) this.every(periodMs, run);
    });
  }

  cancel(event: Scheduled): void {
    event.run = undefined;
  }

  /** Runs all that is due up to and at `untilMs`, and leaves the clock there. */
  runUntil(untilMs: number): void {
    for (;;) {
      const run = this.#takeDue(untilMs);
      if (run === undefined) break;
      run();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * The same for programs that use promises: after each event all of them settle. They may wait for nothing but this queue
   * and what settles at once; slower by a turn of the event loop for each event.
   */
  async runUntilSettling(untilMs: number): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const run = this.#takeDue(untilMs);
      if (run === undefined) break;
      run();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #takeDue(untilMs: number): (() => void) | undefined {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) return undefined;
      this.#pop();
      if (next.run === undefined) continue;
      this.#nowMs = next.atMs;
      this.#executed++;
      return next.run;
    }
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const leftChild = heap[left];
      if (leftChild === undefined) break;
      const rightChild = heap[left + 1];
      const isRight = rightChild !== undefined && isBefore(rightChild, leftChild);
      const child = isRight ? rightChild : leftChild;
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = isRight ? left + 1 : left;
    }
    heap[at] = last;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
