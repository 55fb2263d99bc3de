import type { SegmentMeta } from '../../../edge/records/segment.js';
import type { OwnExtent } from '../../../edge/replica/core/effects.js';
import type { Head } from '../../../protocol/record.js';
import type { SegmentHeader } from '../../../protocol/segment.js';
import type { SimulatedDisk } from '../kernel/simulated-disk.js';
import { decodeLines, encodeLine } from './line-file.js';
import { encodeSegment, metaOf, openedSegment } from './segment-file.js';

/** Small, so that short histories have many: the real ones have 256. */
export const SEGMENT_RECORDS = 16;

/** One epoch of the own log on the own disk: the simulated counterpart of `edge/records`, without promises and gzip. */
export class OwnLog {
  readonly node: string;
  readonly epoch: string;
  readonly segments = new Map<number, SegmentMeta>();
  isLive: boolean;
  first = 1;
  /** Lines in no closed segment, by seq. */
  readonly open = new Map<number, string>();
  #last = 0;
  #durable = 0;
  #closed = 0;
  #hash = '';
  #tail: SegmentHeader | undefined;
  #lastT = 0;
  readonly #disk: SimulatedDisk;
  readonly #without: ReadonlySet<string>;

  constructor(
    disk: SimulatedDisk,
    node: string,
    epoch: string,
    isLive: boolean,
    without: ReadonlySet<string> = new Set(),
  ) {
    this.#disk = disk;
    this.#without = without;
    this.node = node;
    this.epoch = epoch;
    this.isLive = isLive;
  }

  /** Epochs that earlier lives left. */
  static load(disk: SimulatedDisk, node: string): OwnLog[] {
    return disk.list('own').map((epoch) => {
      const log = new OwnLog(disk, node, epoch, false);
      log.#load();
      return log;
    });
  }

  get last(): number {
    return this.#last;
  }

  get openFrom(): number {
    return this.#tail === undefined ? 1 : this.#tail.first + this.#tail.count;
  }

  segmentPath(n: number): string {
    return `own/${this.epoch}/segments/${n}`;
  }

  extent(): OwnExtent {
    const segments = [...this.segments.values()].filter(({ first }) => first >= this.first).sort((a, b) => a.n - b.n);
    const { epoch, isLive, first, openFrom } = this;
    const extent = { epoch, isLive, first, seq: this.#durable, publishableSeq: this.#last, segments, openFrom };
    return { ...extent, closed: this.#closed, hash: this.#hash };
  }

  entry(): Head['logs'][number] {
    const tail = this.#tail === undefined ? {} : { tail: this.#tail };
    const st = this.isLive ? 'live' : 'closed';
    return { e: this.epoch, st, first: this.first, seq: this.#durable, H: this.#hash, seg: this.#closed, ...tail };
  }

  /** Times within an epoch never fall, whatever the clock does. @returns undefined when the disk refused. */
  append(
    makeText: (t: number, seq: number) => string,
    nowMs: number,
  ): { readonly s: number; readonly text: string } | undefined {
    const s = this.#last + 1;
    const t = this.#without.has('times within an epoch never fall') ? nowMs : Math.max(nowMs, this.#lastT);
    const text = makeText(t, s);
    const isTaken = appendLine(this.#disk, this.#openPath, `${s} ${text}`);
    if (!isTaken && !this.#without.has('what the disk refused is not a record')) return undefined;
    this.#last = s;
    this.#lastT = t;
    this.open.set(s, text);
    return { s, text };
  }

  /** @returns whether more became durable. */
  sync(): boolean {
    if (this.#durable === this.#last || !this.#disk.has(this.#openPath)) return false;
    try {
      this.#disk.sync(this.#openPath);
    } catch {
      return false;
    }
    this.#durable = this.#last;
    return true;
  }

  /** Closes the open segment if it is full. @returns its number. */
  close(atLeast: number): number | undefined {
    const lines = [...this.open.values()];
    if (lines.length < atLeast || this.#durable !== this.#last) return undefined;
    const first = this.openFrom;
    const header: SegmentHeader = {
      ...{ v: 1, n: this.node, e: this.epoch, seg: this.#closed, first, count: lines.length },
      ...{ t0: timeOf(lines[0]), t1: timeOf(lines.at(-1)), prev: this.#hash },
    };
    const headerLine = JSON.stringify(header);
    const meta = metaOf(openedSegment(headerLine, header, lines));
    try {
      this.#disk.replace(this.segmentPath(header.seg), encodeSegment(meta.hash, headerLine, lines));
      const index = [...this.segments.values(), meta].map((each) => encodeLine(JSON.stringify({ ...each, v: 1 })));
      this.#disk.replace(`own/${this.epoch}/index`, Buffer.concat(index));
      this.#disk.replace(this.#openPath, new Uint8Array(0));
    } catch {
      // As if nothing had been closed: the open file is replaced last, and what lies twice is dropped at load.
      return undefined;
    }
    this.#took(meta, header);
    this.open.clear();
    return header.seg;
  }

  /** Gives up whole segments below a seq. @returns whether `first` rose. */
  expire(below: number): boolean {
    const gone = [...this.segments.values()].filter((meta) => meta.first + meta.count <= below);
    const first = Math.max(1, ...gone.map((meta) => meta.first + meta.count));
    if (first <= this.first) return false;
    try {
      this.#disk.replace(`own/${this.epoch}/first`, encodeLine(String(first)));
    } catch {
      return false;
    }
    this.first = first;
    for (const { n } of gone) this.#disk.remove(this.segmentPath(n));
    return true;
  }

  get #openPath(): string {
    return `own/${this.epoch}/open`;
  }

  #took(meta: SegmentMeta, header: SegmentHeader): void {
    // One that was found rotten before is a hole: others are asked for it.
    if (this.#disk.has(this.segmentPath(meta.n))) this.segments.set(meta.n, meta);
    this.#closed = meta.n + 1;
    this.#hash = meta.hash;
    this.#tail = header;
    this.#last = Math.max(this.#last, meta.first + meta.count - 1);
    this.#durable = Math.max(this.#durable, meta.first + meta.count - 1);
  }

  #load(): void {
    this.first = Number(linesAt(this.#disk, `own/${this.epoch}/first`)[0] ?? 1);
    for (const line of linesAt(this.#disk, `own/${this.epoch}/index`)) {
      const meta: SegmentMeta = JSON.parse(line);
      const { n: seg, first, count, t0, t1, prev } = meta;
      this.#took(meta, { v: 1, n: this.node, e: this.epoch, seg, first, count, t0, t1, prev });
    }
    this.#last = Math.max(this.#last, this.openFrom - 1);
    for (const line of linesAt(this.#disk, this.#openPath)) {
      const at = line.indexOf(' ');
      const s = Number(line.slice(0, at));
      // Beyond a rotten line nothing is believed to be the log's end: others are asked for it.
      if (s !== this.#last + 1) continue;
      this.open.set(s, line.slice(at + 1));
      this.#last = s;
    }
    this.#durable = this.#last;
  }
}

/** Appends one line with its checksum; on a full disk nothing of it stays. */
export function appendLine(disk: SimulatedDisk, path: string, line: string): boolean {
  const before = disk.size(path) ?? 0;
  try {
    disk.append(path, encodeLine(line));
    return true;
  } catch {
    if ((disk.size(path) ?? 0) > before) disk.truncate(path, before);
    return false;
  }
}

/** The good lines of a file; its torn end is cut. None where there is no file. */
export function linesAt(disk: SimulatedDisk, path: string): readonly string[] {
  if (!disk.has(path)) return [];
  const { texts, goodLength } = decodeLines(disk.read(path));
  try {
    if (goodLength < (disk.size(path) ?? 0)) disk.truncate(path, goodLength);
  } catch {
    // A broken disk keeps its torn end; the next life tries again.
  }
  return texts;
}

function timeOf(line: string | undefined): number {
  return line === undefined ? 0 : Number(JSON.parse(line).t);
}
