import type { Head } from '../../protocol/record.js';
import type { ReplicaState } from '../../protocol/replica.js';
import type { Claims } from '../../protocol/sharing.js';
import type { NodeInfo, Status } from '../../protocol/status.js';
import { ClaimsHeard } from '../claims-heard.js';
import type { DoubtPicture } from '../doubts.js';
import { isHeadSigned } from '../listener/head-signature.js';
import { logKey } from './log-bounds.js';

/** A log as the newest heads tell of it. */
export type KnownLog = {
  readonly node: string;
  readonly epoch: string;
  /** Smallest seq that is still kept. */
  readonly first: number;
  readonly seq: number;
};

/** How a node fares as one who could answer. `unable`: it keeps no records, or its software knows no queries. */
export type Standing = ReplicaState['state'] | 'offline' | 'unable';

/** Heads kept of one node: its own, and those that holders keep for it while it is away. */
const HEADS_MAX = 8;
/** Nodes known at a time; more are not taken in, counted. */
const NODES_MAX = 4_096;

type KnownNode = {
  heads: Head[];
  replica: ReplicaState | undefined;
  status: Status | undefined;
  info: NodeInfo | undefined;
};

/** What the asking side knows of the fleet: logs and their lengths, who keeps replicas and who is there. */
export class FleetKnowledge {
  readonly #nodes = new Map<string, KnownNode>();
  readonly #claims = new ClaimsHeard();
  #refusedNodes = 0;

  /** A head, the node's own or kept by another. What its signature does not confirm is passed over once its key is known. */
  applyHead(head: Head): void {
    const node = this.#node(head.node);
    if (node === undefined) return;
    node.heads = [...node.heads, head].sort((a, b) => b.t - a.t).slice(0, HEADS_MAX);
  }

  applyReplica(name: string, replica: ReplicaState): void {
    const node = this.#node(name);
    if (node !== undefined) node.replica = replica;
  }

  applyStatus(name: string, status: Status): void {
    const node = this.#node(name);
    if (node !== undefined) node.status = status;
    this.#claims.applyStatus(name, status.state);
  }

  /** What a node claims; undefined where it took its claims back. */
  applyClaims(name: string, claims: Claims | undefined): void {
    this.#claims.applyClaims(name, claims);
  }

  applyInfo(name: string, info: NodeInfo): void {
    const node = this.#node(name);
    if (node !== undefined) node.info = info;
  }

  /** A retained document of the node was emptied: it was forgotten by a person. */
  forget(name: string): void {
    this.#nodes.delete(name);
    this.#claims.forget(name);
  }

  /** Nodes that were not taken in. */
  get refusedNodes(): number {
    return this.#refusedNodes;
  }

  /** Who doubts whose results. Nobody is doubted in a fleet without claims. */
  doubts(): DoubtPicture {
    return this.#claims.picture();
  }

  /** Every log known: of two heads the larger seq counts, and `first` only rises. */
  logs(): KnownLog[] {
    const logs = new Map<string, KnownLog>();
    for (const [name, node] of this.#nodes) {
      for (const { e, first, seq } of headsOf(node).flatMap((head) => head.logs)) {
        const key = logKey({ node: name, epoch: e });
        const known = logs.get(key);
        const log = { node: name, epoch: e, first, seq };
        logs.set(key, known === undefined ? log : merged(known, log));
      }
    }
    return [...logs.values()];
  }

  /** When the newest head of a node was made, by its own wall clock; undefined if none is known. */
  headAtMs(name: string): number | undefined {
    const node = this.#nodes.get(name);
    const times = node === undefined ? [] : headsOf(node).map(({ t }) => t);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  /** Nodes that record and of whose logs nothing is known. */
  headless(): string[] {
    return [...this.#nodes]
      .filter(([, node]) => headsOf(node).length === 0 && node.info?.capabilities.includes('records'))
      .map(([name]) => name);
  }

  /** Every node that keeps replicas, alive or not: what `holdersOf` takes. */
  keepers(): string[] {
    return [...this.#nodes].filter(([, { replica }]) => replica !== undefined).map(([name]) => name);
  }

  get nodes(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  standing(name: string): Standing {
    const node = this.#nodes.get(name);
    if (node === undefined) return 'unable';
    const state = node.status?.state;
    if (state === 'lost' || state === 'stopped') return 'offline';
    if (node.replica !== undefined) return node.replica.state;
    return node.info?.capabilities.includes('query') === true ? 'active' : 'unable';
  }

  #node(name: string): KnownNode | undefined {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    if (this.#nodes.size >= NODES_MAX) {
      this.#refusedNodes++;
      return undefined;
    }
    const node: KnownNode = { heads: [], replica: undefined, status: undefined, info: undefined };
    this.#nodes.set(name, node);
    return node;
  }
}

// A head names its key itself: a lost disk takes the key in `info` along.
function headsOf({ heads, info }: KnownNode): readonly Head[] {
  return heads.filter((head) => {
    const key = head.key ?? info?.publicKey;
    return key === undefined || isHeadSigned(head, key);
  });
}

function merged(a: KnownLog, b: KnownLog): KnownLog {
  return { ...a, first: Math.max(a.first, b.first), seq: Math.max(a.seq, b.seq) };
}
