/** Time as the rest of Vedette sees it. Everything that waits or stamps takes one, so that tests run without sleeping. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump; never used to order or to measure. */
  nowMs(): number;
  /** Monotonic clock, milliseconds from an arbitrary start. The only clock for ages, deadlines and rates. */
  monoMs(): number;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `callback` once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls `callback` every `periodMs`; the returned function cancels. */
  every(periodMs: number, callback: () => void): () => void;
}

/** The machine's own clocks. Its timers do not keep the process alive on their own unless they are slept on. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monoMs(): number {
    return performance.now();
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  }

  every(periodMs: number, callback: () => void): () => void {
    const timer = setInterval(callback, periodMs);
    return () => clearInterval(timer);
  }
}

type Waiter = { readonly dueMonoMs: number; readonly order: number; readonly fire: () => void };

/** A clock that moves only when told to. Timers fire in order of their due time, then of their making. */
export class SimulatedClock implements Clock {
  #wallOffsetMs: number;
  #monoMs = 0;
  #order = 0;
  #waiters: Waiter[] = [];

  constructor(startWallMs = 1_789_000_000_000) {
    this.#wallOffsetMs = startWallMs;
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#monoMs;
  }

  monoMs(): number {
    return this.#monoMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(delayMs: number, callback: () => void): () => void {
    const waiter: Waiter = { dueMonoMs: this.#monoMs + Math.max(0, delayMs), order: this.#order++, fire: callback };
    this.#waiters.push(waiter);
    return () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    };
  }

  every(periodMs: number, callback: () => void): () => void {
    let cancel = () => {};
    const arm = () => {
      cancel = this.after(periodMs, () => {
        arm();
        callback();
      });
    };
    arm();
    return () => cancel();
  }

  /** Moves both clocks on, firing what falls due on the way; lets promises settle between timers. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#monoMs + byMs;
    for (;;) {
      await settle();
      const next = this.#earliest();
      if (next === undefined || next.dueMonoMs > untilMs) break;
      this.#waiters = this.#waiters.filter((other) => other !== next);
      this.#monoMs = Math.max(this.#monoMs, next.dueMonoMs);
      next.fire();
    }
    this.#monoMs = untilMs;
    await settle();
  }

  /** Steps the wall clock alone, as NTP or a person does. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  #earliest(): Waiter | undefined {
    let best: Waiter | undefined;
    for (const waiter of this.#waiters) {
      if (best === undefined || waiter.dueMonoMs < best.dueMonoMs) best = waiter;
      else if (waiter.dueMonoMs === best.dueMonoMs && waiter.order < best.order) best = waiter;
    }
    return best;
  }
}

// Chains of a few awaits settle within these turns of the microtask queue; a macrotask turn lets streams move too.
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
