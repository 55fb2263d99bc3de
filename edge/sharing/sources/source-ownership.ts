import { SOURCES_MAX } from '../../../protocol/sharing.js';
import { KnownSources } from './known-sources.js';
import { type Candidate, Rendezvous, weightOf } from './rendezvous.js';
import { HEEDED_MAX, SOURCE_TIMES, type SourceTimes } from './source-limits.js';
import { UnprovenSources } from './unproven-sources.js';

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

/** What a node does from now on. */
export type WatchPlan = {
  /** Sources whose frames it looks at, by name. */
  readonly owned: readonly string[];
  /** What of this it tells, and for which sources it is the next. Nothing is told while it settles. */
  readonly claims: readonly { readonly source: string; readonly as: 'owner' | 'standby' }[];
  /** It is the one that listens for sources nobody knows. */
  readonly isOnDuty: boolean;
  /** Sources it would have to watch, beyond what it may. */
  readonly left: readonly string[];
};

export type SourceOwnershipOptions = {
  readonly node: string;
  /** Sources watched at a time. */
  readonly ownedMax: number;
  /** Sources known at a time. */
  readonly knownMax: number;
  /** Names that mean something else on this node: sources called so are left to others. */
  readonly except?: readonly string[];
  readonly times?: Partial<SourceTimes>;
};

/** Why somebody should take a source: nobody has it, or who has it gives way. */
type Cause = 'nobody' | 'overloaded' | 'leaving';
type Unclaimed = { readonly sinceMs: number; readonly isLost: boolean; readonly cause: Cause };
/** Who may take a source, this node apart. */
type Takers = { readonly hasMe: boolean; readonly others: readonly Candidate[] };
type Steady = { readonly what: string; readonly sinceMs: number };

const NOBODY: Takers = { hasMe: false, others: [] };
const DISCOVERY_WORD = 'discovery';

/**
 * Which sources this node watches, decided by it alone from what it hears; the others decide alike. An owner stays one
 * until it is gone, gives way, or two meet. Pure: times are passed in, monotonic ms; it is asked again after each change
 * and a few times a second.
 */
export class SourceOwnership {
  readonly #node: string;
  readonly #ownedMax: number;
  readonly #except: readonly string[];
  readonly #times: SourceTimes;
  readonly #known: KnownSources;
  readonly #rendezvous = new Rendezvous();
  readonly #unproven: UnprovenSources;
  /** Who tells of those nobody else tells of first, and of which nothing was heard here. */
  #tellers: ReadonlyMap<string, string> = new Map();
  /** Sources held, and since when, or when a frame was heard last. */
  readonly #held = new Map<string, number>();
  readonly #unclaimed = new Map<string, Unclaimed>();
  readonly #regrets = new Map<string, number>();
  readonly #steady = new Map<string, Steady>();
  #ownersBefore = new Map<string, readonly string[]>();
  #peers: readonly Watcher[] = [];
  /** Of sources somebody has, and of those nobody has. */
  #takers: Record<'owned' | 'free', Takers> = { owned: NOBODY, free: NOBODY };
  #self: WatcherState = { state: 'active', spareFps: 0, isDoubted: false };
  /** When the link came up; undefined while it is down. */
  #upSinceMs: number | undefined;
  #taken = 0;
  #yielded = 0;
  #unheeded = 0;

  constructor({ node, ownedMax, knownMax, except = [], times }: SourceOwnershipOptions) {
    this.#node = node;
    this.#ownedMax = ownedMax;
    this.#except = except;
    this.#times = { ...SOURCE_TIMES, ...times };
    this.#known = new KnownSources(knownMax, this.#times.forgetMs);
    this.#unproven = new UnprovenSources(this.#times, ownedMax);
  }

  linkUp(nowMs: number): void {
    this.#upSinceMs = nowMs;
    this.#known.renewed();
    this.#unproven.heardAgain(nowMs);
    // Nothing could be heard until now: that is no silence of theirs.
    for (const source of this.#held.keys()) this.#held.set(source, nowMs);
  }

  /** What it holds it goes on holding: it may be back at once, and nobody may be left who does. */
  linkDown(): void {
    this.#upSinceMs = undefined;
  }

  /** @param self as this node tells it of itself: the others decide by the same. */
  setSelf(self: WatcherState): void {
    this.#self = self;
  }

  /** @param peers those that are alive, without this node. */
  setPeers(peers: readonly Watcher[]): void {
    this.#peers = peers;
  }

  heardFrame(source: string, nowMs: number): void {
    this.#known.heardFrame(source, nowMs);
    this.#unproven.proved(source);
    if (this.#held.has(source)) this.#held.set(source, nowMs);
  }

  announced(source: string): void {
    this.#known.announced(source);
    this.#unproven.proved(source);
  }

  withdrawn(source: string): void {
    this.#known.withdrawn(source);
  }

  /** Sources of which this node heard a frame lately. */
  heard(nowMs: number): readonly string[] {
    return this.#known.heard(nowMs);
  }

  counters(): Record<string, number> {
    return {
      'sources-taken': this.#taken,
      'sources-yielded': this.#yielded,
      'sources-unknown-refused': this.#known.refused,
      'sources-unheeded': this.#unheeded,
      'sources-unproven': this.#unproven.letGo,
    };
  }

  /** What to do now. */
  plan(nowMs: number): WatchPlan {
    if (this.#upSinceMs === undefined) return this.#planWhileDown();
    this.#noteSteadiness(nowMs);
    this.#takers = { owned: this.#takersOf(true), free: this.#takersOf(false) };
    const isSettling = nowMs - this.#upSinceMs < this.#times.settleMs;
    const owners = this.#ownersBySource();
    const known = this.#allKnown(owners, nowMs);
    const due: string[] = [];
    for (const source of [...known].sort()) {
      const others = owners.get(source) ?? [];
      if (this.#held.has(source)) this.#reconsider(source, others, isSettling, nowMs);
      else if (this.#isDue(source, others, nowMs) && !isSettling) due.push(source);
    }
    const left = this.#takeAll(due, nowMs);
    for (const source of this.#unclaimed.keys()) if (!known.has(source)) this.#unclaimed.delete(source);
    this.#ownersBefore = new Map([...owners].map(([source, list]) => [source, list.map(({ node }) => node)]));
    return {
      owned: this.#owned(),
      claims: isSettling ? [] : this.#claims(known, owners),
      isOnDuty: this.#isOnDuty(),
      left,
    };
  }

  #planWhileDown(): WatchPlan {
    return { owned: this.#owned(), claims: [], isOnDuty: false, left: [] };
  }

  #owned(): string[] {
    return [...this.#held.keys()].sort();
  }

  // An owner that meets another: back from where it was not heard it gives way, otherwise the better of them stays.
  #reconsider(source: string, others: readonly Watcher[], isSettling: boolean, nowMs: number): void {
    this.#unclaimed.delete(source);
    if (others.length === 0) {
      if (this.#isForgotten(source, nowMs) || this.#unproven.isOver(source, nowMs)) this.#letGo(source);
      return;
    }
    if (!isSettling && this.#best(source, others) === this.#node) return;
    this.#letGo(source);
    this.#yielded++;
    if (this.#self.state === 'overloaded') this.#regrets.set(source, nowMs);
  }

  // Whatever they could do: two that know different numbers of each other might both give way.
  #best(source: string, others: readonly Watcher[]): string | undefined {
    const all = [...others, this.#me()];
    const good = all.filter(isGood);
    const names = (good.length > 0 ? good : all).map(({ node }) => node);
    return this.#order(source, names)[0];
  }

  /** Nobody watches it who should, it is this node's turn, and has been for long enough. */
  #isDue(source: string, others: readonly Watcher[], nowMs: number): boolean {
    if (others.length > 0) this.#unproven.isOwned(source);
    if (others.some(isGood) || this.#unproven.isDisbelieved(source, nowMs)) {
      this.#unclaimed.delete(source);
      return false;
    }
    const isHeld = others.length > 0;
    const cause = causeOf(others);
    const known = this.#unclaimed.get(source);
    // With another cause the wait begins anew: that an owner let go may be heard before it is heard who took over, and who
    // leaves was overloaded for long.
    const unclaimed = known?.cause === cause ? known : { sinceMs: nowMs, isLost: this.#isOwnerLost(source), cause };
    this.#unclaimed.set(source, unclaimed);
    if (isHeld && !this.#mayRelieve(source, others, nowMs)) return false;
    const isAtOnce = isHeld || unclaimed.isLost;
    const takers = this.#takers[isHeld ? 'owned' : 'free'];
    if (!takers.hasMe) return false;
    const { unclaimedWaitMs, rankWaitMs, ranksMax } = this.#times;
    const place = this.#rendezvous.placeOf(source, asTaker(this.#me()), takers.others, ranksMax);
    const waitMs = (isAtOnce ? 0 : unclaimedWaitMs) + place * rankWaitMs;
    return nowMs - this.#waitsSince(unclaimed, others) >= waitMs;
  }

  // Who leaves or is doubted is relieved of all at once; who is overloaded of one source at a time, or everything would
  // go to and fro.
  #mayRelieve(source: string, others: readonly Watcher[], nowMs: number): boolean {
    if (!others.every(isOverloaded)) return true;
    if (weightOf(this.#self.spareFps) === 0) return false;
    if (nowMs - (this.#regrets.get(source) ?? Number.NEGATIVE_INFINITY) < this.#times.regretMs) return false;
    const { relieveMs } = this.#times;
    return others.every(({ node, owns }) => {
      const steadyMs = nowMs - (this.#steady.get(node)?.sinceMs ?? nowMs);
      return steadyMs >= relieveMs && this.#order(node, owns)[0] === source;
    });
  }

  #waitsSince({ sinceMs }: Unclaimed, others: readonly Watcher[]): number {
    const steady = others
      .filter(isOverloaded)
      .map(({ node }) => (this.#steady.get(node)?.sinceMs ?? 0) + this.#times.relieveMs);
    return Math.max(sinceMs, ...steady);
  }

  // Nobody takes what somebody has but those who are well; what nobody has is taken by whoever is there.
  #takersOf(isOwned: boolean): Takers {
    const all = [...this.#peers, this.#me()];
    const good = all.filter(isGood);
    const takers = good.length > 0 || isOwned ? good : all.filter(({ state }) => state !== 'leaving');
    const others = takers.filter(({ node }) => node !== this.#node).map(asTaker);
    return { hasMe: others.length < takers.length, others };
  }

  #isOwnerLost(source: string): boolean {
    const before = this.#ownersBefore.get(source) ?? [];
    return before.some((node) => !this.#peers.some((peer) => peer.node === node));
  }

  // What sends nothing makes room for what anybody else tells of first: one who tells of hundreds goes on and on.
  #takeAll(due: readonly string[], nowMs: number): string[] {
    const others = due.filter((source) => !this.#take(source, nowMs, 'others'));
    return others.filter((source) => !this.#take(source, nowMs, 'all'));
  }

  /** @returns whether there is room for it. */
  #take(source: string, nowMs: number, whom: 'others' | 'all'): boolean {
    const teller = this.#tellers.get(source);
    if (!this.#hasRoom(teller, nowMs, whom)) return false;
    this.#held.set(source, nowMs);
    this.#unclaimed.delete(source);
    if (!this.#known.all(nowMs).has(source)) this.#unproven.taken(source, teller, nowMs);
    this.#taken++;
    return true;
  }

  // What has sent nothing for long gives its place up.
  #hasRoom(teller: string | undefined, nowMs: number, whom: 'others' | 'all'): boolean {
    const isTellerFull = this.#unproven.isTellerFull(teller);
    if (isTellerFull && whom === 'others') return false;
    if (!isTellerFull && this.#held.size < this.#ownedMax) return true;
    const silent = this.#unproven.makeRoom(nowMs, isTellerFull ? teller : undefined);
    if (silent !== undefined) this.#letGo(silent);
    return silent !== undefined;
  }

  #letGo(source: string): void {
    this.#held.delete(source);
    this.#unproven.ended(source);
  }

  // What it has must be told; for what it could have there may be no room.
  #claims(known: ReadonlySet<string>, owners: ReadonlyMap<string, readonly Watcher[]>): WatchPlan['claims'] {
    const owned = this.#owned().map((source) => ({ source, as: 'owner' as const }));
    const next = [...known].filter((source) => this.#isStandby(source, owners.get(source) ?? [])).sort();
    const all = [...owned, ...next.map((source) => ({ source, as: 'standby' as const }))].slice(0, SOURCES_MAX);
    return all.sort((a, b) => (a.source < b.source ? -1 : 1));
  }

  #isStandby(source: string, owners: readonly Watcher[]): boolean {
    const { hasMe, others } = this.#takers.free;
    if (!hasMe || owners.length === 0 || this.#held.has(source)) return false;
    const without = owners.map(({ node }) => node);
    return this.#rendezvous.placeOf(source, asTaker(this.#me()), others, 1, without) === 0;
  }

  #isOnDuty(): boolean {
    const { state } = this.#self;
    const others = this.#peers.filter((peer) => peer.state !== 'leaving').map(({ node }) => asEqual(node));
    return state !== 'leaving' && this.#rendezvous.placeOf(DISCOVERY_WORD, asEqual(this.#node), others, 1) === 0;
  }

  // Only what somebody heard himself: what is told on from node to node would never be forgotten. A lost owner may have been
  // the only one who heard.
  #allKnown(owners: ReadonlyMap<string, unknown>, nowMs: number): Set<string> {
    const known = new Set(this.#held.keys());
    this.#unheeded = 0;
    const heed = (sources: Iterable<string>) => {
      for (const source of sources) {
        if (known.has(source) || this.#except.includes(source)) continue;
        if (known.size < HEEDED_MAX) known.add(source);
        else this.#unheeded++;
      }
    };
    const own = this.#known.all(nowMs);
    heed(own);
    heed(owners.keys());
    heed([...this.#ownersBefore.keys()].filter((source) => this.#isOwnerLost(source)));
    for (const [source, { isLost, sinceMs }] of this.#unclaimed) {
      if (isLost && nowMs - sinceMs < this.#times.forgetMs) heed([source]);
    }
    const tellers = new Map<string, string>();
    for (const { node, heard } of this.#peers) {
      heed(heard);
      for (const source of heard) {
        if (known.has(source) && !own.has(source) && !tellers.has(source)) tellers.set(source, node);
      }
    }
    this.#tellers = tellers;
    return known;
  }

  #isForgotten(source: string, nowMs: number): boolean {
    const isHeard = this.#known.all(nowMs).has(source) || this.#peers.some(({ heard }) => heard.includes(source));
    return !isHeard && nowMs - (this.#held.get(source) ?? nowMs) >= this.#times.forgetMs;
  }

  #ownersBySource(): Map<string, Watcher[]> {
    const owners = new Map<string, Watcher[]>();
    for (const peer of this.#peers) {
      for (const source of peer.owns) {
        const list = owners.get(source);
        if (list === undefined) owners.set(source, [peer]);
        else list.push(peer);
      }
    }
    return owners;
  }

  #noteSteadiness(nowMs: number): void {
    const names = new Set(this.#peers.map(({ node }) => node));
    for (const node of this.#steady.keys()) if (!names.has(node)) this.#steady.delete(node);
    for (const { node, state, owns } of this.#peers) {
      const what = `${state} ${[...owns].sort().join(' ')}`;
      if (this.#steady.get(node)?.what !== what) this.#steady.set(node, { what, sinceMs: nowMs });
    }
    for (const [source, atMs] of this.#regrets) {
      if (nowMs - atMs >= this.#times.regretMs) this.#regrets.delete(source);
    }
  }

  #me(): Watcher {
    return { ...this.#self, node: this.#node, owns: [], heard: [] };
  }

  /** In the order of those that could all do the same. */
  #order(what: string, names: readonly string[]): string[] {
    return this.#rendezvous.order(what, names.map(asEqual));
  }
}

function causeOf(owners: readonly Watcher[]): Cause {
  if (owners.length === 0) return 'nobody';
  return owners.every(isOverloaded) ? 'overloaded' : 'leaving';
}

function isOverloaded({ state, isDoubted }: WatcherState): boolean {
  return state === 'overloaded' && !isDoubted;
}

function isGood({ state, isDoubted }: WatcherState): boolean {
  return state === 'active' && !isDoubted;
}

function asTaker({ node, spareFps }: Watcher): Candidate {
  return { node, weight: weightOf(spareFps) };
}

function asEqual(node: string): Candidate {
  return { node, weight: 1 };
}
