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
  /** By what it could do beyond what it does. */
  readonly weight: number;
  readonly owns: readonly string[];
  readonly heard: readonly string[];
};

/** A node with what it says of itself. */
type Claimer = Pick<Claimant, 'node' | 'claims'>;

/** Those that are alive and watch sources, and whether this node is doubted itself. */
type Watching = { readonly others: readonly Watcher[]; readonly isDoubted: boolean };

const NOBODY: ReadonlyMap<string, unknown> = new Map();

/**
 * The others that watch sources. One that says nothing new stays the same object, and where nobody does it is the same list,
 * so that what follows from it need not be thought through again: of a thousand nodes one tells its claims again every few
 * milliseconds.
 */
export class Watchers {
  /** As they were seen last, and for each of them what became of it; undefined: away, or watches no sources. */
  #peers: readonly Peer[] = [];
  #watchers: readonly (Watcher | undefined)[] = [];
  #others: readonly Watcher[] = [];
  /** Active ones that doubt somebody. Mostly nobody does. */
  #doubters = 0;
  #wasQuiet = true;

  /**
   * Those that are alive, and whether this node is doubted itself. One without a model cannot look: what it holds is taken
   * over, and it takes nothing.
   * @param peers by name; one that is the same object as before has not changed. @param self this node: it is one of those
   * who check.
   */
  of(peers: readonly Peer[], self: Claimer): Watching {
    if (peers !== this.#peers) this.#doubters = this.#countDoubters(peers);
    const isQuiet = this.#doubters === 0 && self.claims.doubts.length === 0;
    const doubted = isQuiet ? NOBODY : doubtedOf(peers, self);
    if (peers !== this.#peers || !isQuiet || !this.#wasQuiet) this.#show(peers, doubted, isQuiet && this.#wasQuiet);
    this.#wasQuiet = isQuiet;
    return { others: this.#others, isDoubted: doubted.has(self.node) };
  }

  // Plain loops: they run through a thousand others several times a second.
  #countDoubters(peers: readonly Peer[]): number {
    const before = this.#peers;
    let count = 0;
    if (peers.length !== before.length) {
      for (const peer of peers) count += doubts(peer);
      return count;
    }
    for (let i = 0; i < peers.length; i++) {
      if (peers[i] !== before[i]) count += doubts(peers[i]) - doubts(before[i]);
    }
    return this.#doubters + count;
  }

  /** @param isQuiet nobody doubts anybody, and nobody did: who has not changed is not looked at. */
  #show(peers: readonly Peer[], doubted: ReadonlyMap<string, unknown>, isQuiet: boolean): void {
    const before = this.#peers;
    const known = this.#watchers;
    this.#peers = peers;
    const watchers = known.slice(0, peers.length);
    let isChanged = watchers.length !== known.length || watchers.length !== peers.length;
    let byNode: ReadonlyMap<string, Watcher | undefined> | undefined;
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[i];
      const was = before[i];
      if (peer === undefined || (isQuiet && peer === was)) continue;
      if (peer.node !== was?.node) byNode ??= new Map(before.map(({ node }, place) => [node, known[place]]));
      const watcher = watcherOf(peer, doubted.has(peer.node), byNode === undefined ? known[i] : byNode.get(peer.node));
      if (watcher !== known[i]) isChanged = true;
      watchers[i] = watcher;
    }
    if (!isChanged) return;
    this.#watchers = watchers;
    this.#others = watchers.filter((watcher) => watcher !== undefined);
  }
}

/** @param known as it was before. @returns the same where it says nothing new. */
function watcherOf(peer: Peer, isDoubted: boolean, known: Watcher | undefined): Watcher | undefined {
  if (!peer.isActive || !peer.claims.shares.sources) return undefined;
  const now = asWatcher(peer, isDoubted);
  return known !== undefined && isSame(known, now) ? known : now;
}

function asWatcher({ node, claims }: Peer, isDoubted: boolean): Watcher {
  const { state, model, spareFps, sources, heard } = claims;
  const owns = sources.filter(({ as }) => as === 'owner').map(({ source }) => source);
  return {
    node,
    state: model === null ? 'leaving' : state,
    spareFps,
    weight: weightOf(spareFps),
    heard,
    isDoubted,
    owns,
  };
}

// Spare capacity counts by its weight; it changes all the time.
function isSame(a: Watcher, b: Watcher): boolean {
  const isAlike = a.state === b.state && a.isDoubted === b.isDoubted && a.weight === b.weight;
  return isAlike && isSameList(a.owns, b.owns) && isSameList(a.heard, b.heard);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function doubts(peer: Peer | undefined): number {
  return peer?.isActive === true && peer.claims.doubts.length > 0 ? 1 : 0;
}

function doubtedOf(peers: readonly Peer[], self: Claimer): ReadonlyMap<string, unknown> {
  const active = peers.filter(({ isActive }) => isActive);
  return foldDoubts([self, ...active].map(({ node, claims }) => ({ node, isOnline: true, claims }))).doubted;
}
