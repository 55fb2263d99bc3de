import type { Counters } from '../../base/counters.js';
import { messageOf, systemCodeOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { SegmentHeader } from '../../protocol/segment.js';
import { EpochFolder, parseEpochFolderName, type RotReport } from './epoch-folder.js';
import { attempt } from './instance-file.js';
import type { LiveEpoch } from './live-epoch.js';
import type { RecordDisk } from './record-disk.js';
import { type OpenedSegment, RottenSegmentError, type SegmentMeta } from './segment.js';

/** A record line with its seq. */
export type RecordLine = { readonly s: number; readonly text: string };

/** A part of one epoch as it lies on disk and in memory. */
export type EpochSlice = {
  readonly segments: readonly (SegmentMeta & { readonly path: string })[];
  readonly lines: readonly RecordLine[];
};

/** One log as a head lists it. */
export type LogExtent = {
  readonly epoch: string;
  readonly isLive: boolean;
  readonly first: number;
  /** Largest seq that survives a power cut; of a closed epoch: its length. */
  readonly seq: number;
  readonly hash: string;
  readonly segments: number;
  /** Header of the last closed segment, whose hash is `hash`. */
  readonly tail: SegmentHeader | undefined;
};

export type EpochShelfOptions = {
  /** Folder of the log; must exist. */
  readonly dir: string;
  readonly node: string;
  readonly disk: RecordDisk;
  readonly log: Log;
  readonly counters: Pick<Counters<'rottenFiles' | 'rottenRecords'>, 'add'>;
  /** The disk takes no writes now: what is in memory alone counts as written. */
  readonly isInTrouble: () => boolean;
  readonly onRot: () => void;
};

/** The epochs of a log: those of earlier lives, those that are over, the one being written. All that is read of it is read here. */
export class EpochShelf {
  readonly #options: EpochShelfOptions;
  #folders: EpochFolder[] = [];
  /** The epoch being written. */
  live: LiveEpoch | undefined;
  /** Epochs that are over and not closed on disk; where that failed, until the next life. */
  readonly ending = new Set<string>();

  constructor(options: EpochShelfOptions) {
    this.#options = options;
  }

  /** Reads what earlier lives left, closing their open segments. @returns what was found rotten. @throws OperationError */
  async open(): Promise<RotReport[]> {
    const { dir, node, disk } = this.#options;
    const reports: RotReport[] = [];
    const found = (await disk.list(dir)).flatMap((name) => parseEpochFolderName(name) ?? []);
    found.sort((a, b) => a.ordinal - b.ordinal);
    for (const { epoch, ordinal } of found) {
      const folder = new EpochFolder({ node, epoch, ordinal, root: dir, disk });
      reports.push(...(await attempt('read', folder.path, () => folder.load())));
      this.#folders.push(folder);
    }
    for (const report of reports) this.#noteRot(report);
    return reports;
  }

  /** Oldest first. */
  get folders(): readonly EpochFolder[] {
    return this.#folders;
  }

  /** For a new epoch, behind all others; it is not on the disk yet, and not on the shelf. */
  makeFolder(epoch: string): EpochFolder {
    const { node, dir: root, disk } = this.#options;
    const ordinal = (this.#folders.at(-1)?.ordinal ?? 0) + 1;
    return new EpochFolder({ node, epoch, ordinal, root, disk });
  }

  /** From now on this is the epoch being written. */
  add(live: LiveEpoch): void {
    this.#folders.push(live.folder);
    this.live = live;
  }

  /** Gives up an epoch with all that is left of it. */
  async forget(folder: EpochFolder): Promise<void> {
    this.#folders = this.#folders.filter((other) => other !== folder);
    await folder.remove();
  }

  /** Bytes of all closed segments. */
  get bytes(): number {
    return this.#folders.reduce((sum, folder) => sum + folder.bytes, 0);
  }

  /** The end of the epoch before one, as the open record of the next says it. */
  endBefore(folder: EpochFolder | undefined): { readonly e: string; readonly s: number } | null {
    const before = folder === undefined ? this.#folders.at(-1) : this.#folders[this.#folders.indexOf(folder) - 1];
    return before === undefined ? null : { e: before.epoch, s: before.closedSeq };
  }

  /** The logs this node has, oldest first. */
  extents(): LogExtent[] {
    return this.#folders.map((folder) => {
      const isLive = folder === this.live?.folder;
      return {
        epoch: folder.epoch,
        isLive,
        first: folder.first,
        seq: isLive ? (this.live?.syncedSeq ?? 0) : folder.closedSeq,
        hash: folder.lastHash,
        segments: folder.nextSegment,
        tail: folder.tail,
      };
    });
  }

  /** Largest seq that may be published: in the file, or in memory while the disk fails. 0 for an unknown epoch. */
  publishableSeq(epoch: string): number {
    const { live } = this;
    if (live?.folder.epoch === epoch) return this.#options.isInTrouble() ? live.seq : live.writtenSeq;
    return this.#folder(epoch)?.closedSeq ?? 0;
  }

  /** True while an epoch that is over may still grow on disk, up to what it was given. */
  isEnding(epoch: string): boolean {
    return this.ending.has(epoch);
  }

  /**
   * Lines of one epoch with seq from `from`, in order, at most `max`. Rotten and expired ones are missing; an empty
   * answer means that there is nothing at or behind `from`.
   */
  async read(epoch: string, from: number, max: number): Promise<readonly RecordLine[]> {
    const folder = this.#folder(epoch);
    if (folder === undefined) return [];
    const lines: RecordLine[] = [];
    let next = from;
    while (lines.length < max) {
      // Looked up anew each time: segments are closed and expire while we read.
      const meta = folder.segments.find((segment) => segment.first + segment.count > next);
      if (meta === undefined) break;
      lines.push(...(await this.readLines(folder, meta, next, max - lines.length)));
      const last = lines.at(-1)?.s ?? 0;
      next = last >= next ? last + 1 : meta.first + meta.count;
    }
    const room = max - lines.length;
    if (room <= 0) return lines;
    const isLive = this.live?.folder === folder;
    return [...lines, ...((isLive ? this.live?.openLines(next, room) : folder.looseLines(next, room)) ?? [])];
  }

  /**
   * What lies here of one epoch between two seqs, as it is now: the closed segments that overlap, with their files, and
   * the lines in none of them, up to what may be published. Undefined for an unknown epoch.
   */
  slice(epoch: string, from: number, to: number): EpochSlice | undefined {
    const folder = this.#folder(epoch);
    if (folder === undefined) return undefined;
    const end = Math.min(to, this.publishableSeq(epoch));
    const segments = folder.segments
      .filter(({ first, count }) => first <= end && first + count > from)
      .map((meta) => ({ ...meta, path: folder.segmentPath(meta) }));
    const openFrom = Math.max(from, lastSeqOf(folder.segments) + 1);
    const room = Math.max(0, end - openFrom + 1);
    const isLive = this.live?.folder === folder;
    const lines = isLive ? this.live?.openLines(openFrom, room) : folder.looseLines(openFrom, room);
    return { segments, lines: lines ?? [] };
  }

  /** Closed segments of one epoch, in order. */
  segmentsOf(epoch: string): readonly SegmentMeta[] {
    return this.#folder(epoch)?.segments ?? [];
  }

  /** Smallest seq of an epoch that lies in no closed segment. */
  openFrom(epoch: string): number {
    const folder = this.#folder(epoch);
    if (folder === undefined) return 1;
    const isLive = this.live?.folder === folder;
    return (isLive ? this.live?.openFrom : folder.looseLines(1, 1)[0]?.s) ?? folder.closedSeq + 1;
  }

  /** A closed segment as it lies; undefined if it is rotten, which is put aside, or not there any more. */
  async readSegment(epoch: string, n: number): Promise<OpenedSegment | undefined> {
    const folder = this.#folder(epoch);
    const meta = folder?.segments.find((segment) => segment.n === n);
    if (folder === undefined || meta === undefined) return undefined;
    try {
      return await folder.read(meta);
    } catch (error) {
      await this.#meetUnreadable(folder, meta, error);
      return undefined;
    }
  }

  /** All closed segments, newest first. */
  *segmentsNewestFirst(): Generator<{ readonly epoch: string; readonly meta: SegmentMeta }> {
    for (const folder of [...this.#folders].reverse()) {
      for (const meta of [...folder.segments].reverse()) yield { epoch: folder.epoch, meta };
    }
  }

  /** A closed segment as it lies on disk, gzip, checked; undefined if it is gone or damaged. */
  async segmentBytes(epoch: string, n: number): Promise<Buffer | undefined> {
    const folder = this.#folder(epoch);
    const meta = folder?.segments.find((segment) => segment.n === n);
    if (folder === undefined || meta === undefined) return undefined;
    try {
      return await folder.readFile(meta);
    } catch (error) {
      await this.#meetUnreadable(folder, meta, error);
      return undefined;
    }
  }

  /** Lines of one closed segment with seq from `from`, at most `max`; none if it is rotten, which is put aside, or not readable now. */
  async readLines(folder: EpochFolder, meta: SegmentMeta, from: number, max: number): Promise<RecordLine[]> {
    try {
      const { lines } = await folder.read(meta);
      const skip = Math.max(0, from - meta.first);
      return lines.slice(skip, skip + max).map((text, i) => ({ s: meta.first + skip + i, text }));
    } catch (error) {
      await this.#meetUnreadable(folder, meta, error);
      return [];
    }
  }

  async #meetUnreadable(folder: EpochFolder, meta: SegmentMeta, error: unknown): Promise<void> {
    // Retention took it while we read: not rot.
    if (!folder.segments.includes(meta)) return;
    const isRot = error instanceof RottenSegmentError || systemCodeOf(error) === 'ENOENT';
    if (isRot) {
      this.#noteRot(await folder.putAside(meta, messageOf(error)));
      this.#options.onRot();
    } else this.#options.log.warn('segment not readable', { epoch: folder.epoch, error: messageOf(error) });
  }

  #noteRot(report: RotReport): void {
    this.#options.counters.add('rottenFiles');
    this.#options.counters.add('rottenRecords', report.records);
    this.#options.log.error('log is damaged', {
      ...report,
      hint: 'the file was kept as .rot; is the card failing?',
    });
  }

  #folder(epoch: string): EpochFolder | undefined {
    return this.#folders.find((folder) => folder.epoch === epoch);
  }
}

function lastSeqOf(segments: readonly SegmentMeta[]): number {
  const last = segments.at(-1);
  return last === undefined ? 0 : last.first + last.count - 1;
}
