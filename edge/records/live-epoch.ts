import { SEGMENT_BYTES_MAX, SEGMENT_RECORDS_MAX } from '../../protocol/segment.js';
import type { EpochFolder } from './epoch-folder.js';
import type { RecordDisk, SegmentFile } from './record-disk.js';

type Line = { readonly text: string; readonly t: number };

/**
 * The epoch being written: closed segments, the open one, and a tail of lines that are not on disk yet. One caller at a
 * time: `RecordLog` serialises.
 */
export class LiveEpoch {
  readonly folder: EpochFolder;
  readonly #disk: RecordDisk;
  #file: SegmentFile | undefined;
  #isMade = false;
  /** Lines of the open segment that are written. */
  #written: Line[] = [];
  #writtenBytes = 0;
  #segmentFirst = 1;
  /** Lines that are only in memory, in order. */
  #tail: Line[] = [];
  #tailFirst = 1;
  #syncedSeq = 0;
  #lastT = 0;
  #isBroken = false;
  #isFileTrusted = true;
  #syncing: Promise<void> = Promise.resolve();

  constructor(folder: EpochFolder, disk: RecordDisk) {
    this.folder = folder;
    this.#disk = disk;
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
    return this.#isBroken;
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
    if (this.#tail.shift() === undefined) return;
    this.#tailFirst++;
    this.#isBroken = true;
  }

  /**
   * Writes the tail, closing segments as they fill. On an error what is left stays in the tail.
   * @returns how many segments were closed.
   */
  async writeTail(): Promise<number> {
    let closed = 0;
    if (!this.#isFileTrusted) await this.#rewrite();
    while (this.#tail.length > 0 && !this.#isBroken) {
      const chunk = this.#nextChunk();
      if (chunk.length === 0) {
        await this.closeSegment();
        closed++;
        continue;
      }
      const bytes = encodeLines(chunk);
      const file = await this.#openFile();
      await file.writeAt(bytes, this.#writtenBytes);
      this.#writtenBytes += bytes.length;
      this.#written.push(...chunk);
      this.#tail.splice(0, chunk.length);
      this.#tailFirst += chunk.length;
    }
    if (this.#isFull()) {
      await this.closeSegment();
      closed++;
    }
    return closed;
  }

  /** Makes what is written survive a power cut. May run beside `writeTail`. */
  async sync(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    const seq = this.writtenSeq;
    const syncing = file.sync();
    this.#syncing = syncing.catch(() => {});
    await syncing;
    this.#syncedSeq = Math.max(this.#syncedSeq, seq);
  }

  /** Turns the open segment into a closed one, durably. Nothing happens if it is empty. */
  async closeSegment(): Promise<void> {
    const first = this.#written[0];
    const last = this.#written.at(-1);
    if (first === undefined || last === undefined) return;
    const path = this.folder.openSegmentPath();
    await this.folder.close(
      this.#segmentFirst,
      this.#written.map(({ text }) => text),
      { t0: first.t, t1: last.t },
    );
    this.#segmentFirst += this.#written.length;
    this.#written = [];
    this.#writtenBytes = 0;
    await this.#closeFile();
    await this.folder.saveIndex();
    await this.#disk.remove(path);
  }

  /**
   * After an error: the next attempt writes the whole open segment anew, from memory. A failed fsync may have thrown
   * away pages that were reported as written.
   */
  async distrustFile(): Promise<void> {
    this.#isFileTrusted = false;
    await this.#closeFile().catch(() => {});
  }

  async close(): Promise<void> {
    await this.#closeFile();
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
    take(this.#written, this.#segmentFirst);
    take(this.#tail, this.#tailFirst);
    return lines;
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
    this.#file ??= await this.#disk.openSegment(this.folder.openSegmentPath());
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
