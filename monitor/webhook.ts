import { backoffDelayMs } from '../base/backoff.js';
import { BoundedQueue } from '../base/bounded-queue.js';
import type { Clock } from '../base/clock.js';
import { Counters } from '../base/counters.js';
import { systemCodeOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import type { Notice } from '../protocol/status.js';

/** Notices that wait: a person who is told of sixty things is told of enough. */
const QUEUE_MAX = 64;
const RETRY = { firstMs: 1_000, maxMs: 60_000, factor: 2 };
/** With the delays above, about 6 minutes. */
const TRIES_MAX = 10;

export type WebhookOptions = {
  /** Where to POST; `user:password@` in it becomes basic authentication. It may be a secret, and is never logged. */
  readonly url: URL;
  readonly timeoutMs: number;
  readonly monitor: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Tells a person through a web hook: POST of one JSON object per notice, in order, tried again with backoff. */
export class Webhook {
  readonly counters = new Counters(['webhookSent', 'webhookRetries', 'webhookFailed', 'webhookDropped'] as const);
  readonly #options: WebhookOptions;
  readonly #queue = new BoundedQueue<Notice>(QUEUE_MAX, 'drop-oldest');
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  push(notice: Notice): void {
    if (this.#stop.signal.aborted) {
      this.counters.add('webhookDropped');
      return;
    }
    const before = this.#queue.dropped;
    this.#queue.push(notice);
    this.counters.add('webhookDropped', this.#queue.dropped - before);
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
    this.counters.add('webhookDropped', unsent);
    this.#options.log.warn('notices not sent to the web hook', { notices: unsent });
  }

  async #run(): Promise<void> {
    for (let notice = this.#queue.shift(); notice !== undefined; notice = this.#queue.shift()) {
      await this.#send(notice);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #send(notice: Notice): Promise<void> {
    const { clock, random, log } = this.#options;
    const { node, rule } = notice;
    let error = '';
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      if (attempt > 0) {
        this.counters.add('webhookRetries');
        await clock.sleep(backoffDelayMs(attempt - 1, RETRY, random.next()), this.#stop.signal).catch(() => {});
      }
      const answer = this.#stop.signal.aborted ? 'the monitor stops' : await this.#post(notice);
      if (answer === undefined) {
        this.counters.add('webhookSent');
        return;
      }
      error = answer;
      if (this.#stop.signal.aborted) break;
      if (attempt === 0) log.warn('web hook not reached, trying again', { node, rule, error });
    }
    this.counters.add('webhookFailed');
    log.error('web hook gave up a notice', { node, rule, error });
  }

  // Undefined once it is taken; else why not, in words without the address.
  async #post(notice: Notice): Promise<string | undefined> {
    const { url, timeoutMs, monitor } = this.#options;
    const { target, headers } = targetOf(url);
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ ...notice, monitor }),
        redirect: 'manual',
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `HTTP status ${response.status}`;
    } catch (error) {
      return plainCause(error, timeoutMs);
    }
  }
}

function targetOf(url: URL): { target: URL; headers: Record<string, string> } {
  if (url.username === '' && url.password === '') return { target: url, headers: {} };
  const target = new URL(url);
  target.username = '';
  target.password = '';
  const words = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { target, headers: { authorization: `Basic ${Buffer.from(words).toString('base64')}` } };
}

// The messages of fetch may name the address, which may be a secret.
function plainCause(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  return systemCodeOf(error.cause) ?? systemCodeOf(error) ?? error.name;
}
