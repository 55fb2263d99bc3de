import type { z } from 'zod';
import { Link } from '../../base/link/link.js';
import { type LinkCleared, type LinkMessage, SubscriptionTable } from '../../base/link/subscription-table.js';
import type { Params, Route } from '../../protocol/routes.js';

/** A link that delivers what a test says, and is up when it says so; nothing is sent. */
export class HandLink extends Link {
  readonly #table = new SubscriptionTable('vedette');
  readonly #ups = new Set<() => void>();

  override subscribe<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Partial<Params<P>>,
    onMessage: (message: LinkMessage<P, z.infer<S>>) => void,
    onCleared?: (cleared: LinkCleared<P>) => void,
  ): () => void {
    return this.#table.add(route, params, onMessage, onCleared).remove;
  }

  override onUp(listener: () => void): () => void {
    this.#ups.add(listener);
    return () => this.#ups.delete(listener);
  }

  up(): void {
    for (const listener of this.#ups) listener();
  }

  deliver(topic: string, bytes: Uint8Array, retained: boolean): void {
    this.#table.deliver(topic, bytes, retained, 0, (error) => {
      throw error;
    });
  }
}
