import { type BackoffOptions, backoffDelayMs } from './backoff.js';
import { BoundedQueue } from './bounded-queue.js';
import type { Clock } from './clock.js';
import { Counters } from './counters.js';
import type { Log, LogFields } from './log.js';
import type { Random } from './random.js';

/** Things that wait: a person who is told of sixty things is told of enough. */
const QUEUE_MAX = 64;
const RETRY: BackoffOptions = { firstMs: 1_000, maxMs: 60_000, factor: 2 };
/** With the delays above, about 6 minutes. */
const TRIES_MAX = 10;

export type DeliveryOptions<T> = {
  /** By which way, for the log: `web hook`. */
  readonly way: string;
  /** What is delivered, for the log: `a notice`, `notices`. */
  readonly one: string;
  readonly many: string;
  /** First part of the names of its counters: `webhook` gives `webhookSent`. */
  readonly prefix: string;
  /** One try. @returns undefined once it is taken, else why not, in words without secrets. Never throws. */
  readonly send: (item: T, signal: AbortSignal) => Promise<string | undefined>;
  /** What the log says of one. */
  readonly fieldsOf: (item: T) => LogFields;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/**
 * Brings things to somebody who may be away: in order, tried again with backoff, ten times. 64 wait at most; of more the
 * oldest are dropped, counted. Kept in memory only.
 */
export class Delivery<T> {
  readonly counters: Counters<string>;
  readonly #options: DeliveryOptions<T>;
  readonly #queue = new BoundedQueue<T>(QUEUE_MAX, 'drop-oldest');
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(options: DeliveryOptions<T>) {
    this.#options = options;
    this.counters = new Counters(['Sent', 'Retries', 'Failed', 'Dropped'].map((name) => `${options.prefix}${name}`));
  }

  push(item: T): void {
    if (this.#stop.signal.aborted) {
      this.#count('Dropped');
      return;
    }
    const before = this.#queue.dropped;
    this.#queue.push(item);
    this.#count('Dropped', this.#queue.dropped - before);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  /** Gives up what has not been sent, and says how much that is. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const unsent = this.#queue.take(QUEUE_MAX).length;
    if (unsent === 0) return;
    this.#count('Dropped', unsent);
    const { log, way, many } = this.#options;
    log.warn(`${many} not sent by ${way}`, { [many]: unsent });
  }

  async #run(): Promise<void> {
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      await this.#deliver(item);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #deliver(item: T): Promise<void> {
    const { clock, random, log, send, fieldsOf, way, one } = this.#options;
    const { signal } = this.#stop;
    let error = '';
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      if (attempt > 0) {
        this.#count('Retries');
        await clock.sleep(backoffDelayMs(attempt - 1, RETRY, random.next()), signal).catch(() => {});
      }
      const answer = signal.aborted ? 'the service stops' : await send(item, signal);
      if (answer === undefined) {
        this.#count('Sent');
        return;
      }
      error = answer;
      if (signal.aborted) break;
      if (attempt === 0) log.warn(`${way} not reached, trying again`, { ...fieldsOf(item), error });
    }
    this.#count('Failed');
    log.error(`${way} gave up ${one}`, { ...fieldsOf(item), error });
  }

  #count(name: 'Sent' | 'Retries' | 'Failed' | 'Dropped', by = 1): void {
    this.counters.add(`${this.#options.prefix}${name}`, by);
  }
}
