import { FRONTIER_LOGS_MAX, type Frontier } from '../../../protocol/replica.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';

/** Position of one log: node, epoch, seq. */
export type Position = readonly [node: string, epoch: string, seq: number];

export function logKey(node: string, epoch: string): string {
  return `${node}/${epoch}`;
}

/** What the others say they hold durably, and what was last said to them. */
export class Frontiers {
  readonly #heard = new Map<string, Map<string, number>>();
  readonly #parts = new Map<string, Set<string>>();
  readonly #told = new Map<string, number>();
  readonly #nodesMax: number;
  #lastFullMonoMs = Number.NEGATIVE_INFINITY;
  #lastMonoMs = Number.NEGATIVE_INFINITY;

  constructor(nodesMax: number) {
    this.#nodesMax = nodesMax;
  }

  /** Takes a message; a full one whose parts are all here forgets what it does not name. */
  hear(from: string, frontier: Frontier): void {
    let logs = this.#heard.get(from);
    if (logs === undefined) {
      if (this.#heard.size >= this.#nodesMax) return;
      logs = new Map();
      this.#heard.set(from, logs);
    }
    for (const [node, epoch, seq] of frontier.f) logs.set(logKey(node, epoch), seq);
    if (frontier.full) this.#noteFull(from, frontier, logs);
  }

  /** The node holds nothing that we could count on: it began again. */
  forget(node: string): void {
    this.#heard.delete(node);
    this.#parts.delete(node);
  }

  of(holder: string, node: string, epoch: string): number {
    return this.#heard.get(holder)?.get(logKey(node, epoch)) ?? 0;
  }

  /** Largest seq that any of some holders has. */
  largest(node: string, epoch: string, isCounted: (holder: string) => boolean): number {
    const key = logKey(node, epoch);
    let largest = 0;
    for (const [holder, logs] of this.#heard) {
      if (isCounted(holder)) largest = Math.max(largest, logs.get(key) ?? 0);
    }
    return largest;
  }

  /** Holders of a log with at least one record, the one with most first. */
  holdersOf(node: string, epoch: string): string[] {
    const key = logKey(node, epoch);
    const holders: [string, number][] = [];
    for (const [holder, logs] of this.#heard) {
      const seq = logs.get(key) ?? 0;
      if (seq > 0) holders.push([holder, seq]);
    }
    return holders.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([holder]) => holder);
  }

  /** Everything is told anew at the next `due`. */
  tellAll(): void {
    this.#lastFullMonoMs = Number.NEGATIVE_INFINITY;
    this.#lastMonoMs = Number.NEGATIVE_INFINITY;
  }

  /** What to publish now: changes at most every `deltaMs`, all of it every `fullMs`. */
  due(positions: () => readonly Position[], nowMonoMs: number, deltaMs: number, fullMs: number): Frontier[] {
    if (nowMonoMs - this.#lastMonoMs < deltaMs) return [];
    this.#lastMonoMs = nowMonoMs;
    const all = positions();
    const isFull = nowMonoMs - this.#lastFullMonoMs >= fullMs;
    const f = isFull ? all : all.filter(([node, epoch, seq]) => this.#told.get(logKey(node, epoch)) !== seq);
    if (isFull) {
      this.#lastFullMonoMs = nowMonoMs;
      this.#told.clear();
    }
    for (const [node, epoch, seq] of f) this.#told.set(logKey(node, epoch), seq);
    return splitFrontier(f, isFull);
  }

  // Parts may be lost: then the next full one settles it.
  #noteFull(from: string, { part, parts, f }: Frontier, logs: Map<string, number>): void {
    if (part === 0) this.#parts.set(from, new Set());
    const named = this.#parts.get(from);
    if (named === undefined) return;
    for (const [node, epoch] of f) named.add(logKey(node, epoch));
    if (part !== parts - 1) return;
    this.#parts.delete(from);
    for (const key of [...logs.keys()]) if (!named.has(key)) logs.delete(key);
  }
}

function splitFrontier(positions: readonly Position[], full: boolean): Frontier[] {
  if (positions.length === 0 && !full) return [];
  const parts = Math.max(1, Math.ceil(positions.length / FRONTIER_LOGS_MAX));
  return Array.from({ length: parts }, (_, part) => ({
    v: SCHEMA_MINOR,
    full,
    part,
    parts,
    f: positions
      .slice(part * FRONTIER_LOGS_MAX, (part + 1) * FRONTIER_LOGS_MAX)
      .map(([node, epoch, seq]): [string, string, number] => [node, epoch, seq]),
  }));
}
