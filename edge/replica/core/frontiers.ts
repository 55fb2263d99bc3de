import type { Interval } from '../../../base/listener/interval-set.js';
import { FRONTIER_GONE_MAX, FRONTIER_LOGS_MAX, type Frontier } from '../../../protocol/replica.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import { without } from './intervals.js';

/** How far one log is held durably, and what below that is not: given up, because nobody had it any more. */
export type Position = {
  readonly node: string;
  readonly epoch: string;
  readonly seq: number;
  readonly gone: readonly Interval[];
};

/** What another node says of one log; `first`: it told, when asked, that it has nothing below. */
type Claim = { readonly seq: number; readonly gone: readonly Interval[]; first: number };

/** Ranges of one log that a message names at most; what has no room in it is not claimed. */
const GONE_PER_LOG_MAX = 16;

export function logKey(node: string, epoch: string): string {
  return `${node}/${epoch}`;
}

/** What the others say they hold durably, and what was last said to them. */
export class Frontiers {
  readonly #heard = new Map<string, Map<string, Claim>>();
  readonly #parts = new Map<string, Set<string>>();
  readonly #told = new Map<string, string>();
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
    const gone = goneByLog(frontier.gone ?? []);
    for (const [node, epoch, seq] of frontier.f) {
      const key = logKey(node, epoch);
      const first = logs.get(key)?.first ?? 1;
      // It has the log again that it once had nothing of.
      logs.set(key, { seq, gone: gone.get(key) ?? [], first: first > seq ? 1 : first });
    }
    if (frontier.full) this.#noteFull(from, frontier, logs);
  }

  /** It was asked, and has nothing of a log below `first`. */
  noteFirst(holder: string, node: string, epoch: string, first: number): void {
    const claim = this.#heard.get(holder)?.get(logKey(node, epoch));
    if (claim !== undefined) claim.first = first;
  }

  /** What of some ranges of a log a node says it holds durably. */
  claimed(holder: string, node: string, epoch: string, ranges: readonly Interval[]): Interval[] {
    const claim = this.#heard.get(holder)?.get(logKey(node, epoch));
    if (claim === undefined) return [];
    const inside = ranges
      .map(([from, to]): Interval => [Math.max(from, claim.first), Math.min(to, claim.seq)])
      .filter(([from, to]) => from <= to);
    return without(inside, claim.gone);
  }

  /** What of a log a node says it has given up. */
  goneOf(holder: string, node: string, epoch: string): readonly Interval[] {
    return this.#heard.get(holder)?.get(logKey(node, epoch))?.gone ?? [];
  }

  /** Largest seq up to which a node holds durably all that is held here of a log; what both gave up does not count. */
  reach(
    holder: string,
    node: string,
    epoch: string,
    heldHere: (from: number, to: number) => readonly Interval[],
  ): number {
    const claim = this.#heard.get(holder)?.get(logKey(node, epoch));
    return claim === undefined ? 0 : reachOf(claim, heldHere);
  }

  /** The same of whichever other node holds most. */
  largestReach(node: string, epoch: string, heldHere: (from: number, to: number) => readonly Interval[]): number {
    const key = logKey(node, epoch);
    let largest = 0;
    for (const [holder, logs] of this.#heard) {
      const claim = holder === node ? undefined : logs.get(key);
      if (claim !== undefined) largest = Math.max(largest, reachOf(claim, heldHere));
    }
    return largest;
  }

  /** Holders of a log with at least one record, the one with most first. */
  holdersOf(node: string, epoch: string): string[] {
    const key = logKey(node, epoch);
    const holders: [string, number][] = [];
    for (const [holder, logs] of this.#heard) {
      const seq = logs.get(key)?.seq ?? 0;
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
    const due = isFull ? all : all.filter((each) => this.#told.get(logKey(each.node, each.epoch)) !== textOf(each));
    if (isFull) {
      this.#lastFullMonoMs = nowMonoMs;
      this.#told.clear();
    }
    for (const each of due) this.#told.set(logKey(each.node, each.epoch), textOf(each));
    return splitFrontier(due, isFull);
  }

  // Parts may be lost: then the next full one settles it.
  #noteFull(from: string, { part, parts, f }: Frontier, logs: Map<string, Claim>): void {
    if (part === 0) this.#parts.set(from, new Set());
    const named = this.#parts.get(from);
    if (named === undefined) return;
    for (const [node, epoch] of f) named.add(logKey(node, epoch));
    if (part !== parts - 1) return;
    this.#parts.delete(from);
    for (const key of [...logs.keys()]) if (!named.has(key)) logs.delete(key);
  }
}

function reachOf({ seq, gone }: Claim, heldHere: (from: number, to: number) => readonly Interval[]): number {
  for (const [from, to] of gone) {
    const [lacked] = heldHere(from, to);
    if (lacked !== undefined) return Math.min(seq, lacked[0] - 1);
  }
  return seq;
}

function goneByLog(gone: NonNullable<Frontier['gone']>): Map<string, Interval[]> {
  const byLog = new Map<string, Interval[]>();
  for (const [node, epoch, from, to] of gone) {
    const key = logKey(node, epoch);
    byLog.set(key, [...(byLog.get(key) ?? []), [from, to]]);
  }
  for (const ranges of byLog.values()) ranges.sort((a, b) => a[0] - b[0]);
  return byLog;
}

function textOf({ seq, gone }: Position): string {
  return gone.length === 0 ? String(seq) : `${seq} ${gone.join(' ')}`;
}

function splitFrontier(positions: readonly Position[], full: boolean): Frontier[] {
  if (positions.length === 0 && !full) return [];
  const parts = Math.max(1, Math.ceil(positions.length / FRONTIER_LOGS_MAX));
  return Array.from({ length: parts }, (_, part) => {
    const named = positions.slice(part * FRONTIER_LOGS_MAX, (part + 1) * FRONTIER_LOGS_MAX);
    return { v: SCHEMA_MINOR, full, part, parts, ...partOf(named) };
  });
}

function partOf(positions: readonly Position[]): Pick<Frontier, 'f' | 'gone'> {
  const f: Frontier['f'] = [];
  const gone: NonNullable<Frontier['gone']> = [];
  for (const { node, epoch, seq, gone: ranges } of positions) {
    const room = Math.min(GONE_PER_LOG_MAX, FRONTIER_GONE_MAX - gone.length);
    const unnamed = ranges[room];
    f.push([node, epoch, unnamed === undefined ? seq : unnamed[0] - 1]);
    for (const [from, to] of ranges.slice(0, room)) gone.push([node, epoch, from, to]);
  }
  return gone.length === 0 ? { f } : { f, gone };
}
