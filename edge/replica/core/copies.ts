import type { CopyLine, ForgottenEpoch } from '../store/copy-store.js';
import { Copy } from './copy.js';
import { logKey, type Position } from './frontiers.js';
import type { Peers } from './peers.js';
import type { ReplicaLimits } from './replica-limits.js';
import type { Turn } from './turn.js';

export type CopiesOptions = {
  readonly turn: Turn;
  readonly peers: Peers;
  readonly limits: ReplicaLimits;
  readonly forgotten: readonly ForgottenEpoch[];
};

/** The copies of all logs, own ones included, and the epochs that were given up as a whole. */
export class Copies {
  readonly #options: CopiesOptions;
  readonly #copies = new Map<string, Copy>();
  readonly #forgotten: Set<string>;

  constructor(options: CopiesOptions) {
    this.#options = options;
    this.#forgotten = new Set(options.forgotten.map(({ node, epoch }) => logKey(node, epoch)));
  }

  get size(): number {
    return this.#copies.size;
  }

  all(): Iterable<Copy> {
    return this.#copies.values();
  }

  get(node: string, epoch: string): Copy | undefined {
    return this.#copies.get(logKey(node, epoch));
  }

  /** The copy of a log that this node is to hold, made if it is new. */
  heldBy(node: string, epoch: string): Copy | undefined {
    const { peers, turn } = this.#options;
    const known = this.get(node, epoch);
    if (known !== undefined) return known;
    if (!peers.note(node, turn.monoMs) || !peers.isHolder(node)) return undefined;
    return this.make(node, epoch);
  }

  /** The copy of a log, made if it is new, was not forgotten and there is room. */
  make(node: string, epoch: string): Copy | undefined {
    const { limits, turn } = this.#options;
    const key = logKey(node, epoch);
    const known = this.#copies.get(key);
    if (known !== undefined) return known;
    if (this.#forgotten.has(key)) return undefined;
    if (this.#copies.size >= limits.logsMax) {
      turn.counters.add('logsRefused');
      return undefined;
    }
    const copy = new Copy(node, epoch, limits);
    this.#copies.set(key, copy);
    return copy;
  }

  forget({ node, epoch }: Copy): void {
    const key = logKey(node, epoch);
    this.#copies.delete(key);
    this.#forgotten.add(key);
  }

  isForgotten(node: string, epoch: string): boolean {
    return this.#forgotten.has(logKey(node, epoch));
  }

  /** How far every log is held durably. */
  positions(): Position[] {
    const positions: Position[] = [];
    for (const { node, epoch, frontier: seq, gone } of this.#copies.values()) {
      if (seq > 0) positions.push({ node, epoch, seq, gone: gone.filter(([from]) => from <= seq) });
    }
    return positions;
  }

  /** Seqs of lines by the copy they are of; without those of copies that are not there any more. */
  byCopy(lines: readonly CopyLine[]): Map<Copy, number[]> {
    const byCopy = new Map<Copy, number[]>();
    for (const { node, epoch, s } of lines) {
      const copy = this.get(node, epoch);
      if (copy === undefined) continue;
      const seqs = byCopy.get(copy);
      if (seqs === undefined) byCopy.set(copy, [s]);
      else seqs.push(s);
    }
    return byCopy;
  }
}
