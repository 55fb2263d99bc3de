import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.js';
import { systemCodeOf } from '../errors.js';
import { makeFolder } from '../state-folder.js';

/** Keeps the generation of one identity over restarts: one decimal number in a file, fsynced at every change. */
export class GenerationFile {
  readonly #path: string;

  constructor(stateDir: string, name = 'generation') {
    this.#path = join(stateDir, name);
  }

  /** The last generation taken; undefined if the file is absent, empty or garbage. @throws what the disk throws. */
  async read(): Promise<number | undefined> {
    try {
      const text = (await readFile(this.#path, 'utf8')).trim();
      const gen = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      return Number.isSafeInteger(gen) && gen > 0 ? gen : undefined;
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Survives a power cut once resolved. @throws what the disk throws. */
  async write(gen: number): Promise<void> {
    await makeFolder(dirname(this.#path));
    await writeFileAtomic(this.#path, `${gen}\n`);
  }
}
