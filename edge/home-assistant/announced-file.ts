import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.js';
import type { Announced } from './device-message.js';

/**
 * What a node has announced, over its restarts: `camera_front_motion binary_sensor` a line. Without it nobody would know
 * what to remove when a camera is taken out of the configuration. Losing it leaves an entity that is never available.
 */
export class AnnouncedFile {
  readonly #path: string;

  constructor(stateDir: string) {
    this.#path = path.join(stateDir, 'home-assistant');
  }

  /** Empty if the file is absent or unreadable. */
  async read(): Promise<Announced> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const lines = [...text.matchAll(/^([a-z0-9_-]{1,128}) ([a-z_]{1,32})$/gm)];
    return new Map(lines.map(([, key = '', platform = '']) => [key, platform]));
  }

  /** @throws what the disk throws; the old file is then untouched. */
  write(announced: Announced): Promise<void> {
    return writeFileAtomic(this.#path, [...announced].map(([key, platform]) => `${key} ${platform}\n`).join(''));
  }
}
