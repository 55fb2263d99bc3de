import { type Claimant, foldDoubts } from '../../../base/doubts.js';
import type { Peer } from '../peer-book.js';
import { weightOf } from './rendezvous.js';

/** What a node says of itself, and what the others think of it. */
export type WatcherState = {
  readonly state: 'active' | 'overloaded' | 'leaving';
  /** Pictures per second its detectors could look at beyond what they do. */
  readonly spareFps: number;
  /** Its results are disputed by most of those who check. */
  readonly isDoubted: boolean;
};

/** Another node that watches sources and is alive, as its claims say. */
export type Watcher = WatcherState & {
  readonly node: string;
  readonly owns: readonly string[];
  readonly heard: readonly string[];
};

/** A node with what it says of itself. */
type Claimer = Pick<Claimant, 'node' | 'claims'>;

type Known = { readonly peer: Peer; readonly watcher: Watcher };

/**
 * The others that watch sources. One that says nothing new stays the same object, so that what follows from it need not be
 * thought through again: of a thousand nodes one tells its claims again every few milliseconds.
 */
export class Watchers {
  readonly #known = new Map<string, Known>();

  /**
   * Those that are alive, and whether this node is doubted itself. One without a model cannot look: what it holds is taken
   * over, and it takes nothing.
   * @param self this node: it is one of those who check.
   */
  of(peers: readonly Peer[], self: Claimer): { readonly others: readonly Watcher[]; readonly isDoubted: boolean } {
    const active = peers.filter(({ isActive }) => isActive);
    const doubted = doubtedOf(active, self);
    const others = active
      .filter(({ claims }) => claims.shares.sources)
      .map((peer) => this.#watcher(peer, doubted.has(peer.node)));
    if (this.#known.size > others.length) this.#keep(new Set(others.map(({ node }) => node)));
    return { others, isDoubted: doubted.has(self.node) };
  }

  #watcher(peer: Peer, isDoubted: boolean): Watcher {
    const known = this.#known.get(peer.node);
    if (known?.peer === peer && known.watcher.isDoubted === isDoubted) return known.watcher;
    const now = watcherOf(peer, isDoubted);
    const watcher = known !== undefined && isSame(known.watcher, now) ? known.watcher : now;
    this.#known.set(peer.node, { peer, watcher });
    return watcher;
  }

  #keep(nodes: ReadonlySet<string>): void {
    for (const node of this.#known.keys()) if (!nodes.has(node)) this.#known.delete(node);
  }
}

function watcherOf({ node, claims }: Peer, isDoubted: boolean): Watcher {
  const { state, model, spareFps, sources, heard } = claims;
  const owns = sources.filter(({ as }) => as === 'owner').map(({ source }) => source);
  return { node, state: model === null ? 'leaving' : state, spareFps, heard, isDoubted, owns };
}

// Spare capacity counts by its weight; it changes all the time.
function isSame(a: Watcher, b: Watcher): boolean {
  const isAlike = a.state === b.state && a.isDoubted === b.isDoubted && weightOf(a.spareFps) === weightOf(b.spareFps);
  return isAlike && isSameList(a.owns, b.owns) && isSameList(a.heard, b.heard);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

const NOBODY: ReadonlyMap<string, unknown> = new Map();

// Mostly nobody doubts anybody.
function doubtedOf(active: readonly Peer[], self: Claimer): ReadonlyMap<string, unknown> {
  if (self.claims.doubts.length === 0 && active.every(({ claims }) => claims.doubts.length === 0)) return NOBODY;
  return foldDoubts([self, ...active].map(({ node, claims }) => ({ node, isOnline: true, claims }))).doubted;
}
