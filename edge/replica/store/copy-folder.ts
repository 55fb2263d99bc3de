import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, systemCodeOf } from '../../../base/errors.js';
import { parseJson } from '../../../protocol/codec.js';
import type { RecordDisk } from '../../records/record-disk.js';
import {
  type OpenedSegment,
  openSegment,
  packSegment,
  RottenSegmentError,
  type SegmentMeta,
} from '../../records/segment.js';
import type { CopyRot, SegmentToKeep } from './copy-store.js';
import { LineJournal } from './line-journal.js';
import type { RotShelf } from './rot-shelf.js';
import { removeUnfinished } from './unfinished-files.js';

const Hash = z.string().regex(/^([0-9a-f]{64})?$/);

const IndexLine = z.union([
  z.object({
    n: z.int().min(0),
    first: z.int().min(1),
    count: z.int().min(1),
    t0: z.int().min(0),
    t1: z.int().min(0),
    prev: Hash,
    hash: Hash,
    bytes: z.int().min(1),
  }),
  z.object({ from: z.int().min(1) }),
  z.object({ aside: z.int().min(0) }),
]);
type IndexLine = z.infer<typeof IndexLine>;

const SEGMENT_PATTERN = /^(\d{8})\.jsonl\.gz$/;

export type CopyFolderOptions = {
  readonly node: string;
  readonly epoch: string;
  readonly path: string;
  readonly disk: RecordDisk;
  readonly shelf: RotShelf;
};

/**
 * The closed segments kept of one epoch of another node, and an index of them: a journal that is believed where it agrees
 * with the files, and made anew from them where it does not. Segments may be missing between others.
 */
export class CopyFolder {
  readonly node: string;
  readonly epoch: string;
  readonly path: string;
  readonly #disk: RecordDisk;
  readonly #shelf: RotShelf;
  readonly #index: LineJournal;
  readonly #segments = new Map<number, SegmentMeta>();
  #first = 1;
  /** No segment reaches beyond it. */
  #largestSeq = 0;
  #bytes = 0;
  #isMade = false;
  #indexWork: Promise<void> = Promise.resolve();

  constructor({ node, epoch, path, disk, shelf }: CopyFolderOptions) {
    this.node = node;
    this.epoch = epoch;
    this.path = path;
    this.#disk = disk;
    this.#shelf = shelf;
    this.#index = new LineJournal({ disk, path: join(path, 'index.jsonl'), liveLines: () => this.#indexLines() });
  }

  /** In order of their numbers. */
  get segments(): readonly SegmentMeta[] {
    return [...this.#segments.values()].sort((a, b) => a.n - b.n);
  }

  get first(): number {
    return this.#first;
  }

  /** Bytes of the closed segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** File of a closed segment, there or not. */
  segmentPath(n: number): string {
    return this.#pathOf(n);
  }

  meta(n: number): SegmentMeta | undefined {
    return this.#segments.get(n);
  }

  /** True if a record is neither given up nor in a closed segment. */
  isLoose(s: number): boolean {
    if (s < this.#first) return false;
    if (s > this.#largestSeq) return true;
    for (const { first, count } of this.#segments.values()) if (s >= first && s < first + count) return false;
    return true;
  }

  /** Reads what earlier lives left. @throws what the disk throws. */
  async load(): Promise<CopyRot[]> {
    this.#isMade = true;
    await removeUnfinished(this.#disk, this.path);
    const names = await this.#disk.list(this.path);
    const name = `${this.node}-${this.epoch}-index`;
    const { opened, aside } = await this.#shelf.openOrAside(this.#index.path, name, () => this.#index.open());
    const { lines, damaged, isWhole } = opened;
    const known = this.#readIndex(lines);
    const rot: CopyRot[] = [];
    if (aside !== undefined) rot.push({ ...this.#rotOf('', 'the index is not readable'), path: aside });
    let isAgreed = isWhole && damaged.length === 0;
    for (const name of names) {
      const n = Number(SEGMENT_PATTERN.exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(n)) continue;
      const meta = known.get(n) ?? (await this.#readMeta(n, rot));
      if (!known.delete(n)) isAgreed = false;
      if (meta === undefined) continue;
      // A crash came between giving it up and removing it.
      if (meta.first + meta.count <= this.#first) await this.#removeFile(name);
      else this.#put(meta);
    }
    for (const meta of known.values()) {
      if (meta.first + meta.count > this.#first) rot.push(this.#rotOf(segmentName(meta.n), 'the file is gone'));
    }
    if (!isAgreed || known.size > 0) await this.#index.rewrite().catch(() => {});
    return rot;
  }

  /** Keeps a segment instead of the one with its number, durably. Several may be under way. @throws what the disk throws. */
  async keep(segment: SegmentToKeep): Promise<SegmentMeta> {
    const { header, headerLine, lines, hash } = segment;
    const gz = await packSegment(headerLine, lines);
    const { seg: n, first, count, t0, t1, prev } = header;
    const meta = { n, first, count, t0, t1, prev, hash, bytes: gz.length };
    await this.#make();
    await this.#disk.replace(this.#pathOf(n), gz);
    this.#put(meta);
    // The index is a cache here: where it is behind, the next life reads the segment.
    await this.#note(meta).catch(() => {});
    return meta;
  }

  /** @throws RottenSegmentError where the file is not what was written; whatever the disk throws. */
  async read(meta: SegmentMeta): Promise<OpenedSegment> {
    const gz = await this.#disk.read(this.#pathOf(meta.n)).catch(async (error) => {
      if (systemCodeOf(error) === 'ENOENT') throw new RottenSegmentError('the file is gone');
      // A sector that went bad answers so for ever; a card that went away does for every file.
      if (systemCodeOf(error) === 'EIO' && (await this.#isReadable())) throw new RottenSegmentError('not readable');
      throw error;
    });
    return openSegment(gz, meta.hash);
  }

  /** Takes a segment out of use and keeps its file for a while. */
  async putAside(meta: SegmentMeta, reason: string): Promise<CopyRot> {
    this.#drop(meta);
    const name = `${this.node}-${this.epoch}-${segmentName(meta.n)}`;
    const path = await this.#shelf.putFile(this.#pathOf(meta.n), name);
    // Where the file could not be moved it must not come back with the next life.
    if (path === this.#pathOf(meta.n)) await this.#disk.remove(path).catch(() => {});
    await this.#note({ aside: meta.n }).catch(() => {});
    return { node: this.node, epoch: this.epoch, path, reason };
  }

  /**
   * Gives up what lies below a seq: durably so before any file goes.
   * @returns segments given up.
   * @throws what the disk throws.
   */
  async expire(first: number): Promise<number> {
    if (first <= this.#first) return 0;
    const before = this.#first;
    this.#first = first;
    try {
      await this.#make();
      // Twice: one rotten byte must not bring back what was given up.
      await this.#note({ from: first }, { from: first });
      await this.#index.sync();
    } catch (error) {
      this.#first = before;
      throw error;
    }
    const gone = this.segments.filter((meta) => meta.first + meta.count <= first);
    for (const meta of gone) {
      this.#drop(meta);
      await this.#removeFile(segmentName(meta.n));
    }
    return gone.length;
  }

  remove(): Promise<void> {
    this.#segments.clear();
    this.#bytes = 0;
    return this.#disk.remove(this.path);
  }

  #pathOf(n: number): string {
    return join(this.path, segmentName(n));
  }

  // Where it fails the next life tries again.
  #removeFile(name: string): Promise<void> {
    return this.#disk.remove(join(this.path, name)).catch(() => {});
  }

  async #make(): Promise<void> {
    if (this.#isMade) return;
    await this.#disk.makeFolder(this.path);
    this.#isMade = true;
  }

  #put(meta: SegmentMeta): void {
    const before = this.#segments.get(meta.n);
    if (before !== undefined) this.#drop(before);
    this.#segments.set(meta.n, meta);
    this.#largestSeq = Math.max(this.#largestSeq, meta.first + meta.count - 1);
    this.#bytes += meta.bytes;
  }

  #drop(meta: SegmentMeta): void {
    if (this.#segments.get(meta.n) !== meta) return;
    this.#segments.delete(meta.n);
    this.#bytes -= meta.bytes;
  }

  // Segments are kept side by side, their lines in the index one after another.
  #note(...lines: IndexLine[]): Promise<void> {
    const noted = this.#indexWork.then(async () => {
      await this.#index.append(lines.map((line) => JSON.stringify(line)));
      await this.#index.rest();
    });
    this.#indexWork = noted.catch(() => {});
    return noted;
  }

  *#indexLines(): Generator<string> {
    const from = JSON.stringify({ from: this.#first });
    if (this.#first > 1) yield* [from, from];
    for (const meta of this.segments) yield JSON.stringify(meta);
  }

  #readIndex(lines: readonly string[]): Map<number, SegmentMeta> {
    const known = new Map<number, SegmentMeta>();
    for (const text of lines) {
      const line = IndexLine.parse(parseJson(text));
      if ('from' in line) this.#first = Math.max(this.#first, line.from);
      else if ('aside' in line) known.delete(line.aside);
      else known.set(line.n, line);
    }
    return known;
  }

  async #readMeta(n: number, rot: CopyRot[]): Promise<SegmentMeta | undefined> {
    const path = this.#pathOf(n);
    try {
      const gz = await this.#disk.read(path);
      const { header, hash } = await openSegment(gz);
      const { n: node, e, seg, first, count, t0, t1, prev } = header;
      if (node !== this.node || e !== this.epoch || seg !== n) throw new RottenSegmentError('it is of another log');
      return { n, first, count, t0, t1, prev, hash, bytes: gz.length };
    } catch (error) {
      const isBadSector = systemCodeOf(error) === 'EIO';
      if (!isBadSector && !(error instanceof RottenSegmentError)) throw error;
      const aside = await this.#shelf.putFile(path, `${this.node}-${this.epoch}-${segmentName(n)}`);
      if (isBadSector && aside === path) throw error;
      rot.push({ node: this.node, epoch: this.epoch, path: aside, reason: messageOf(error) });
      return undefined;
    }
  }

  #rotOf(name: string, reason: string): CopyRot {
    return { node: this.node, epoch: this.epoch, path: join(this.path, name), reason };
  }

  async #isReadable(): Promise<boolean> {
    return this.#disk.read(this.#index.path).then(
      () => true,
      () => false,
    );
  }
}

function segmentName(n: number): string {
  return `${String(n).padStart(8, '0')}.jsonl.gz`;
}
