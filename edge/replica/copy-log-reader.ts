import type { Cut } from '../../protocol/query.js';
import { gapsOf } from '../query/answer-plan.js';
import type { HeldLog, LogReader, LogSlice } from '../query/log-reader.js';
import type { Replica } from './replica.js';

/** The copies of other nodes' logs, and what was fetched back of the own, as queries see them. */
export class CopyLogReader implements LogReader {
  readonly #replica: Replica;
  readonly #node: string;
  /** The own log, which answers for what it holds. */
  readonly #own: LogReader;

  constructor(replica: Replica, node: string, own: LogReader) {
    this.#replica = replica;
    this.#node = node;
    this.#own = own;
  }

  logs(): readonly HeldLog[] {
    const own = this.#own.logs();
    const isOwnWhole = new Set(own.map(({ epoch }) => epoch));
    const held: HeldLog[] = [];
    for (const { node, epoch, first, answerable, frozenFrom } of this.#replica.core.copies()) {
      if (node === this.#node && isOwnWhole.has(epoch)) continue;
      const frozen = frozenFrom === undefined ? {} : { frozenAfter: frozenFrom - 1 };
      held.push({ node, epoch, first, frontier: answerable, ...frozen });
    }
    return [...own, ...held];
  }

  slice(node: string, epoch: string, from: number, to: number): LogSlice | undefined {
    const own = node === this.#node ? this.#own.slice(node, epoch, from, to) : undefined;
    if (own === undefined) return this.#copySlice(node, epoch, from, to);
    // Where the own log is rotten, what others gave back stands in.
    const fetched = gapsOf(own).length > 0 ? this.#copySlice(node, epoch, from, to) : undefined;
    return fetched === undefined ? own : joined(own, fetched);
  }

  #copySlice(node: string, epoch: string, from: number, to: number): LogSlice | undefined {
    const { core, store } = this.#replica;
    const copy = core.copy(node, epoch);
    if (copy === undefined) return undefined;
    const end = Math.min(to, copy.answerable);
    const segments = copy.segments.flatMap((meta) => {
      const path = store.segmentPath(node, epoch, meta.n);
      const overlaps = meta.first <= end && meta.first + meta.count > from;
      return path === undefined || !overlaps ? [] : [{ ...meta, path }];
    });
    const isClosed = (s: number) => segments.some(({ first, count }) => s >= first && s < first + count);
    const lines = copy.lines(from, end).filter(({ s }) => !isClosed(s));
    return { node, epoch, from, to, segments, lines };
  }

  isForgotten(node: string, epoch: string): boolean {
    return this.#own.isForgotten(node, epoch) || this.#replica.core.isForgotten(node, epoch);
  }

  async catchUp(cut: Cut, waitMs: number, signal: AbortSignal): Promise<void> {
    const others = cut.flatMap(([node, epoch, to]): Cut => {
      const lackedTo = node === this.#node ? this.#lackedTo(epoch, to) : to;
      return lackedTo === 0 ? [] : [[node, epoch, lackedTo]];
    });
    await Promise.all([
      this.#own.catchUp(cut, waitMs, signal),
      others.length === 0 ? undefined : this.#replica.catchUp(others, waitMs, signal),
    ]);
  }

  noteRot(node: string, epoch: string, n: number, reason: string): Promise<void> {
    return this.#replica.noteRot(node, epoch, n, reason);
  }

  noteDoubt(cut: Cut): void {
    this.#replica.noteDoubt(cut);
  }

  // Largest seq up to a cut that the own log lacks, for rot or because the disk has lost the epoch as a whole; 0: none.
  #lackedTo(epoch: string, to: number): number {
    const log = this.#own.logs().find((own) => own.epoch === epoch);
    if (log === undefined) return to;
    const slice = this.#own.slice(this.#node, epoch, log.first, Math.min(to, log.frontier));
    return slice === undefined ? to : (gapsOf(slice).at(-1)?.[1] ?? 0);
  }
}

function joined(own: LogSlice, fetched: LogSlice): LogSlice {
  const missing = gapsOf(own);
  const isMissing = (first: number, last: number) => missing.some(([from, to]) => first <= to && last >= from);
  const segments = fetched.segments.filter(({ first, count }) => isMissing(first, first + count - 1));
  const lines = fetched.lines.filter(({ s }) => isMissing(s, s));
  return {
    ...own,
    segments: [...own.segments, ...segments].sort((a, b) => a.first - b.first),
    lines: [...own.lines, ...lines].sort((a, b) => a.s - b.s),
  };
}
