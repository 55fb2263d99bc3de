import { join } from 'node:path';
import type { Clock } from '../../../base/clock.js';
import { systemCodeOf } from '../../../base/errors.js';
import type { RecordDisk } from '../../records/record-disk.js';
import type { CopyStoreLimits } from './copy-store-limits.js';

const NAME_PATTERN = /^(\d{13})-.+\.rot$/;

/** Damaged files, kept for a while to be looked at: not too many, not too long. Losing one loses no record. */
export class RotShelf {
  readonly #disk: RecordDisk;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #limits: CopyStoreLimits;
  #lastMs = 0;

  constructor(options: { disk: RecordDisk; dir: string; clock: Clock; limits: CopyStoreLimits }) {
    this.#disk = options.disk;
    this.#dir = options.dir;
    this.#clock = options.clock;
    this.#limits = options.limits;
  }

  /**
   * Moves a file here.
   * @returns where it lies now; the old path if the disk did not move it.
   */
  async putFile(path: string, name: string): Promise<string> {
    const to = this.#pathOf(name);
    try {
      await this.#disk.makeFolder(this.#dir);
      await this.#disk.move(path, to);
    } catch {
      return path;
    }
    await this.tidy();
    return to;
  }

  /**
   * Opens a file that may lie on a sector that went bad: it is then put here, and opened again as one that is absent.
   * @returns `aside`: where it lies, if so.
   * @throws what `open` throws; EIO too where the whole card does not answer.
   */
  async openOrAside<T>(path: string, name: string, open: () => Promise<T>): Promise<{ opened: T; aside?: string }> {
    try {
      return { opened: await open() };
    } catch (error) {
      if (systemCodeOf(error) !== 'EIO') throw error;
      const aside = await this.putFile(path, name);
      if (aside === path) throw error;
      return { opened: await open(), aside };
    }
  }

  /** Keeps damaged bytes of a file that goes on without them. @returns where they lie, as far as the disk took them. */
  async putBytes(bytes: Uint8Array, name: string): Promise<string> {
    const to = this.#pathOf(name);
    try {
      await this.#disk.makeFolder(this.#dir);
      await this.#disk.replace(to, bytes.subarray(0, this.#limits.rotFileBytesMax));
    } catch {
      return to;
    }
    await this.tidy();
    return to;
  }

  /** Removes what is too old or too much. */
  async tidy(): Promise<void> {
    const names = await this.#disk.list(this.#dir).catch((): string[] => []);
    const kept = names.filter((name) => NAME_PATTERN.test(name)).sort();
    const tooMany = Math.max(0, kept.length - this.#limits.rotFilesMax);
    const oldestMs = this.#clock.nowMs() - this.#limits.rotMs;
    const old = kept.filter((name, i) => i < tooMany || Number(NAME_PATTERN.exec(name)?.[1]) < oldestMs);
    for (const name of old) await this.#disk.remove(join(this.#dir, name)).catch(() => {});
  }

  // Two things put here in one millisecond keep their order and their names.
  #pathOf(name: string): string {
    this.#lastMs = Math.max(this.#lastMs + 1, this.#clock.nowMs());
    return join(this.#dir, `${String(this.#lastMs).padStart(13, '0')}-${name}.rot`);
  }
}
