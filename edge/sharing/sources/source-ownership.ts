import { SOURCES_MAX } from '../../../protocol/sharing.js';
import { KnownSources } from './known-sources.js';
import { OwnerIndex } from './owner-index.js';
import { type Candidate, Rendezvous, weightOf } from './rendezvous.js';
import { HEEDED_MAX, LOOK_EVERY_MS, SOURCE_TIMES, type SourceTimes } from './source-limits.js';
import { UnprovenSources } from './unproven-sources.js';
import type { Watcher, WatcherState } from './watchers.js';

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
/** Who may take a source: this node, where it may, and others. */
type Takers = { readonly me: Candidate | undefined; readonly others: readonly Candidate[] };

const NOTHING: WatchPlan = { owned: [], claims: [], isOnDuty: false, left: [] };
const DISCOVERY_WORD = 'discovery';

/**
 * Which sources this node watches, decided by it alone from what it hears; the others decide alike. An owner stays one
 * until it is gone, gives way, or two meet. Pure: times are passed in, monotonic ms; it is asked again after each change
 * and a few times a second, which costs little where nothing that matters has changed.
 */
export class SourceOwnership {
  readonly #node: string;
  readonly #ownedMax: number;
  readonly #except: readonly string[];
  readonly #times: SourceTimes;
  readonly #known: KnownSources;
  readonly #rendezvous = new Rendezvous();
  readonly #unproven: UnprovenSources;
  /** Who tells of those nobody else tells of first, and of which nothing was heard here; undefined until one is asked for. */
  #tellers: ReadonlyMap<string, string> | undefined;
  /** Sources held, and since when, or when a frame was heard last. */
  readonly #held = new Map<string, number>();
  /** Sources that somebody has, and this node would take first. */
  readonly #next = new Set<string>();
  readonly #unclaimed = new Map<string, Unclaimed>();
  readonly #regrets = new Map<string, number>();
  readonly #index = new OwnerIndex();
  #peers: readonly Watcher[] = [];
  /** Of sources somebody has, and of those nobody has; undefined until they are asked for. */
  #takers: Record<'owned' | 'free', Takers> | undefined;
  #self: WatcherState = { state: 'active', spareFps: 0, isDoubted: false };
  /** When the link came up; undefined while it is down. */
  #upSinceMs: number | undefined;
  #plan = NOTHING;
  /** Something but the others has changed since the plan was made. */
  #isTouched = true;
  /** When it is to be made anew although nothing has changed. */
  #lookMs = 0;
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
    this.#isTouched = true;
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
    const { state, spareFps, isDoubted } = this.#self;
    const isSame =
      state === self.state && isDoubted === self.isDoubted && weightOf(spareFps) === weightOf(self.spareFps);
    if (!isSame) this.#isTouched = true;
    this.#self = self;
  }

  /** @param peers those that are alive, without this node; one that is the same object as before has not changed. */
  setPeers(peers: readonly Watcher[]): void {
    this.#peers = peers;
  }

  heardFrame(source: string, nowMs: number): void {
    if (this.#known.heardFrame(source, nowMs)) this.#isTouched = true;
    this.#unproven.proved(source);
    if (this.#held.has(source)) this.#held.set(source, nowMs);
  }

  announced(source: string): void {
    if (this.#known.announced(source)) this.#isTouched = true;
    this.#unproven.proved(source);
  }

  withdrawn(source: string): void {
    this.#isTouched = true;
    this.#known.withdrawn(source);
  }

  /** Sources of which this node heard a frame lately, as many as can be told: first those that nobody has. */
  heard(nowMs: number): readonly string[] {
    const heard = this.#known.heard(nowMs);
    if (heard.length <= SOURCES_MAX) return heard;
    const isFree = (source: string) => !this.#held.has(source) && this.#index.ownersOf(source).length === 0;
    const free = heard.filter(isFree);
    return [...free, ...heard.filter((source) => !isFree(source))].slice(0, SOURCES_MAX).sort();
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
    const isChanged = this.#index.update(this.#peers, nowMs);
    if (isChanged || this.#isTouched) this.#takers = undefined;
    const isCalm = !this.#isTouched && nowMs < this.#lookMs && this.#isNothingOpen();
    if (isCalm && !this.#isAnyDue(nowMs)) return this.#planWhereCalm();
    this.#isTouched = false;
    const isSettling = nowMs - this.#upSinceMs < this.#times.settleMs;
    this.#plan = this.#look(isSettling, nowMs);
    this.#lookMs = isSettling ? nowMs : nowMs + LOOK_EVERY_MS;
    return this.#plan;
  }

  // Of a thousand nodes one can do more or less every moment, and some source goes from one to another that is well: that is
  // none of the business of the others, and thinking all through for it would be most of what they do.
  #isNothingOpen(): boolean {
    const { lost, moved, newlyHeard } = this.#index;
    const isWatched = (source: string) => this.#index.ownersOf(source).some(isGood);
    for (const source of moved) if (isWatched(source)) this.#unproven.isOwned(source);
    if (lost.size > 0) return false;
    if ([...moved].some((source) => this.#held.has(source) || !isWatched(source))) return false;
    return [...newlyHeard].every((source) => this.#held.has(source) || isWatched(source));
  }

  #isAnyDue(nowMs: number): boolean {
    for (const source of this.#unclaimed.keys()) {
      if (this.#isDue(source, this.#index.ownersOf(source), nowMs)) return true;
    }
    return false;
  }

  // What moved has its next one anew, and another one may listen; otherwise all is as it was.
  #planWhereCalm(): WatchPlan {
    const { moved, isFleetChanged } = this.#index;
    const isOnDuty = isFleetChanged ? this.#isOnDuty() : this.#plan.isOnDuty;
    let isChanged = isOnDuty !== this.#plan.isOnDuty;
    for (const source of moved) {
      const isStandby = this.#isStandby(source);
      if (isStandby === this.#next.has(source)) continue;
      isChanged = true;
      if (isStandby) this.#next.add(source);
      else this.#next.delete(source);
    }
    if (isChanged) this.#plan = { ...this.#plan, isOnDuty, claims: this.#claims() };
    return this.#plan;
  }

  #look(isSettling: boolean, nowMs: number): WatchPlan {
    this.#endRegrets(nowMs);
    this.#tellers = undefined;
    const known = this.#allKnown(nowMs);
    const due: string[] = [];
    for (const source of known) {
      const others = this.#index.ownersOf(source);
      if (this.#held.has(source)) this.#reconsider(source, others, isSettling, nowMs);
      else if (this.#isDue(source, others, nowMs) && !isSettling) due.push(source);
    }
    const left = this.#takeAll(this.#inTurn(due, nowMs), nowMs);
    for (const source of this.#unclaimed.keys()) if (!known.has(source)) this.#unclaimed.delete(source);
    this.#next.clear();
    if (!isSettling) for (const source of known) if (this.#isStandby(source)) this.#next.add(source);
    return {
      owned: this.#owned(),
      claims: isSettling ? [] : this.#claims(),
      // Who just came hears of the one on duty in a moment; of a thousand that start none is to hear all sources.
      isOnDuty: !isSettling && this.#isOnDuty(),
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
    const unclaimed = known?.cause === cause ? known : { sinceMs: nowMs, isLost: this.#index.lost.has(source), cause };
    this.#unclaimed.set(source, unclaimed);
    if (isHeld && !this.#mayRelieve(source, others, nowMs)) return false;
    const { unclaimedWaitMs, rankWaitMs, ranksMax } = this.#times;
    const waitMs = isHeld || unclaimed.isLost ? 0 : unclaimedWaitMs;
    const waitedMs = nowMs - this.#waitsSince(unclaimed, others) - waitMs;
    if (waitedMs < 0) return false;
    const { me, others: takers } = this.#takersNow()[isHeld ? 'owned' : 'free'];
    if (me === undefined) return false;
    const placesMax = Math.floor(waitedMs / rankWaitMs);
    return placesMax >= ranksMax || this.#rendezvous.placeOf(source, me, takers, placesMax + 1) <= placesMax;
  }

  // Who leaves or is doubted is relieved of all at once; who is overloaded of one source at a time, or everything would
  // go to and fro.
  #mayRelieve(source: string, others: readonly Watcher[], nowMs: number): boolean {
    if (!others.every(isOverloaded)) return true;
    if (weightOf(this.#self.spareFps) === 0) return false;
    if (nowMs - (this.#regrets.get(source) ?? Number.NEGATIVE_INFINITY) < this.#times.regretMs) return false;
    const { relieveMs } = this.#times;
    return others.every(({ node, owns }) => {
      const steadyMs = nowMs - (this.#index.steadySinceMs(node) ?? nowMs);
      return steadyMs >= relieveMs && this.#order(node, owns)[0] === source;
    });
  }

  #waitsSince({ sinceMs }: Unclaimed, others: readonly Watcher[]): number {
    const steady = others
      .filter(isOverloaded)
      .map(({ node }) => (this.#index.steadySinceMs(node) ?? 0) + this.#times.relieveMs);
    return Math.max(sinceMs, ...steady);
  }

  // Nobody takes what somebody has but those who are well; what nobody has is taken by whoever is there.
  #takersNow(): Record<'owned' | 'free', Takers> {
    if (this.#takers !== undefined) return this.#takers;
    const isStaying = ({ state }: Watcher) => state !== 'leaving';
    const owned = this.#takersOf(isGood);
    const isAny = owned.me !== undefined || owned.others.length > 0;
    this.#takers = { owned, free: isAny ? owned : this.#takersOf(isStaying) };
    return this.#takers;
  }

  #takersOf(isTaker: (watcher: Watcher) => boolean): Takers {
    const me = this.#me();
    const others = this.#peers.every(isTaker) ? this.#peers : this.#peers.filter(isTaker);
    return { me: isTaker(me) ? me : undefined, others };
  }

  // First what is heard here: those who are lost may have had much that does not exist.
  #inTurn(due: readonly string[], nowMs: number): string[] {
    const sorted = [...due].sort();
    const isKnown = (source: string) => this.#known.has(source, nowMs);
    return [...sorted.filter(isKnown), ...sorted.filter((source) => !isKnown(source))];
  }

  // What sends nothing makes room for what anybody else tells of first: one who tells of hundreds goes on and on.
  #takeAll(due: readonly string[], nowMs: number): string[] {
    const others = due.filter((source) => !this.#take(source, nowMs, 'others'));
    return others.filter((source) => !this.#take(source, nowMs, 'all'));
  }

  /** @returns whether there is room for it. */
  #take(source: string, nowMs: number, whom: 'others' | 'all'): boolean {
    const teller = this.#tellerOf(source, nowMs);
    if (!this.#hasRoom(teller, nowMs, whom)) return false;
    this.#held.set(source, nowMs);
    this.#unclaimed.delete(source);
    if (!this.#known.has(source, nowMs)) this.#unproven.taken(source, teller, nowMs);
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
  #claims(): WatchPlan['claims'] {
    const owned = this.#owned().map((source) => ({ source, as: 'owner' as const }));
    const next = [...this.#next].sort();
    const all = [...owned, ...next.map((source) => ({ source, as: 'standby' as const }))].slice(0, SOURCES_MAX);
    return all.sort((a, b) => (a.source < b.source ? -1 : 1));
  }

  #isStandby(source: string): boolean {
    const owners = this.#index.ownersOf(source);
    const { me, others } = this.#takersNow().free;
    if (me === undefined || owners.length === 0 || this.#held.has(source)) return false;
    return this.#rendezvous.placeOf(source, me, others, 1, owners) === 0;
  }

  #isOnDuty(): boolean {
    const { state } = this.#self;
    if (state === 'leaving') return false;
    return this.#rendezvous.placeOf(DISCOVERY_WORD, asEqual(this.#node), equals(this.#peers), 1) === 0;
  }

  // Only what somebody heard himself: what is told on from node to node would never be forgotten. A lost owner may have been
  // the only one who heard. What has an owner comes after that: where there is no room for it, it needs nobody.
  #allKnown(nowMs: number): ReadonlySet<string> {
    const known = new Set(this.#held.keys());
    this.#unheeded = 0;
    const heed = (sources: Iterable<string>) => {
      for (const source of sources) {
        if (known.has(source) || this.#except.includes(source)) continue;
        if (known.size < HEEDED_MAX) known.add(source);
        else this.#unheeded++;
      }
    };
    heed(this.#known.all(nowMs));
    heed(this.#index.lost);
    for (const [source, { isLost, sinceMs }] of this.#unclaimed) {
      if (isLost && nowMs - sinceMs < this.#times.forgetMs) heed([source]);
    }
    heed(this.#index.owned());
    for (const { heard } of this.#peers) heed(heard);
    return known;
  }

  #tellerOf(source: string, nowMs: number): string | undefined {
    if (this.#known.has(source, nowMs)) return undefined;
    this.#tellers ??= tellersAmong(this.#peers);
    return this.#tellers.get(source);
  }

  #isForgotten(source: string, nowMs: number): boolean {
    if (nowMs - (this.#held.get(source) ?? nowMs) < this.#times.forgetMs) return false;
    return !this.#known.has(source, nowMs) && this.#tellerOf(source, nowMs) === undefined;
  }

  #endRegrets(nowMs: number): void {
    for (const [source, atMs] of this.#regrets) {
      if (nowMs - atMs >= this.#times.regretMs) this.#regrets.delete(source);
    }
  }

  #me(): Watcher {
    return { ...this.#self, node: this.#node, weight: weightOf(this.#self.spareFps), owns: [], heard: [] };
  }

  /** In the order of those that could all do the same. */
  #order(what: string, names: readonly string[]): string[] {
    return this.#rendezvous.order(what, names.map(asEqual));
  }
}

/** The first who tells of each source. */
function tellersAmong(peers: readonly Watcher[]): ReadonlyMap<string, string> {
  const tellers = new Map<string, string>();
  for (const { node, heard } of peers) for (const source of heard) if (!tellers.has(source)) tellers.set(source, node);
  return tellers;
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

/** Those who stay, one after the other: mostly one of the first few comes before. */
function* equals(peers: readonly Watcher[]): Iterable<Candidate> {
  for (const { node, state } of peers) if (state !== 'leaving') yield asEqual(node);
}

function asEqual(node: string): Candidate {
  return { node, weight: 1 };
}
