import { systemCodeOf } from '../../base/errors.js';
import type { RecordLog } from '../records/record-log.js';
import { type OpenedSegment, RottenSegmentError } from '../records/segment.js';
import type { Line } from './core/effects.js';
import type { ReplicaCore } from './core/replica-core.js';
import type { CopyStore } from './store/copy-store.js';

export type LogFilesOptions = {
  readonly node: string;
  readonly core: ReplicaCore;
  readonly records: RecordLog;
  readonly store: CopyStore;
  /** A closed segment of a copy is not what was written; the store has put it aside. */
  readonly onRot: (node: string, epoch: string, n: number, reason: string) => void;
  /** One of the own log is; the log has put it aside. */
  readonly onOwnRot: (epoch: string, n: number) => void;
};

type Cached = { readonly key: string; readonly segment: OpenedSegment };

/** Reads records of any log held here, own or copy: from the files, checked, or from the open end in memory. */
export class LogFiles {
  readonly #options: LogFilesOptions;
  #cached: Cached | undefined;
  /** Rotten segments of the own log that were told: several may read one at a time. */
  readonly #ownRotTold = new Set<string>();

  constructor(options: LogFilesOptions) {
    this.#options = options;
  }

  /** A closed segment; `rot` when it is not what was written, undefined when it is not held. */
  async readSegment(node: string, epoch: string, n: number): Promise<OpenedSegment | 'rot' | undefined> {
    const { core, node: self, records, store } = this.#options;
    const copy = core.copy(node, epoch);
    if (copy?.segment(n) === undefined) return undefined;
    const isOwn = node === self && records.segmentsOf(epoch).some((meta) => meta.n === n);
    if (isOwn) return (await records.readSegment(epoch, n)) ?? this.#ownRot(epoch, n);
    try {
      return await store.readSegment(node, epoch, n);
    } catch (error) {
      // Given up while we read, or a disk that fails for the moment: not rot.
      if (!(error instanceof RottenSegmentError) && systemCodeOf(error) !== 'ENOENT') return undefined;
      if (copy.segment(n) === undefined) return undefined;
      this.#options.onRot(node, epoch, n, error instanceof Error ? error.message : String(error));
      return 'rot';
    }
  }

  /** Lines with seq in a range, in order; those that are not held or not readable are missing. */
  async readLines(node: string, epoch: string, from: number, to: number): Promise<Line[]> {
    const copy = this.#options.core.copy(node, epoch);
    if (copy === undefined) return [];
    const lines: Line[] = [];
    for (const { n, first, count } of copy.segments) {
      if (first > to || first + count <= from) continue;
      const segment = await this.#readCached(node, epoch, n);
      segment?.lines.forEach((text, i) => {
        if (first + i >= from && first + i <= to) lines.push({ s: first + i, text });
      });
    }
    const closedTo = lines.at(-1)?.s ?? 0;
    const isOwn = copy.own !== undefined;
    const open = isOwn ? await this.#ownLines(epoch, Math.max(from, closedTo + 1), to) : [];
    const known = new Set(lines.map(({ s }) => s));
    for (const line of [...open, ...copy.lines(from, to)]) {
      if (known.has(line.s)) continue;
      known.add(line.s);
      lines.push(line);
    }
    return lines.sort((a, b) => a.s - b.s);
  }

  async #ownLines(epoch: string, from: number, to: number): Promise<readonly Line[]> {
    const { records } = this.#options;
    const start = Math.max(from, records.openFrom(epoch));
    const end = Math.min(to, records.publishableSeq(epoch));
    if (end < start) return [];
    const lines = await records.read(epoch, start, end - start + 1);
    return lines.filter(({ s }) => s <= end);
  }

  // Parts of one answer are cut from the same segment.
  async #readCached(node: string, epoch: string, n: number): Promise<OpenedSegment | undefined> {
    const key = `${node}/${epoch}/${n}`;
    if (this.#cached?.key === key) return this.#cached.segment;
    const segment = await this.readSegment(node, epoch, n);
    if (segment === undefined || segment === 'rot') return undefined;
    this.#cached = { key, segment };
    return segment;
  }

  #ownRot(epoch: string, n: number): 'rot' {
    const key = `${epoch}/${n}`;
    if (!this.#ownRotTold.has(key)) {
      this.#ownRotTold.add(key);
      this.#options.onOwnRot(epoch, n);
    }
    return 'rot';
  }
}
