import type { Claims } from '../../protocol/sharing.js';
import type { Beat, Status } from '../../protocol/status.js';

/** Peers known at a time; more are not taken in, counted. */
const PEERS_MAX = 1_024;
/** Heartbeats that may be missing before a peer counts as silent. */
const BEATS_MISSED_MAX = 3;
/** A heartbeat this much later than a will was sent after it, whatever the links: its node lives, and its birth was lost. */
const BEAT_AFTER_WILL_MS = 5_000;

/** Another node that shares work, as it can be seen from here. */
export type Peer = {
  readonly node: string;
  readonly claims: Claims;
  /** It is online and its heartbeat was heard within its lease: it can be given work, and what it claims holds. */
  readonly isActive: boolean;
};

type Entry = {
  readonly node: string;
  claims: Claims | undefined;
  state: Status['state'] | undefined;
  /** Generation that was online last. */
  gen: number;
  /** When the state was heard, monotonic ms. */
  stateMonoMs: number;
  /** Monotonic ms of the last sign of life that was not retained. */
  heardMonoMs: number;
  /** As it was shown last, and at which place. */
  peer: Peer | undefined;
  place: number;
};

/**
 * What is known of the others that share work: their claims, and whether they still hold. Plain data, times are passed in.
 * In which order a node's claims and its birth come does not matter; a will takes what was claimed before it.
 */
export class PeerBook {
  readonly #me: string;
  readonly #peers = new Map<string, Entry>();
  /** All that have claims, by name, as shown last; undefined when they are to be looked at anew. */
  #shown: readonly Peer[] | undefined;
  /** Those that may be shown otherwise than they were. */
  readonly #changed = new Set<Entry>();
  /** Nobody who was active then is silent for too long before this, monotonic ms. */
  #silenceMonoMs = Number.POSITIVE_INFINITY;
  #refused = 0;

  constructor(me: string) {
    this.#me = me;
  }

  /** Peers that were not taken in, because there were too many. */
  get refused(): number {
    return this.#refused;
  }

  /** Nodes known, sharing or not. */
  get size(): number {
    return this.#peers.size;
  }

  applyClaims(node: string, claims: Claims, nowMonoMs: number): void {
    const entry = this.#entry(node, nowMonoMs);
    if (entry === undefined) return;
    entry.claims = claims;
    this.#changed.add(entry);
  }

  /**
   * A birth, stop or will. A will says that it is gone whatever was heard before, except that it was born again; what it
   * watched is nobody's from then on, until it says anew what it watches.
   */
  applyStatus(node: string, { state, gen }: Pick<Status, 'state' | 'gen'>, nowMonoMs: number): void {
    const entry = this.#entry(node, nowMonoMs);
    if (entry === undefined || (state !== 'online' && gen < entry.gen)) return;
    this.#changed.add(entry);
    entry.state = state;
    entry.gen = gen;
    entry.stateMonoMs = nowMonoMs;
    if (state === 'online') entry.heardMonoMs = nowMonoMs;
    else if (entry.claims !== undefined) entry.claims = { ...entry.claims, sources: [] };
  }

  applyBeat(node: string, { gen }: Pick<Beat, 'gen'>, nowMonoMs: number): void {
    const entry = this.#peers.get(node);
    if (entry === undefined) return;
    entry.heardMonoMs = nowMonoMs;
    if (entry.peer?.isActive === false) this.#changed.add(entry);
    if (entry.state === 'online' || nowMonoMs - entry.stateMonoMs < BEAT_AFTER_WILL_MS) return;
    entry.state = 'online';
    entry.gen = gen;
  }

  /** A person made the fleet forget it. */
  forget(node: string): void {
    this.#peers.delete(node);
    this.#shown = undefined;
  }

  /** The link was down and is up: nobody is called silent for what could not be heard. */
  reconnected(nowMonoMs: number): void {
    for (const entry of this.#peers.values()) entry.heardMonoMs = nowMonoMs;
    this.#shown = undefined;
  }

  /**
   * All others that have claims, by name. One that claims the same as before, and is as active, is the same object; where
   * that goes for all of them it is the same list. Asked often, it looks only at those of which something was heard: beats of
   * a thousand would otherwise cost a walk through all of them each time.
   */
  peers(nowMonoMs: number): readonly Peer[] {
    const isNew = ({ peer, claims }: Entry) => peer === undefined && claims !== undefined;
    if (this.#shown === undefined || nowMonoMs >= this.#silenceMonoMs || [...this.#changed].some(isNew)) {
      this.#shown = this.#showAll(nowMonoMs);
    } else if (this.#changed.size > 0) this.#shown = this.#showChanged(this.#shown, nowMonoMs);
    this.#changed.clear();
    return this.#shown;
  }

  /** What a node claims, be it active or not. */
  claimsOf(node: string): Claims | undefined {
    return this.#peers.get(node)?.claims;
  }

  /** It has claims, and they do not hold now. */
  isSilent(node: string, nowMonoMs: number): boolean {
    const entry = this.#peers.get(node);
    return entry?.claims !== undefined && !isActive(entry, entry.claims, nowMonoMs);
  }

  /**
   * Until when nobody of those that are active now can have been silent for too long, monotonic ms; Infinity for nobody.
   * Whoever beats meanwhile moves it on: asked again then, it may be later.
   */
  nextSilenceMonoMs(nowMonoMs: number): number {
    this.peers(nowMonoMs);
    return this.#silenceMonoMs;
  }

  #showAll(nowMonoMs: number): Peer[] {
    this.#silenceMonoMs = Number.POSITIVE_INFINITY;
    const sorted = [...this.#peers.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
    const peers: Peer[] = [];
    for (const entry of sorted) {
      const peer = this.#show(entry, nowMonoMs);
      if (peer === undefined) continue;
      entry.place = peers.length;
      peers.push(peer);
    }
    return peers;
  }

  #showChanged(before: readonly Peer[], nowMonoMs: number): readonly Peer[] {
    let peers: Peer[] | undefined;
    for (const entry of this.#changed) {
      const peer = this.#show(entry, nowMonoMs);
      if (peer === undefined || before[entry.place] === peer) continue;
      peers ??= [...before];
      peers[entry.place] = peer;
    }
    return peers ?? before;
  }

  #show(entry: Entry, nowMonoMs: number): Peer | undefined {
    const { node, claims, peer: before } = entry;
    if (claims === undefined) return undefined;
    const isNow = isActive(entry, claims, nowMonoMs);
    if (isNow) this.#silenceMonoMs = Math.min(this.#silenceMonoMs, entry.heardMonoMs + leaseMs(claims));
    const isSame = before?.claims === claims && before.isActive === isNow;
    entry.peer = isSame ? before : { node, claims, isActive: isNow };
    return entry.peer;
  }

  #entry(node: string, nowMonoMs: number): Entry | undefined {
    if (node === this.#me) return undefined;
    const known = this.#peers.get(node);
    if (known !== undefined) return known;
    if (this.#peers.size >= PEERS_MAX) {
      this.#refused++;
      return undefined;
    }
    const entry: Entry = {
      ...{ node, claims: undefined, state: undefined, gen: 0 },
      ...{ stateMonoMs: nowMonoMs, heardMonoMs: nowMonoMs, peer: undefined, place: 0 },
    };
    this.#peers.set(node, entry);
    return entry;
  }
}

function isActive({ state, heardMonoMs }: Entry, claims: Claims, nowMonoMs: number): boolean {
  return state === 'online' && nowMonoMs - heardMonoMs < leaseMs(claims);
}

function leaseMs({ beatMs }: Claims): number {
  return BEATS_MISSED_MAX * beatMs;
}
