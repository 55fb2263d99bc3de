import type { HeldLogs } from '../../../edge/query/answer-plan.js';
import type { HeldLog, LogSlice } from '../../../edge/query/log-reader.js';
import type { ReplicaCore } from '../../../edge/replica/core/replica-core.js';
import type { OwnLog } from './own-log.js';

/** What a simulated board answers queries from: own logs up to what is written, copies up to what is confirmed. */
export class BoardLogs implements HeldLogs {
  readonly #node: string;
  readonly #core: ReplicaCore;
  readonly #own: ReadonlyMap<string, OwnLog>;

  constructor(node: string, core: ReplicaCore, own: ReadonlyMap<string, OwnLog>) {
    this.#node = node;
    this.#core = core;
    this.#own = own;
  }

  logs(): HeldLog[] {
    return [...this.#core.copies()].map(({ node, epoch, first, answerable, frozenFrom }) => {
      const frozen = frozenFrom === undefined ? {} : { frozenAfter: frozenFrom - 1 };
      return { node, epoch, first, frontier: this.#ownOf(node, epoch)?.last ?? answerable, ...frozen };
    });
  }

  slice(node: string, epoch: string, from: number, to: number): LogSlice | undefined {
    const copy = this.#core.copy(node, epoch);
    if (copy === undefined) return undefined;
    const own = this.#ownOf(node, epoch);
    const end = Math.min(to, own?.last ?? copy.answerable);
    const segments = copy.segments
      .filter(({ first, count }) => first <= end && first + count > from)
      .map((meta) => ({ ...meta, path: '' }));
    const isClosed = (s: number) => segments.some(({ first, count }) => s >= first && s < first + count);
    const open = [...(own?.open ?? [])].map(([s, text]) => ({ s, text }));
    const lines = new Map([...copy.lines(from, end), ...open].map(({ s, text }) => [s, text]));
    const wanted = [...lines].filter(([s]) => s >= from && s <= end && !isClosed(s)).sort((a, b) => a[0] - b[0]);
    return { node, epoch, from, to, segments, lines: wanted.map(([s, text]) => ({ s, text })) };
  }

  isForgotten(node: string, epoch: string): boolean {
    return this.#core.isForgotten(node, epoch);
  }

  #ownOf(node: string, epoch: string): OwnLog | undefined {
    return node === this.#node ? this.#own.get(epoch) : undefined;
  }
}
