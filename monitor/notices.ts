import { BoundedQueue } from '../base/bounded-queue.js';
import { Counters } from '../base/counters.js';
import { messageOf, OperationError } from '../base/errors.js';
import type { Link } from '../base/link/link.js';
import type { Log } from '../base/log.js';
import { routes } from '../protocol/routes.js';
import type { Notice } from '../protocol/status.js';

/** Notices kept while there is no broker: that the broker is given up is one of them. */
const WAITING_MAX = 64;

export type NoticesOptions = { readonly link: Link; readonly monitor: string; readonly log: Log };

/** What a person should know, over MQTT: one message each, kept while the broker is away. */
export class Notices {
  readonly counters = new Counters(['noticesSent', 'noticesDropped'] as const);
  readonly #options: NoticesOptions;
  readonly #waiting = new BoundedQueue<Notice>(WAITING_MAX, 'drop-oldest');
  #isSending = false;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** Sends what waits whenever the link comes up; before the link opens. */
  open(): void {
    this.#options.link.onUp(() => this.#send());
  }

  push(notice: Notice): void {
    const before = this.#waiting.dropped;
    this.#waiting.push(notice);
    this.counters.add('noticesDropped', this.#waiting.dropped - before);
    this.#send();
  }

  #send(): void {
    if (this.#isSending || !this.#options.link.isUp) return;
    this.#isSending = true;
    this.#sendAll()
      .catch((error) => this.#options.log.debug('notice not published', { error: messageOf(error) }))
      .finally(() => {
        this.#isSending = false;
      });
  }

  // One at a time: what is not acknowledged goes out again on the next connect, maybe twice.
  async #sendAll(): Promise<void> {
    const { link, monitor, log } = this.#options;
    for (let notice = this.#waiting.peek(); notice !== undefined; notice = this.#waiting.peek()) {
      try {
        await link.publish(routes.notice, { monitor }, notice);
        this.counters.add('noticesSent');
      } catch (error) {
        if (error instanceof OperationError && error.transient) throw error;
        this.counters.add('noticesDropped');
        log.error('notice cannot be published', { node: notice.node, rule: notice.rule, error: messageOf(error) });
      }
      if (this.#waiting.peek() === notice) this.#waiting.shift();
    }
  }
}
