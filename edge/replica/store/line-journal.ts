import { systemCodeOf } from '../../../base/errors.js';
import type { RecordDisk, SegmentFile } from '../../records/record-disk.js';
import { readCheckedLines, sealedBytes, sealLine } from './checked-line.js';

/** What a card writes at least, however little of it changed. */
const PAGE_BYTES = 4096;

export type JournalContent = {
  readonly lines: readonly string[];
  readonly damaged: readonly Uint8Array[];
  /** The file was absent, torn or damaged: it differs from its lines until it is rewritten. */
  readonly isWhole: boolean;
};

/**
 * A file of checked lines that only grows, until it is rewritten as a whole. After an error nothing is known of what the
 * file holds, so that the next call rewrites it from what its owner knows. One call at a time.
 */
export class LineJournal {
  readonly path: string;
  readonly #disk: RecordDisk;
  readonly #liveLines: () => Iterable<string>;
  readonly #fillsPages: boolean;
  #file: SegmentFile | undefined;
  #bytes = 0;
  #isTrusted = false;
  #isDirty = false;

  /**
   * @param liveLines what a rewritten file holds.
   * @param fillsPages a page that is half full at an fsync is filled with blanks, so that what follows does not write it a
   * second time: for a file that is synced every few seconds and often rewritten.
   */
  constructor(options: {
    disk: RecordDisk;
    path: string;
    liveLines: () => Iterable<string>;
    fillsPages?: boolean;
  }) {
    this.path = options.path;
    this.#disk = options.disk;
    this.#liveLines = options.liveLines;
    this.#fillsPages = options.fillsPages ?? false;
  }

  /** Size of the file. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws what the disk throws, but for an absent file, which is an empty one. */
  async open(): Promise<JournalContent> {
    const bytes = await this.#disk.read(this.path).catch((error) => {
      if (systemCodeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes === undefined) return { lines: [], damaged: [], isWhole: false };
    const { lines, damaged, tornBytes } = readCheckedLines(bytes);
    const endsWell = bytes.length === 0 || bytes.at(-1) === 0x0a;
    this.#bytes = bytes.length;
    this.#isTrusted = tornBytes === 0 && damaged.length === 0 && endsWell;
    // The life before may have died before its fsync.
    this.#isDirty = true;
    return { lines: lines.filter((line) => !isBlank(line)), damaged, isWhole: this.#isTrusted };
  }

  /** Adds lines; they survive the death of the process once resolved. @throws what the disk throws; nothing is added. */
  async append(lines: readonly string[]): Promise<void> {
    if (!this.#isTrusted) await this.rewrite();
    const bytes = Buffer.from(lines.map(sealLine).join(''));
    await this.#orDistrust(async () => {
      this.#file ??= await this.#disk.openSegment(this.path);
      await this.#file.writeAt(bytes, this.#bytes);
    });
    this.#bytes += bytes.length;
    this.#isDirty = true;
  }

  /** What was added before survives a power cut once resolved. @throws what the disk throws. */
  async sync(): Promise<void> {
    if (!this.#isTrusted) return this.rewrite();
    if (!this.#isDirty) return;
    if (this.#fillsPages) await this.#fillPage();
    await this.#orDistrust(async () => {
      this.#file ??= await this.#disk.openSegment(this.path);
      await this.#file.sync();
    });
    this.#isDirty = false;
  }

  /** Replaces the file by what is live now, durably. @throws what the disk throws; the old file stays. */
  async rewrite(): Promise<void> {
    const bytes = Buffer.from([...this.#liveLines()].map(sealLine).join(''));
    await this.rest();
    await this.#disk.replace(this.path, bytes);
    this.#bytes = bytes.length;
    this.#isTrusted = true;
    this.#isDirty = false;
  }

  /** Closes the file until it is written again. */
  async rest(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }

  async #fillPage(): Promise<void> {
    const room = PAGE_BYTES - (this.#bytes % PAGE_BYTES);
    if (room > PAGE_BYTES / 2 || room < sealedBytes(' ')) return;
    await this.append([' '.repeat(room - sealedBytes(''))]);
  }

  async #orDistrust(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // A torn write may lie there; a failed fsync may have thrown away what was reported as written.
      this.#isTrusted = false;
      await this.rest();
      throw error;
    }
  }
}

function isBlank(line: string): boolean {
  return line.startsWith(' ');
}
