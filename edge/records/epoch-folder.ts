import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, systemCodeOf } from '../../base/errors.js';
import { parseJson } from '../../protocol/codec.js';
import { EPOCH_PATTERN } from '../../protocol/ids.js';
import { SEGMENT_BYTES_MAX, SEGMENT_RECORDS_MAX, type SegmentHeader } from '../../protocol/segment.js';
import type { RecordDisk } from './record-disk.js';
import { type OpenedSegment, openSegment, RottenSegmentError, type SegmentMeta, sealSegment } from './segment.js';

/** Something that was written and is not there any more, or not as it was. */
export type RotReport = {
  readonly epoch: string;
  /** File that was put aside. */
  readonly path: string;
  readonly reason: string;
  /** Records that are lost by it, as far as known. */
  readonly records: number;
};

const SegmentLine = z.object({
  n: z.int().min(0),
  first: z.int().min(1),
  count: z.int().min(1),
  t0: z.int().min(0),
  t1: z.int().min(0),
  // A line without it was written by a version that had no use for it: that segment is read instead.
  prev: z.string().regex(/^([0-9a-f]{64})?$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(1),
});

const IndexLine = z.union([
  SegmentLine,
  z.object({ rotten: SegmentLine }),
  z.object({
    expired: z.int().min(1),
    seg: z.int().min(0).optional(),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  }),
]);

const FOLDER_PATTERN = /^(\d{6,9})-([a-z2-7]{12})$/;
const INDEX_NAME = 'index.jsonl';

/** `000012-abcdefgh2345`: the number only orders the epochs of this disk; the epoch alone is the identity. */
export function epochFolderName(ordinal: number, epoch: string): string {
  return `${String(ordinal).padStart(6, '0')}-${epoch}`;
}

export function parseEpochFolderName(name: string): { readonly ordinal: number; readonly epoch: string } | undefined {
  const match = FOLDER_PATTERN.exec(name);
  const epoch = match?.[2];
  if (match === null || epoch === undefined || !EPOCH_PATTERN.test(epoch)) return undefined;
  return { ordinal: Number(match[1]), epoch };
}

/**
 * One epoch on disk: closed gzip segments, an index of them (one JSON line per segment, only ever appended; a cache that
 * is made anew from the segments when it disagrees) and perhaps one open `.jsonl` segment.
 */
export class EpochFolder {
  readonly epoch: string;
  readonly ordinal: number;
  readonly path: string;
  readonly #node: string;
  readonly #disk: RecordDisk;
  #segments: SegmentMeta[] = [];
  /** Left open by an earlier life and not closed since, because the disk takes no writes. */
  #loose: Run[] = [];
  #expiredSeq = 0;
  /** The last segment given up: where numbers and hashes go on when it was the last of all. */
  #expiredTail: { readonly seg: number; readonly hash: string } | undefined;
  /** The last segment closed, when it was rotten: numbers and hashes go on behind it all the same. */
  #rottenTail: SegmentMeta | undefined;
  #hasRot = false;
  #indexText = '';

  constructor(options: { node: string; epoch: string; ordinal: number; root: string; disk: RecordDisk }) {
    this.epoch = options.epoch;
    this.ordinal = options.ordinal;
    this.path = join(options.root, epochFolderName(options.ordinal, options.epoch));
    this.#node = options.node;
    this.#disk = options.disk;
  }

  /** Closed segments in order; seqs may be missing between them where one was rotten. */
  get segments(): readonly SegmentMeta[] {
    return this.#segments;
  }

  /** Smallest seq that was not given up by retention. */
  get first(): number {
    return this.#expiredSeq + 1;
  }

  /** Largest seq of the closed segments, 0 if there are none. */
  get closedSeq(): number {
    const loose = this.#loose.at(-1);
    if (loose !== undefined) return loose.first + loose.lines.length - 1;
    const last = this.#last;
    return last === undefined ? this.#expiredSeq : last.first + last.count - 1;
  }

  /** Lines with seq from `from` that lie in no closed segment, at most `max`; none on a healthy disk. */
  looseLines(from: number, max: number): readonly { readonly s: number; readonly text: string }[] {
    return this.#loose
      .flatMap((run) => run.lines.map((text, i) => ({ s: run.first + i, text })))
      .filter(({ s }) => s >= from)
      .slice(0, max);
  }

  /** Nothing of it is left that anybody could want: neither records nor a damaged file that was put aside. */
  get isSpent(): boolean {
    return this.#segments.length === 0 && this.#loose.length === 0 && !this.#hasRot;
  }

  get lastHash(): string {
    return this.#last?.hash ?? this.#expiredTail?.hash ?? '';
  }

  /** Header of the last closed segment, key by key as its first line says it; undefined before the first. */
  get tail(): SegmentHeader | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const { n: seg, first, count, t0, t1, prev } = last;
    return { v: 1, n: this.#node, e: this.epoch, seg, first, count, t0, t1, prev };
  }

  get nextSegment(): number {
    return (this.#last?.n ?? this.#expiredTail?.seg ?? -1) + 1;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** The file of a closed segment. */
  segmentPath({ n }: SegmentMeta): string {
    return this.#gzPath(n);
  }

  /** @param n number of the segment in the order they were opened. */
  openSegmentPath(n: number): string {
    return join(this.path, `${segmentName(n)}.jsonl`);
  }

  make(): Promise<void> {
    return this.#disk.makeFolder(this.path);
  }

  /**
   * Reads the folder of an earlier life and closes what it left open: only the torn tail of an open segment is cut; any
   * damage before it is put aside as `.rot` and reported.
   */
  async load(): Promise<RotReport[]> {
    const names = await this.#disk.list(this.path);
    const known = await this.#readIndex(names);
    const reports: RotReport[] = [];
    for (const name of names.filter((file) => file.endsWith('.jsonl.gz')).sort()) {
      const n = Number(name.slice(0, 8));
      const meta = known.get(n) ?? (await this.#readMeta(name, n, reports));
      if (meta !== undefined) this.#segments.push(meta);
    }
    this.#noteMissing(known, names, reports);
    for (const meta of known.values()) this.#noteRottenTail(meta);
    for (const name of names.filter((file) => /^\d{8}\.jsonl$/.test(file)).sort()) {
      await this.#closeLeftOpen(name, reports);
    }
    this.#hasRot = reports.length > 0 || names.some((name) => name.endsWith('.rot'));
    if (this.#indexText !== this.#buildIndex()) await this.#writeIndex().catch(() => {});
    return reports;
  }

  /**
   * Makes a closed segment of record lines that follow the last one, durable once resolved.
   * @throws what the disk throws; the folder is then as before.
   */
  async close(first: number, lines: readonly string[], times: { t0: number; t1: number }): Promise<SegmentMeta> {
    const header = {
      v: 1,
      n: this.#node,
      e: this.epoch,
      seg: this.nextSegment,
      first,
      count: lines.length,
      ...times,
      prev: this.lastHash,
    };
    const { gz, meta } = await sealSegment(header, lines);
    await this.#disk.replace(this.#gzPath(meta.n), gz);
    this.#segments.push(meta);
    return meta;
  }

  /** Brings the index up to the segments. A failure costs only time at the next start. */
  async saveIndex(): Promise<void> {
    const line = this.#segments.at(-1);
    if (line === undefined) return;
    const text = `${JSON.stringify(line)}\n`;
    const file = await this.#disk.openSegment(join(this.path, INDEX_NAME));
    try {
      await file.writeAt(Buffer.from(text), Buffer.byteLength(this.#indexText));
      this.#indexText += text;
    } finally {
      await file.close();
    }
  }

  /** @throws RottenSegmentError, or what the disk throws. */
  async read(meta: SegmentMeta): Promise<OpenedSegment> {
    return openSegment(await this.#disk.read(this.#gzPath(meta.n)), meta.hash);
  }

  /** The file of a segment as it lies, checked. @throws RottenSegmentError, or what the disk throws. */
  async readFile(meta: SegmentMeta): Promise<Buffer> {
    const gz = await this.#disk.read(this.#gzPath(meta.n));
    await openSegment(gz, meta.hash);
    return gz;
  }

  /** Takes a segment that cannot be read out of use and keeps its file as `.rot`. */
  async putAside(meta: SegmentMeta, reason: string): Promise<RotReport> {
    if (meta === this.#last) this.#rottenTail = meta;
    this.#segments = this.#segments.filter((segment) => segment !== meta);
    const path = this.#gzPath(meta.n);
    await this.#disk.move(path, `${path}.rot`).catch(() => {});
    this.#hasRot = true;
    return { epoch: this.epoch, path: `${path}.rot`, reason, records: meta.count };
  }

  /** Gives up the oldest segment; its records' seqs are below `first` from now on. */
  async expireOldest(): Promise<SegmentMeta | undefined> {
    const [oldest, ...rest] = this.#segments;
    if (oldest === undefined) return undefined;
    this.#segments = rest;
    this.#expiredSeq = Math.max(this.#expiredSeq, oldest.first + oldest.count - 1);
    this.#expiredTail = { seg: oldest.n, hash: oldest.hash };
    // The index first, or a crash in between would look like a lost file; but a full disk must be able to make room.
    await this.#writeIndex().catch(() => {});
    await this.#disk.remove(this.#gzPath(oldest.n));
    return oldest;
  }

  remove(): Promise<void> {
    return this.#disk.remove(this.path);
  }

  get #last(): SegmentMeta | undefined {
    const held = this.#segments.at(-1);
    const rotten = this.#rottenTail;
    return rotten !== undefined && rotten.n > (held?.n ?? -1) ? rotten : held;
  }

  #gzPath(n: number): string {
    return join(this.path, `${segmentName(n)}.jsonl.gz`);
  }

  async #readIndex(names: readonly string[]): Promise<Map<number, SegmentMeta>> {
    const known = new Map<number, SegmentMeta>();
    if (!names.includes(INDEX_NAME)) return known;
    this.#indexText = (await this.#disk.read(join(this.path, INDEX_NAME))).toString('utf8');
    for (const line of this.#indexText.split('\n')) {
      const parsed = IndexLine.safeParse(parseOrUndefined(line));
      if (!parsed.success) continue;
      if ('expired' in parsed.data) this.#noteExpired(parsed.data);
      else if ('rotten' in parsed.data) this.#noteRottenTail(parsed.data.rotten);
      else known.set(parsed.data.n, parsed.data);
    }
    return known;
  }

  // Its number and hash were published: the next segment closed must not be given them.
  #noteRottenTail(meta: SegmentMeta): void {
    const isHeld = this.#segments.some(({ n }) => n === meta.n);
    const isExpired = meta.first + meta.count - 1 <= this.#expiredSeq;
    if (!isHeld && !isExpired && meta.n > (this.#rottenTail?.n ?? -1)) this.#rottenTail = meta;
  }

  #noteExpired({ expired, seg, hash }: { expired: number; seg?: number | undefined; hash?: string | undefined }): void {
    this.#expiredSeq = Math.max(this.#expiredSeq, expired);
    if (seg !== undefined && hash !== undefined) this.#expiredTail = { seg, hash };
  }

  async #readMeta(name: string, n: number, reports: RotReport[]): Promise<SegmentMeta | undefined> {
    const path = join(this.path, name);
    try {
      const gz = await this.#disk.read(path);
      const { header, hash } = await openSegment(gz);
      if (header.e !== this.epoch || header.seg !== n) throw new RottenSegmentError('it is of another log');
      const { first, count, t0, t1, prev } = header;
      return { n, first, count, t0, t1, prev, hash, bytes: gz.length };
    } catch (error) {
      await this.#disk.move(path, `${path}.rot`).catch(() => {});
      reports.push({ epoch: this.epoch, path: `${path}.rot`, reason: messageOf(error), records: 0 });
      return undefined;
    }
  }

  // A segment of the index that has no file, was not expired and is not known as rotten has vanished.
  #noteMissing(known: ReadonlyMap<number, SegmentMeta>, names: readonly string[], reports: RotReport[]): void {
    for (const meta of known.values()) {
      const name = `${segmentName(meta.n)}.jsonl.gz`;
      const isExpired = meta.first + meta.count - 1 <= this.#expiredSeq;
      if (isExpired || names.includes(name) || names.includes(`${name}.rot`)) continue;
      const path = join(this.path, name);
      reports.push({ epoch: this.epoch, path, reason: 'the file is gone', records: meta.count });
    }
  }

  async #closeLeftOpen(name: string, reports: RotReport[]): Promise<void> {
    const path = join(this.path, name);
    // What is closed already stays closed: the crash came between closing the segment and removing its open form.
    const { runs, rottenLines } = readOpenLines((await this.#disk.read(path)).toString('utf8'), this.closedSeq);
    try {
      for (const run of runs) await this.close(run.first, run.lines, { t0: run.t0, t1: run.t1 });
    } catch (error) {
      // A full disk is no reason not to start: the file stays as it is, and the next start closes it.
      if (systemCodeOf(error) === undefined) throw error;
      this.#loose = [...this.#loose, ...runs.filter((run) => run.first > this.closedSeq)];
      return;
    }
    if (rottenLines === 0) return this.#disk.remove(path);
    await this.#disk.move(path, `${path}.rot`);
    reports.push({ epoch: this.epoch, path: `${path}.rot`, reason: 'damaged lines', records: rottenLines });
  }

  #buildIndex(): string {
    const lines = this.#segments.map((segment) => JSON.stringify(segment));
    const rotten = this.#rottenTail;
    if (rotten !== undefined && rotten === this.#last) lines.push(JSON.stringify({ rotten }));
    if (this.#expiredSeq > 0) lines.unshift(JSON.stringify({ expired: this.#expiredSeq, ...this.#expiredTail }));
    return lines.map((line) => `${line}\n`).join('');
  }

  async #writeIndex(): Promise<void> {
    const text = this.#buildIndex();
    await this.#disk.replace(join(this.path, INDEX_NAME), text);
    this.#indexText = text;
  }
}

function segmentName(n: number): string {
  return String(n).padStart(8, '0');
}

function parseOrUndefined(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

type Run = { first: number; lines: string[]; bytes: number; t0: number; t1: number };

const Stamp = z.looseObject({ s: z.int().min(1), t: z.int().min(0) });

/**
 * The records of an open segment behind `closedSeq` as runs without gaps, each fit for one closed segment. The last line is dropped if it
 * is incomplete or unreadable (a torn write); unreadable lines before it are counted.
 */
export function readOpenLines(
  text: string,
  closedSeq = 0,
): { readonly runs: readonly Run[]; readonly rottenLines: number } {
  const lines = text.split('\n');
  // Behind the last line end lies nothing, or what a torn write left.
  lines.pop();
  const runs: Run[] = [];
  let rottenLines = 0;
  let lastSeq = 0;
  for (const [i, line] of lines.entries()) {
    const stamp = Stamp.safeParse(parseOrUndefined(line));
    if (!stamp.success || stamp.data.s <= lastSeq) {
      if (i < lines.length - 1) rottenLines++;
      continue;
    }
    lastSeq = stamp.data.s;
    if (lastSeq <= closedSeq) continue;
    addToRuns(runs, line, stamp.data);
  }
  return { runs, rottenLines };
}

function addToRuns(runs: Run[], line: string, { s, t }: { s: number; t: number }): void {
  const run = runs.at(-1);
  const bytes = Buffer.byteLength(line) + 1;
  const fits =
    run !== undefined &&
    s === run.first + run.lines.length &&
    run.lines.length < SEGMENT_RECORDS_MAX &&
    run.bytes + bytes <= SEGMENT_BYTES_MAX;
  if (!fits) {
    runs.push({ first: s, lines: [line], bytes, t0: t, t1: t });
    return;
  }
  run.lines.push(line);
  run.bytes += bytes;
  run.t1 = t;
}
