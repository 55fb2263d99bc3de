import { readFile } from 'node:fs/promises';
import type { RecordDisk } from './record-disk.js';

/** Up to which seq each epoch was published: `abcdefghijkl 1042` a line. Losing it costs repeats, never records. */
export class CursorFile {
  readonly #path: string;
  readonly #disk: RecordDisk;

  constructor(path: string, disk: RecordDisk) {
    this.#path = path;
    this.#disk = disk;
  }

  /** What was written last; empty if the file is absent or unreadable. */
  async read(): Promise<Map<string, number>> {
    const positions = new Map<string, number>();
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      const match = /^([a-z2-7]{12}) (\d{1,15})$/.exec(line);
      if (match?.[1] !== undefined) positions.set(match[1], Number(match[2]));
    }
    return positions;
  }

  /** @throws what the disk throws; the old file is then untouched. */
  write(positions: ReadonlyMap<string, number>): Promise<void> {
    return this.#disk.replace(this.#path, [...positions].map(([epoch, seq]) => `${epoch} ${seq}\n`).join(''));
  }
}
