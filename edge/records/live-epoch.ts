import { SEGMENT_BYTES_MAX, SEGMENT_RECORDS_MAX } from '../../protocol/segment.js';
import type { EpochFolder } from './epoch-folder.js';
import type { RecordDisk, SegmentFile } from './record-disk.js';

type Line = { readonly text: string; readonly t: number };

/** A full segment on its way from its open form to its closed one. */
type Closing = {
  readonly first: number;
  readonly lines: readonly Line[];
  readonly path: string;
  readonly file: SegmentFile | undefined;
};

/** Full segments that wait for a slow disk; then writing waits with them. 2,048 records, about 250 kB. */
const CLOSINGS_MAX = 8;

/**
 * The epoch being written: closed segments, the open one, and a tail of lines that are not on disk yet. One caller at a
 * time: `RecordLog` serialises.
 */
export class LiveEpoch {
  readonly folder: EpochFolder;
  readonly #disk: RecordDisk;
  readonly #onSealed: () => void;
  #file: SegmentFile | undefined;
  #isMade = false;
  #closings: Closing[] = [];
  #sealing: Promise<number> | undefined;
  #openNumber = 0;
  /** Lines of the open segment that are written. */
  #written: Line[] = [];
  #writtenBytes = 0;
  #segmentFirst = 1;
  /** Lines that are only in memory, in order. */
  #tail: Line[] = [];
  #tailFirst = 1;
  #syncedSeq = 0;
  #lastT = 0;
  #isFileTrusted = true;
  #syncing: Promise<void> = Promise.resolve();

  /** @param onSealed a full segment was closed. */
  constructor(folder: EpochFolder, disk: RecordDisk, onSealed: () => void) {
    this.folder = folder;
    this.#disk = disk;
    this.#onSealed = onSealed;
  }

  /** Smallest seq that lies in no closed segment. */
  get openFrom(): number {
    return this.#closings[0]?.first ?? this.#segmentFirst;
  }

  /** Largest seq given out. */
  get seq(): number {
    return this.#tailFirst + this.#tail.length - 1;
  }

  /** Largest seq that survives the death of this process. */
  get writtenSeq(): number {
    return this.#segmentFirst + this.#written.length - 1;
  }

  /** Largest seq that survives a power cut. */
  get syncedSeq(): number {
    return Math.max(this.#syncedSeq, this.folder.closedSeq);
  }

  /** Time of the newest record. */
  get lastT(): number {
    return this.#lastT;
  }

  /** Records that are in memory alone. */
  get unwritten(): number {
    return this.#tail.length;
  }

  /** Records were lost between the disk and the tail: this epoch can never be whole on disk again. */
  get isBroken(): boolean {
    return this.#tailFirst > this.writtenSeq + 1;
  }

  /** Time of the first record of the open segment; undefined while it is empty. */
  get openSinceT(): number | undefined {
    return this.#written[0]?.t;
  }

  /** Adds a record behind all others, in memory. */
  push(text: string, t: number): void {
    this.#tail.push({ text, t });
    this.#lastT = t;
  }

  /** Drops the oldest record that is only in memory, to make room. */
  dropOldestUnwritten(): void {
    if (this.#tail.shift() !== undefined) this.#tailFirst++;
  }

  /**
   * Writes the tail, beginning new segments as they fill; `seal` closes the full ones. On an error what is left stays in
   * the tail.
   */
  async writeTail(): Promise<void> {
    if (!this.#isFileTrusted) await this.#rewrite();
    while (this.#tail.length > 0 && !this.isBroken) {
      const chunk = this.#nextChunk();
      if (chunk.length === 0) {
        if (this.#closings.length >= CLOSINGS_MAX) await this.seal();
        this.#roll();
        continue;
      }
      const bytes = encodeLines(chunk);
      const chunkEnd = this.#tailFirst + chunk.length;
      const file = await this.#openFile();
      await file.writeAt(bytes, this.#writtenBytes);
      this.#writtenBytes += bytes.length;
      this.#written.push(...chunk);
      // Memory may have given up some of them, or more, while they were being written.
      this.#tail.splice(0, Math.max(0, chunkEnd - this.#tailFirst));
      this.#tailFirst = Math.max(this.#tailFirst, chunkEnd);
    }
    if (this.#isFull()) this.#roll();
  }

  /** True if a full segment waits for `seal`. */
  get isSealDue(): boolean {
    return this.#closings.length > 0;
  }

  /**
   * Closes the full segments, durably. Runs beside `writeTail`: an fsync takes 50 ms and more, and no record waits for it.
   * @returns how many were closed.
   */
  seal(): Promise<number> {
    this.#sealing ??= this.#sealAll().finally(() => {
      this.#sealing = undefined;
    });
    return this.#sealing;
  }

  /** Makes what is written survive a power cut. May run beside `writeTail`. */
  async sync(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    const seq = this.writtenSeq;
    const syncing = file.sync();
    this.#syncing = syncing.catch(() => {});
    await syncing;
    // Segments before this file that are not closed yet are durable only when they are.
    if (this.#closings.length === 0) this.#syncedSeq = Math.max(this.#syncedSeq, seq);
  }

  /** Turns the open segment into a closed one, durably, and all full ones before it. */
  async closeSegment(): Promise<number> {
    this.#roll();
    return this.seal();
  }

  /**
   * After an error: the next attempt writes the whole open segment anew, from memory. A failed fsync may have thrown
   * away pages that were reported as written.
   */
  async distrustFile(): Promise<void> {
    this.#isFileTrusted = false;
    await this.#closeFile().catch(() => {});
  }

  /** Closes the full segments and the file of the open one, which the next life closes. */
  async close(): Promise<void> {
    await this.seal().catch(() => {});
    await this.#closeFile();
    for (const { file } of this.#closings) await file?.close().catch(() => {});
  }

  /** Lines with seq from `from` that are not in closed segments, at most `max`. */
  openLines(from: number, max: number): readonly { readonly s: number; readonly text: string }[] {
    const lines: { s: number; text: string }[] = [];
    const take = (source: readonly Line[], first: number) => {
      for (let i = Math.max(0, from - first); i < source.length && lines.length < max; i++) {
        const line = source[i];
        if (line !== undefined) lines.push({ s: first + i, text: line.text });
      }
    };
    for (const closing of this.#closings) take(closing.lines, closing.first);
    take(this.#written, this.#segmentFirst);
    take(this.#tail, this.#tailFirst);
    return lines;
  }

  #roll(): void {
    if (this.#written.length === 0) return;
    const path = this.folder.openSegmentPath(this.#openNumber++);
    this.#closings.push({ first: this.#segmentFirst, lines: this.#written, path, file: this.#file });
    this.#segmentFirst += this.#written.length;
    this.#written = [];
    this.#writtenBytes = 0;
    this.#file = undefined;
  }

  async #sealAll(): Promise<number> {
    let closed = 0;
    for (let closing = this.#closings[0]; closing !== undefined; closing = this.#closings[0]) {
      const { first, lines, path, file } = closing;
      const texts = lines.map(({ text }) => text);
      await this.folder.close(first, texts, { t0: lines[0]?.t ?? 0, t1: lines.at(-1)?.t ?? 0 });
      this.#closings.shift();
      closed++;
      this.#onSealed();
      await this.#syncing;
      await file?.close();
      await this.folder.saveIndex();
      await this.#disk.remove(path);
    }
    return closed;
  }

  async #rewrite(): Promise<void> {
    if (this.#written.length > 0) {
      const file = await this.#openFile();
      await file.writeAt(encodeLines(this.#written), 0);
    }
    this.#isFileTrusted = true;
  }

  #isFull(): boolean {
    return this.#written.length >= SEGMENT_RECORDS_MAX || this.#writtenBytes >= SEGMENT_BYTES_MAX;
  }

  // As many lines of the tail as the open segment takes; none if it must be closed first.
  #nextChunk(): Line[] {
    const chunk: Line[] = [];
    let bytes = this.#writtenBytes;
    for (const line of this.#tail) {
      bytes += Buffer.byteLength(line.text) + 1;
      const isFirst = this.#written.length === 0 && chunk.length === 0;
      if (!isFirst && bytes > SEGMENT_BYTES_MAX) break;
      if (this.#written.length + chunk.length >= SEGMENT_RECORDS_MAX) break;
      chunk.push(line);
    }
    return chunk;
  }

  async #openFile(): Promise<SegmentFile> {
    if (!this.#isMade) {
      await this.folder.make();
      this.#isMade = true;
    }
    this.#file ??= await this.#disk.openSegment(this.folder.openSegmentPath(this.#openNumber));
    return this.#file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await this.#syncing;
    await file?.close();
  }
}

function encodeLines(lines: readonly Line[]): Buffer {
  return Buffer.from(lines.map(({ text }) => `${text}\n`).join(''));
}
