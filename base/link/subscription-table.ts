import type { z } from 'zod';
import { decodePayload } from '../../protocol/codec.js';
import { buildFilter, matchTopic, type Params, type Route } from '../../protocol/routes.js';

/** One message of a route, checked. */
export type LinkMessage<P extends string, T> = {
  readonly params: Params<P>;
  readonly payload: T;
  /** True for what the broker had retained when we subscribed; false for what was published just now. */
  readonly retained: boolean;
  readonly topic: string;
  /** The payload as it came: hashes are over bytes. Shared: not to be changed. */
  readonly raw: Uint8Array;
  /** When it arrived, monotonic clock. */
  readonly receivedMonoMs: number;
};

/** A retained topic that was emptied. */
export type LinkCleared<P extends string> = Pick<LinkMessage<P, never>, 'params' | 'topic' | 'receivedMonoMs'>;

type Incoming = {
  readonly params: Readonly<Record<string, string>>;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
  readonly receivedMonoMs: number;
};

type Subscription = {
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly pattern: string;
  readonly wanted: ReadonlyMap<string, string>;
  /** @throws PayloadError */
  readonly deliver: (incoming: Incoming) => void;
};

/** What a Link listens to: handlers by route, remembered over reconnects. */
export class SubscriptionTable {
  readonly #root: string;
  readonly #subscriptions = new Set<Subscription>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Adds a handler; gives its filter and QoS to subscribe with, and what removes it again. */
  add<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Partial<Params<P>>,
    onMessage: (message: LinkMessage<P, z.infer<S>>) => void,
    onCleared: ((cleared: LinkCleared<P>) => void) | undefined,
  ): { readonly filter: string; readonly qos: 0 | 1; readonly remove: () => void } {
    const subscription: Subscription = {
      filter: buildFilter(this.#root, route, params),
      qos: route.qos,
      pattern: route.pattern,
      wanted: definedEntries(params),
      deliver: (incoming) => {
        const { topic, retained, receivedMonoMs } = incoming;
        const typedParams = paramsOf<P>(incoming.params);
        if (incoming.payload.byteLength === 0 && route.retain) {
          onCleared?.({ params: typedParams, topic, receivedMonoMs });
          return;
        }
        const payload = decodePayload(route, incoming.payload);
        onMessage({ params: typedParams, payload, raw: incoming.payload, retained, topic, receivedMonoMs });
      },
    };
    this.#subscriptions.add(subscription);
    return { ...subscription, remove: () => this.#subscriptions.delete(subscription) };
  }

  /** Filters in use, each once with its highest QoS. */
  filters(): ReadonlyMap<string, 0 | 1> {
    const filters = new Map<string, 0 | 1>();
    for (const { filter, qos } of this.#subscriptions) filters.set(filter, filters.get(filter) === 1 ? 1 : qos);
    return filters;
  }

  has(filter: string): boolean {
    for (const subscription of this.#subscriptions) if (subscription.filter === filter) return true;
    return false;
  }

  /**
   * Hands a message to every handler that asked for it; the number of those.
   * `onFault` gets what a handler or the payload check throws, once per handler.
   */
  deliver(
    topic: string,
    payload: Uint8Array,
    retained: boolean,
    receivedMonoMs: number,
    onFault: (error: unknown) => void,
  ): number {
    const matched = matchTopic(this.#root, topic);
    if (matched === undefined) return 0;
    const incoming = { params: matched.params, topic, payload, retained, receivedMonoMs };
    let handlers = 0;
    for (const subscription of [...this.#subscriptions]) {
      if (subscription.pattern !== matched.route.pattern || !isWanted(subscription, matched.params)) continue;
      handlers++;
      try {
        subscription.deliver(incoming);
      } catch (error) {
        onFault(error);
      }
    }
    return handlers;
  }
}

function definedEntries(params: object): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  for (const [name, value] of Object.entries(params)) if (typeof value === 'string') wanted.set(name, value);
  return wanted;
}

function isWanted(subscription: Subscription, params: Readonly<Record<string, string>>): boolean {
  for (const [name, value] of subscription.wanted) if (params[name] !== value) return false;
  return true;
}

// matchTopic has checked every level of the route's own pattern; the compiler cannot see that it is the same pattern.
function paramsOf<P extends string>(params: Readonly<Record<string, string>>): Params<P>;
function paramsOf(params: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return params;
}
