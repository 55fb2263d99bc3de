import type { Link } from '../../base/link/link.js';
import type { Head } from '../../protocol/record.js';

/** A head to be kept, under our name, at a broker its writer does not reach. */
export type Relay = { readonly link: Link; readonly head: Head };

/** A writer that reaches a broker publishes there at the same time as elsewhere, but for what is on the way. */
const LATE_MS = 5_000;
const NODES_MAX = 1_024;

/**
 * What to show at the brokers that are only looked into: heads of writers that do not reach them, so that those who are
 * there know how long these logs are and what confirms them. What others keep there, or the writer itself, is not repeated.
 */
export class HeadRelay {
  readonly #here = new Map<string, { readonly head: Head; readonly heardMonoMs: number }>();
  /** By link and node: when the newest head there was made, by its writer's clock. */
  readonly #there = new Map<Link, Map<string, number>>();

  noteHere(head: Head, nowMonoMs: number): void {
    const known = this.#here.get(head.node);
    if (known === undefined ? this.#here.size >= NODES_MAX : known.head.t >= head.t) return;
    this.#here.set(head.node, { head, heardMonoMs: nowMonoMs });
  }

  /** A head is at a side broker, whoever keeps it. */
  noteThere(link: Link, { node, t }: Head): void {
    const heads = this.#there.get(link) ?? new Map<string, number>();
    this.#there.set(link, heads);
    if (heads.has(node) || heads.size < NODES_MAX) heads.set(node, Math.max(t, heads.get(node) ?? 0));
  }

  /** The link is down: what was there may be gone when it is back. */
  lose(link: Link): void {
    this.#there.delete(link);
  }

  /** What to publish now at these side links; counted as being there. */
  due(links: readonly Link[], nowMonoMs: number): Relay[] {
    const relays: Relay[] = [];
    for (const link of links) {
      for (const { head, heardMonoMs } of this.#here.values()) {
        const isLacking = (this.#there.get(link)?.get(head.node) ?? Number.NEGATIVE_INFINITY) < head.t;
        if (!isLacking || nowMonoMs - heardMonoMs < LATE_MS) continue;
        this.noteThere(link, head);
        relays.push({ link, head });
      }
    }
    return relays;
  }
}
