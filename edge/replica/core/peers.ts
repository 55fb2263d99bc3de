import { holdersOf } from '../../../base/holders.js';
import type { PeerState } from './effects.js';

type Peer = {
  state: PeerState;
  sinceMonoMs: number;
  heardMonoMs: number;
  publicKey: string | undefined;
  isVoter: boolean;
  isAside: boolean;
};

/** What a node said before it went may be on its way for this long. */
const LATE_MS = 15_000;

/** Every node ever heard of, this one included: who is online, whose key is which, who holds what. */
export class Peers {
  readonly #self: string;
  readonly #max: number;
  readonly #silentMs: number;
  readonly #peers = new Map<string, Peer>();
  #assigned = new Map<string, readonly string[]>();

  /** @param silentMs whoever is there says something in less. */
  constructor(self: string, max: number, silentMs: number) {
    this.#self = self;
    this.#max = max;
    this.#silentMs = silentMs;
  }

  /** Notes a node by name; false if there are too many. */
  note(node: string, nowMonoMs: number): boolean {
    if (node === this.#self || this.#peers.has(node)) return true;
    if (this.#peers.size >= this.#max) return false;
    this.#peers.set(node, {
      state: 'away',
      sinceMonoMs: nowMonoMs,
      heardMonoMs: Number.NEGATIVE_INFINITY,
      publicKey: undefined,
      isVoter: true,
      isAside: false,
    });
    this.#assigned = new Map();
    return true;
  }

  /** True if the state is news. */
  setState(node: string, state: PeerState, nowMonoMs: number): boolean {
    if (!this.note(node, nowMonoMs)) return false;
    const peer = this.#peers.get(node);
    if (peer === undefined || peer.state === state) return false;
    peer.state = state;
    peer.sinceMonoMs = nowMonoMs;
    return true;
  }

  setAside(node: string, isAside: boolean): void {
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.isAside = isAside;
  }

  /** True for one that is online at another broker alone: at ours it is as good as away. */
  isAside(node: string): boolean {
    const peer = this.#peers.get(node);
    return peer?.state === 'online' && peer.isAside;
  }

  /**
   * It said something just now. True if it was taken for away, as such a status may have come late, after the next one; or
   * had been silent.
   */
  heard(node: string, nowMonoMs: number): boolean {
    const wasSilent = this.isSilent(node, nowMonoMs);
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.heardMonoMs = nowMonoMs;
    const isLate = this.awayMs(node, nowMonoMs) < LATE_MS;
    return (!isLate && this.setState(node, 'online', nowMonoMs)) || wasSilent;
  }

  /** Online by its status, which may be one that an older retained set of a broker brought back; but nothing came of it. */
  isSilent(node: string, nowMonoMs: number): boolean {
    const peer = this.#peers.get(node);
    if (peer?.state !== 'online') return false;
    return nowMonoMs - Math.max(peer.sinceMonoMs, peer.heardMonoMs) >= this.#silentMs;
  }

  setKey(node: string, publicKey: string, nowMonoMs: number): void {
    this.note(node, nowMonoMs);
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.publicKey = publicKey;
  }

  setVoter(node: string, isVoter: boolean, nowMonoMs: number): void {
    this.note(node, nowMonoMs);
    const peer = this.#peers.get(node);
    if (peer !== undefined) peer.isVoter = isVoter;
  }

  /** The link is back: who is away is known again only from now on. */
  restartClocks(nowMonoMs: number): void {
    for (const peer of this.#peers.values()) peer.sinceMonoMs = nowMonoMs;
  }

  key(node: string): string | undefined {
    return this.#peers.get(node)?.publicKey;
  }

  isOnline(node: string): boolean {
    return node === this.#self || this.#peers.get(node)?.state === 'online';
  }

  isVoter(node: string): boolean {
    return this.#peers.get(node)?.isVoter !== false;
  }

  /** How long a node has been away; 0 while it is online. */
  awayMs(node: string, nowMonoMs: number): number {
    const peer = this.#peers.get(node);
    return peer === undefined || peer.state === 'online' ? 0 : nowMonoMs - peer.sinceMonoMs;
  }

  get inventory(): string[] {
    return [this.#self, ...this.#peers.keys()];
  }

  /** Who is to hold the logs of a node, itself first. */
  holders(node: string): readonly string[] {
    const known = this.#assigned.get(node);
    if (known !== undefined) return known;
    const holders = holdersOf(node, this.inventory);
    this.#assigned.set(node, holders);
    return holders;
  }

  isHolder(node: string): boolean {
    return node === this.#self || this.holders(node).includes(this.#self);
  }
}
