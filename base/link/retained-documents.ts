import type { z } from 'zod';
import { buildTopic, type Params, type PayloadOf, type Route } from '../../protocol/routes.js';
import type { Clock } from '../clock.js';
import { messageOf, OperationError } from '../errors.js';
import type { Log } from '../log.js';
import type { Link } from './link.js';

/** How many retained topics one process may own: 64 cameras with a dozen labels and sensors each. */
const DOCUMENTS_MAX = 4_096;
/** What a link that is up did not take (a full window, a missing PUBACK) is tried again after this. */
const RETRY_MS = 1_000;

type Entry = { readonly isEmpty: boolean; isConfirmed: boolean; isSending: boolean; send: () => Promise<void> };

/**
 * The retained documents a process owns, by topic: remembers the newest of each, publishes it when the link is up, and
 * again until a PUBACK came. `republishAll` gives a fresh broker everything.
 */
export class RetainedDocuments {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  readonly #stop: () => void;
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;

  constructor(link: Link, clock: Clock, log: Log) {
    this.#link = link;
    this.#clock = clock;
    this.#log = log;
    this.#stop = link.onUp(() => this.#sendUnconfirmed());
  }

  /**
   * Replaces the document of one topic. The payload is kept until the next `set`, so it must not be changed.
   * @throws OperationError try-again when DOCUMENTS_MAX topics are owned already.
   */
  set<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Params<P>,
    payload: PayloadOf<Route<P, S>>,
  ): void {
    this.#replace(route, params, false, () => this.#link.publish(route, params, payload));
  }

  /** Empties a topic; remembered like a document, for a fresh broker, as long as there is room. */
  clear<P extends string>(route: Route<P>, params: Params<P>): void {
    this.#replace(route, params, true, () => this.#link.publishEmpty(route, params));
  }

  /** Publishes every document anew, for a broker that may not have them. */
  republishAll(): void {
    for (const entry of this.#entries.values()) entry.isConfirmed = false;
    this.#sendUnconfirmed();
  }

  /** Documents that no broker has confirmed yet. */
  get unconfirmed(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (!entry.isConfirmed) count++;
    return count;
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#cancelRetry?.();
    this.#entries.clear();
  }

  #replace<P extends string>(route: Route<P>, params: Params<P>, isEmpty: boolean, send: () => Promise<void>): void {
    const topic = buildTopic(this.#link.root, route, params);
    if (!this.#entries.has(topic) && !this.#hasRoom()) {
      throw new OperationError({
        code: 'try-again',
        op: 'keep document',
        subject: topic,
        message: `more than ${DOCUMENTS_MAX} retained topics`,
      });
    }
    const entry: Entry = { isEmpty, isConfirmed: false, isSending: false, send };
    this.#entries.set(topic, entry);
    void this.#send(topic, entry);
  }

  // Topics that were emptied long ago make room: sources come and go.
  #hasRoom(): boolean {
    if (this.#entries.size < DOCUMENTS_MAX) return true;
    for (const [topic, { isEmpty, isConfirmed }] of this.#entries) {
      if (isEmpty && isConfirmed) return this.#entries.delete(topic);
    }
    return false;
  }

  #sendUnconfirmed(): void {
    for (const [topic, entry] of this.#entries) if (!entry.isConfirmed) void this.#send(topic, entry);
  }

  // A link that is down sends all when it is up again.
  #retryLater(): void {
    if (this.#isClosed || !this.#link.isUp) return;
    this.#cancelRetry ??= this.#clock.after(RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.#sendUnconfirmed();
    });
  }

  async #send(topic: string, entry: Entry): Promise<void> {
    if (!this.#link.isUp || entry.isSending) return;
    entry.isSending = true;
    try {
      await entry.send();
      entry.isConfirmed = true;
    } catch (error) {
      const isForGood = error instanceof OperationError && !error.transient;
      if (isForGood) {
        // It will never pass; sent again at every reconnect it would only fill the log.
        entry.isConfirmed = true;
        this.#log.error('document refused', { topic, error: messageOf(error) });
      } else this.#retryLater();
    } finally {
      entry.isSending = false;
    }
  }
}
