import type { EventQueue } from './event-queue.js';

/**
 * One life of a process. Everything that reaches a program (timers, messages, answers of a broker) comes through `enter`:
 * it goes nowhere once the process is dead, and waits in order while it is frozen.
 */
export class ProcessLife {
  readonly #queue: EventQueue;
  readonly #onFault: (error: unknown) => void;
  readonly #startedMs: number;
  readonly #atDeath: ((isPowerCut: boolean) => void)[] = [];
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #held: (() => void)[] = [];

  /** @param onFault the program threw: as in a real process, that is the end of it. */
  constructor(queue: EventQueue, onFault: (error: unknown) => void) {
    this.#queue = queue;
    this.#onFault = onFault;
    this.#startedMs = queue.nowMs;
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Milliseconds since the process started. */
  get ageMs(): number {
    return this.#queue.nowMs - this.#startedMs;
  }

  /** Runs a part of the program now, at the thaw, or never. */
  enter(part: () => void): void {
    if (this.#state === 'dead') return;
    if (this.#state === 'frozen') {
      this.#held.push(part);
      return;
    }
    try {
      part();
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** What the kernel does for a process that ends, such as closing its sockets. */
  whenDead(action: (isPowerCut: boolean) => void): void {
    this.#atDeath.push(action);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const part of held) this.enter(part);
  }

  end(isPowerCut: boolean): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held = [];
    for (const action of this.#atDeath) action(isPowerCut);
  }
}
