import { readFileSync } from 'node:fs';
import { openSegmentSync } from '../records/segment.js';
import type { SegmentFile } from './log-reader.js';
import { buildColumns, type RecordColumns, WordTable } from './record-columns.js';

export type CachedColumns = { readonly columns: RecordColumns; readonly words: WordTable };

/**
 * Columns of closed segments, the longest unused thrown out first. A segment is checked against its hash when it is read;
 * its columns are of what was checked, whatever becomes of the file until it is read again.
 */
export class ColumnCache {
  readonly #recordsMax: number;
  readonly #entries = new Map<string, RecordColumns>();
  #records = 0;
  #words = new WordTable();
  #segmentsRead = 0;

  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax;
  }

  get segmentsRead(): number {
    return this.#segmentsRead;
  }

  get words(): WordTable {
    return this.#words;
  }

  /** The same, read from the file whatever is known of it. @throws RottenSegmentError, or what the disk throws. */
  readAgain(file: SegmentFile): CachedColumns {
    this.#forget(file.hash);
    return this.columnsOf(file);
  }

  /** @throws RottenSegmentError, or what the disk throws. */
  columnsOf({ path, hash }: SegmentFile): CachedColumns {
    const known = this.#entries.get(hash);
    if (known !== undefined) {
      // A Map keeps the order of insertion: the first one is the longest unused.
      this.#entries.delete(hash);
      this.#entries.set(hash, known);
      return { columns: known, words: this.#words };
    }
    const { lines } = openSegmentSync(readFileSync(path), hash);
    this.#segmentsRead++;
    const columns = this.build(lines);
    this.#keep(hash, columns);
    return { columns, words: this.#words };
  }

  /** Columns of lines that are in no closed segment; not kept. */
  build(lines: readonly string[]): RecordColumns {
    const columns = buildColumns(lines, this.#words);
    if (columns !== undefined) return columns;
    // The table is full of words. Columns that were made with it are of no use without it.
    this.#words = new WordTable();
    this.#entries.clear();
    this.#records = 0;
    const again = buildColumns(lines, this.#words);
    if (again === undefined) throw new RangeError(`${lines.length} records with too many words`);
    return again;
  }

  #forget(hash: string): void {
    this.#records -= this.#entries.get(hash)?.count ?? 0;
    this.#entries.delete(hash);
  }

  #keep(hash: string, columns: RecordColumns): void {
    if (this.#entries.has(hash)) return;
    this.#entries.set(hash, columns);
    this.#records += columns.count;
    for (const [oldest, { count }] of this.#entries) {
      if (this.#records <= this.#recordsMax) break;
      this.#entries.delete(oldest);
      this.#records -= count;
    }
  }
}
