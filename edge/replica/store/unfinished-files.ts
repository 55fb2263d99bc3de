import { join } from 'node:path';
import type { RecordDisk } from '../../records/record-disk.js';

const NAME_PATTERN = /^\.[0-9a-f]{12}\.tmp$/;

/** Removes the temporary files of replacements that a crash kept from their end. An absent folder has none. */
export async function removeUnfinished(disk: RecordDisk, dir: string): Promise<void> {
  const names = await disk.list(dir).catch((): string[] => []);
  for (const name of names) if (NAME_PATTERN.test(name)) await disk.remove(join(dir, name)).catch(() => {});
}
