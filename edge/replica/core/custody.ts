import type { Random } from '../../../base/random.js';
import type { Head } from '../../../protocol/record.js';
import type { KeptHead } from '../store/copy-store.js';
import { Adoption, segmentWindow } from './adoption.js';
import type { Copies } from './copies.js';
import type { Copy } from './copy.js';
import { isNewer, type KeptHeads } from './kept-heads.js';
import type { Peers } from './peers.js';
import type { ReplicaLimits } from './replica-limits.js';
import type { Turn } from './turn.js';

export type CustodyOptions = {
  readonly node: string;
  readonly publicKey: string;
  readonly turn: Turn;
  readonly copies: Copies;
  readonly peers: Peers;
  readonly heads: KeptHeads;
  readonly limits: ReplicaLimits;
  readonly random: Random;
};

const KEEPERS_MAX = 1_024;
const BROKERS_MAX = 1_024;
/** Between two holders that could look after the same node: time to hear that the first one does. */
const TURN_MS = 3_000;
/** A writer away for so long signs nothing soon: twice what a restart under systemd takes. */
const ORPHANED_MS = 10_000;
const ORPHANS_PERIOD_MS = 1_000;
/** After that a broker's new life is no news any more. */
const FRESH_BROKER_MS = 600_000;

/** Logs whose writer is away or has lost its key: who looks after their heads, and whose word counts for them. */
export class Custody {
  readonly #options: CustodyOptions;
  readonly #adoption: Adoption;
  readonly #brokers = new Map<string, string>();
  /** Which head, by which key, others keep in the broker: `node/keeper`. */
  readonly #keepers = new Map<string, KeptHead>();
  /** When a broker known before was found to begin anew. */
  #freshMonoMs: number | undefined;
  #orphansMonoMs = 0;

  constructor(options: CustodyOptions) {
    this.#options = options;
    this.#adoption = new Adoption(options.limits.keptPauseMs);
  }

  /** Nodes that are looked after. */
  get size(): number {
    return this.#adoption.size;
  }

  onUp(): void {
    this.#keepers.clear();
  }

  onDown(): void {
    this.#adoption.clear();
  }

  /** @returns whether the broker lives a life that was not known. */
  onBroker(broker: string, epoch: string): boolean {
    const { turn, random, limits } = this.#options;
    if (this.#brokers.get(broker) === epoch) return false;
    if (this.#brokers.has(broker)) this.#freshMonoMs = turn.monoMs;
    if (this.#brokers.size >= BROKERS_MAX) this.#brokers.clear();
    this.#brokers.set(broker, epoch);
    const spreadMs = random.range(0, limits.reseedSpreadMs);
    this.#adoption.restart(turn.monoMs + spreadMs);
    this.#keepers.clear();
    return true;
  }

  /** A head lies retained under our name. */
  noteFoundHead(node: string): void {
    const { turn } = this.#options;
    turn.emit(...this.#adoption.noteFoundHead(node, turn.monoMs));
  }

  noteFoundSegment(node: string, epoch: string, n: number): void {
    this.#adoption.noteFoundSegment(node, epoch, n);
  }

  noteKeeper(keeper: string, kept: KeptHead): void {
    const key = `${kept.head.node}/${keeper}`;
    const isRoom = this.#keepers.has(key) || this.#keepers.size < KEEPERS_MAX;
    if (keeper !== this.#options.node && isRoom) this.#keepers.set(key, kept);
  }

  noteUnkept(node: string, keeper: string): void {
    this.#keepers.delete(`${node}/${keeper}`);
  }

  /** Publishes or withdraws what it looks after. @param settleMs from a connect on, until what is retained has arrived. */
  adopt(upSinceMonoMs: number, settleMs: number): void {
    const { turn, copies, peers, heads } = this.#options;
    if (turn.monoMs - upSinceMonoMs < settleMs || !this.#adoption.isDue(turn.monoMs)) return;
    const adopted = new Map<string, KeptHead>();
    for (const node of heads.nodes()) {
      const head = this.#headToAdopt(node, upSinceMonoMs, settleMs);
      if (head !== undefined) adopted.set(node, head);
    }
    const window = segmentWindow(peers.inventory.length);
    const segments = (node: string, head: Head) =>
      head.logs.flatMap(({ e }) => (copies.get(node, e)?.segments ?? []).map((meta) => ({ epoch: e, meta }))).reverse();
    turn.emit(...this.#adoption.due({ adopted, segments, window }, turn.monoMs));
  }

  /**
   * The end of a log that no head covers is signed by its writer within seconds, or never: a writer that is gone, lost its
   * key or no longer lists the log cannot. What co-holders gave of it was acknowledged, and has to be answered from.
   */
  trustOrphans(): void {
    const { turn, copies } = this.#options;
    if (turn.monoMs - this.#orphansMonoMs < ORPHANS_PERIOD_MS) return;
    this.#orphansMonoMs = turn.monoMs;
    for (const copy of copies.all()) if (this.#isOrphan(copy)) copy.trustPeers();
  }

  #isOrphan({ node, epoch, own, publicKey }: Copy): boolean {
    const { turn, peers, heads } = this.#options;
    if (own !== undefined) return false;
    if (node === this.#options.node) return true;
    if (peers.awayMs(node, turn.monoMs) >= ORPHANED_MS) return true;
    const currentKey = peers.key(node);
    if (currentKey === undefined) return false;
    if (publicKey !== undefined && publicKey !== currentKey) return true;
    const newest = heads.of(node).find((kept) => kept.publicKey === currentKey);
    return newest !== undefined && !newest.head.logs.some(({ e }) => e === epoch);
  }

  // The newest head of a node that is away or silent, or at a broker that others here do not reach; and heads by keys that it
  // lost, whether it is back or not. The first live holder looks after them; the next ones wait in turn and do so if nobody else
  // does, or if who does has an older head and has to hear the newer one: not everybody has every head.
  #headToAdopt(node: string, upSinceMonoMs: number, settleMs: number): KeptHead | undefined {
    const { node: self, publicKey: ownKey, turn, peers, heads, limits } = this.#options;
    const { monoMs } = turn;
    const currentKey = node === self ? ownKey : peers.key(node);
    const live = peers.holders(node).filter((holder) => holder !== node && peers.isOnline(holder));
    const rank = node === self ? live.length : live.indexOf(self);
    const turnMs = rank * TURN_MS;
    // A broker that begins anew has nothing of those who are away; one that goes on still has their own word.
    const isFresh = this.#freshMonoMs !== undefined && monoMs - this.#freshMonoMs < FRESH_BROKER_MS;
    const afterMs = (isFresh ? Math.min(ORPHANED_MS, limits.adoptAfterMs) : limits.adoptAfterMs) + turnMs;
    const isOut = peers.isAside(node) || peers.isSilent(node, monoMs - turnMs);
    const isAway = node !== self && (peers.awayMs(node, monoMs) >= afterMs || isOut);
    const isSettled = monoMs - upSinceMonoMs >= settleMs + turnMs;
    return heads.of(node).find(({ head, publicKey }) => {
      const isLost = currentKey !== undefined && publicKey !== currentKey && isSettled;
      if (!isAway && !isLost) return false;
      return !live.some((holder, i) => {
        const kept = i < rank ? this.#keepers.get(`${node}/${holder}`) : undefined;
        return kept?.publicKey === publicKey && !isNewer(head, kept.head);
      });
    });
  }
}
