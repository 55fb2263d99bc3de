import { backoffDelayMs } from '../base/backoff.js';
import { BoundedQueue } from '../base/bounded-queue.js';
import type { Clock } from '../base/clock.js';
import { Counters } from '../base/counters.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import type { Notice } from '../protocol/status.js';

/** Notices that wait: a person who is told of sixty things is told of enough. */
const QUEUE_MAX = 64;
const RETRY = { firstMs: 1_000, maxMs: 60_000, factor: 2 };
/** With the delays above, about 6 minutes. */
const TRIES_MAX = 10;

export type WebhookOptions = {
  readonly url: string;
  readonly timeoutMs: number;
  readonly monitor: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Tells a person through a web hook: POST of one JSON object per notice, in order, tried again with backoff. */
export class Webhook {
  readonly counters = new Counters(['webhookSent', 'webhookFailed', 'webhookDropped'] as const);
  readonly #options: WebhookOptions;
  readonly #queue = new BoundedQueue<Notice>(QUEUE_MAX, 'drop-oldest');
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  push(notice: Notice): void {
    const before = this.#queue.dropped;
    this.#queue.push(notice);
    this.counters.add('webhookDropped', this.#queue.dropped - before);
    if (this.#isRunning || this.#stop.signal.aborted) return;
    this.#isRunning = true;
    this.#running = this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  /** Gives up what has not been sent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let notice = this.#queue.shift(); notice !== undefined; notice = this.#queue.shift()) {
      await this.#send(notice);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #send(notice: Notice): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      try {
        await this.#post(notice);
        this.counters.add('webhookSent');
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (attempt === 0) log.warn('web hook not reached, trying again', { error: messageOf(error) });
        await clock.sleep(backoffDelayMs(attempt, RETRY, random.next()), this.#stop.signal).catch(() => {});
        if (this.#stop.signal.aborted) return;
      }
    }
    this.counters.add('webhookFailed');
    log.error('web hook gave up a notice', { node: notice.node, rule: notice.rule });
  }

  async #post(notice: Notice): Promise<void> {
    const { url, timeoutMs, monitor } = this.#options;
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...notice, monitor }),
      redirect: 'error',
      signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  }
}
