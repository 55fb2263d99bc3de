import type { Link } from '../../base/link/link.js';
import type { PeerState } from './core/effects.js';

/** A status of a node, as one broker has it. */
type Seen = { readonly gen: number; readonly isOnline: boolean };

/** What holds of a node; `isAside`: it is at a broker we only look into, and those at ours do not hear of it. */
export type Standing = { readonly state: PeerState; readonly isAside: boolean };

/** Frontiers come once a minute: whoever was silent at our broker for longer does not publish there. */
const WORD_MS = 150_000;

/** Nodes looked after at most; those beyond are taken to be at our own broker. */
const NODES_MAX = 1_024;

/**
 * Whether each node is there, and by which link: brokers that know nothing of each other may tell different things of it.
 * What our own broker says of somebody who is online stands; else the newest generation.
 */
export class Reach {
  readonly #main: Link;
  readonly #statuses = new Map<string, Map<Link, Seen>>();
  /** By which link somebody spoke last, and when by our own. */
  readonly #words = new Map<string, { link: Link; mainMonoMs: number }>();

  constructor(main: Link) {
    this.#main = main;
  }

  /** A status came by a link. */
  noteStatus(node: string, link: Link, status: Seen): void {
    const known = this.#statuses.get(node);
    if (known === undefined && this.#statuses.size >= NODES_MAX) return;
    const statuses = known ?? new Map<Link, Seen>();
    this.#statuses.set(node, statuses);
    statuses.set(link, status);
  }

  /** Something that no broker keeps came from a node. */
  noteWord(node: string, link: Link, nowMonoMs: number): void {
    const known = this.#words.get(node);
    if (known === undefined && this.#words.size >= NODES_MAX) return;
    const mainMonoMs = link === this.#main ? nowMonoMs : (known?.mainMonoMs ?? Number.NEGATIVE_INFINITY);
    this.#words.set(node, { link, mainMonoMs });
  }

  /** Nodes of which a status is known. */
  get nodes(): readonly string[] {
    return [...this.#statuses.keys()];
  }

  /** Undefined for a node of which no status is known. */
  standing(node: string, nowMonoMs: number): Standing | undefined {
    const holding = this.#holding(node);
    if (holding === undefined) return undefined;
    const isAside = holding.isOnline && holding.link !== this.#main && !this.#speaksHere(node, nowMonoMs);
    return { state: holding.isOnline ? 'online' : 'away', isAside };
  }

  /** A link is down. @returns nodes that were there by it alone. */
  lose(link: Link): string[] {
    for (const [node, word] of [...this.#words]) if (word.link === link) this.#words.delete(node);
    const lost: string[] = [];
    for (const [node, statuses] of this.#statuses) {
      const wasOnline = this.#holding(node)?.isOnline === true;
      statuses.delete(link);
      if (wasOnline && this.#holding(node)?.isOnline !== true) lost.push(node);
    }
    return lost;
  }

  /** The link by which a node hears what is sent to it. */
  linkTo(node: string): Link {
    const holding = this.#holding(node);
    if (holding?.isOnline === true) return holding.link;
    return this.#words.get(node)?.link ?? this.#main;
  }

  /** True if somebody is reached by this side link, or by any, alone. */
  hasStrangers(side?: Link): boolean {
    const isStranger = (link: Link) => link !== this.#main && (side === undefined || link === side);
    const isThere = (node: string) => isStranger(this.linkTo(node));
    return [...this.#statuses.keys()].some(isThere) || [...this.#words.keys()].some(isThere);
  }

  #speaksHere(node: string, nowMonoMs: number): boolean {
    return nowMonoMs - (this.#words.get(node)?.mainMonoMs ?? Number.NEGATIVE_INFINITY) < WORD_MS;
  }

  #holding(node: string): (Seen & { readonly link: Link }) | undefined {
    const statuses = this.#statuses.get(node);
    if (statuses === undefined) return undefined;
    const here = statuses.get(this.#main);
    if (here?.isOnline === true) return { ...here, link: this.#main };
    let newest: (Seen & { readonly link: Link }) | undefined;
    for (const [link, seen] of statuses) if (seen.gen > (newest?.gen ?? -1)) newest = { ...seen, link };
    return newest;
  }
}
