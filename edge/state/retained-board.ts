import type { z } from 'zod';
import type { Params, PayloadOf, Route } from '../../protocol/routes.js';

/** What the retained board needs of a link: publishing, and knowing whether it would arrive. */
export interface StatePublisher {
  readonly isUp: boolean;
  publish<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Params<P>,
    payload: PayloadOf<Route<P, S>>,
  ): Promise<void>;
}

type Entry = { readonly send: () => Promise<void>; dirty: boolean; sending: boolean };

/**
 * The retained state a node shows: the newest value of each topic, sent when the link is up, sent again when the broker
 * lost it. Newest wins: values that changed while the link was down are not queued, only their last one is sent.
 */
export class RetainedBoard {
  readonly #publisher: StatePublisher;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Map<string, Entry>();
  readonly #topicsMax: number;
  #refused = 0;

  /** @param topicsMax most topics it keeps; a new topic beyond it is refused and counted. */
  constructor(publisher: StatePublisher, onError: (error: unknown) => void, topicsMax = 4096) {
    this.#publisher = publisher;
    this.#onError = onError;
    this.#topicsMax = topicsMax;
  }

  /** Shows a value; sends it at once if the link is up. False if the board is full. */
  set<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Params<P>,
    payload: PayloadOf<Route<P, S>>,
  ): boolean {
    const key = `${route.pattern} ${JSON.stringify(params)}`;
    if (!this.#entries.has(key) && this.#entries.size >= this.#topicsMax) {
      this.#refused++;
      return false;
    }
    const entry: Entry = { send: () => this.#publisher.publish(route, params, payload), dirty: true, sending: false };
    this.#entries.set(key, entry);
    void this.#push(entry);
    return true;
  }

  /** Sends what has not arrived yet; call when the link comes up. */
  flush(): void {
    for (const entry of this.#entries.values()) if (entry.dirty) void this.#push(entry);
  }

  /** Sends everything anew; call when the broker has forgotten it (a new broker epoch). */
  republish(): void {
    for (const entry of this.#entries.values()) entry.dirty = true;
    this.flush();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Topics refused because the board was full. */
  get refused(): number {
    return this.#refused;
  }

  async #push(entry: Entry): Promise<void> {
    if (!this.#publisher.isUp || entry.sending) return;
    entry.sending = true;
    entry.dirty = false;
    try {
      await entry.send();
    } catch (error) {
      entry.dirty = true;
      this.#onError(error);
    } finally {
      entry.sending = false;
    }
  }
}
