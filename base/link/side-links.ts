import type { z } from 'zod';
import type { Params, PayloadOf, Route } from '../../protocol/routes.js';
import { messageOf } from '../errors.js';
import type { BrokerAddress } from './broker-stream.js';
import { describeAddress, parseBrokerUrl } from './broker-stream.js';
import { Link, type LinkOptions } from './link.js';
import type { LinkMessage } from './subscription-table.js';

export type SideLinksOptions = {
  /** Options of the bulk link: its client id is free at every broker but the one the node is at. */
  readonly link: Omit<LinkOptions, 'follows'>;
  /** The node's own link, whose broker needs no side link. */
  readonly main: Link;
};

type Listening = (link: Link) => () => void;

/**
 * Links to the configured brokers that the node is not at: what is published on them lets two halves of a fleet, each with
 * a broker of its own, see each other's heads as soon as one node reaches both. None where only one broker is configured.
 */
export class SideLinks {
  readonly #options: SideLinksOptions;
  readonly #links = new Map<string, Link>();
  readonly #listening = new Set<Listening>();
  readonly #upCallbacks = new Set<(link: Link) => void>();
  #stop: (() => void) | undefined;
  #isClosed = false;

  constructor(options: SideLinksOptions) {
    this.#options = options;
  }

  open(): void {
    const { link, main } = this.#options;
    const isAlone = typeof link.url === 'string' || link.url.length < 2;
    // Not before the node is at a broker: until then all of them are tried anyway.
    if (!isAlone) this.#stop = main.onUp(() => this.#reconcile(main.brokerAddress));
  }

  /** Those that are up. */
  get up(): readonly Link[] {
    return [...this.#links.values()].filter(({ isUp }) => isUp);
  }

  /** Publishes on every side link that is up. Never throws: whoever is on the other side asks for what it misses. */
  async publish<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Params<P>,
    payload: PayloadOf<Route<P, S>>,
  ): Promise<void> {
    const failed = (error: unknown) =>
      this.#options.link.log.debug('not published aside', { route: route.pattern, error: messageOf(error) });
    await Promise.all(this.up.map((link) => link.publish(route, params, payload).catch(failed)));
  }

  /**
   * Listens to a route on all side links, those opened later too. The handler learns which link it came by: an answer
   * goes back the same way.
   */
  subscribe<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Partial<Params<P>>,
    onMessage: (message: LinkMessage<P, z.infer<S>>, link: Link) => void,
  ): () => void {
    const stops = new Set<() => void>();
    const listening: Listening = (link) => {
      const stop = link.subscribe(route, params, (message) => onMessage(message, link));
      stops.add(stop);
      return stop;
    };
    this.#listening.add(listening);
    for (const link of this.#links.values()) listening(link);
    return () => {
      this.#listening.delete(listening);
      for (const stop of stops) stop();
    };
  }

  /** Calls back whenever a side link has come up. */
  onUp(callback: (link: Link) => void): () => void {
    this.#upCallbacks.add(callback);
    for (const link of this.up) callback(link);
    return () => this.#upCallbacks.delete(callback);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stop?.();
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    this.#links.clear();
  }

  // The node may have moved: there its bulk link needs our client id now.
  #reconcile(at: BrokerAddress): void {
    const { url } = this.#options.link;
    const here = describeAddress(at);
    for (const broker of typeof url === 'string' ? [url] : url) {
      const key = describeAddress(parseBrokerUrl(broker));
      const link = this.#links.get(key);
      if (key === here && link !== undefined) {
        this.#links.delete(key);
        void link.close();
      } else if (key !== here && link === undefined && !this.#isClosed) this.#openTo(key, broker);
    }
  }

  #openTo(key: string, url: string): void {
    const { link: shared } = this.#options;
    const link = new Link({ ...shared, url, log: shared.log.child({ link: `side ${key}` }) });
    this.#links.set(key, link);
    for (const listening of this.#listening) listening(link);
    link.onUp(() => {
      for (const callback of [...this.#upCallbacks]) callback(link);
    });
    link.open();
  }
}
