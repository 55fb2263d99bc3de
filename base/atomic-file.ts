import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Replaces a file as a whole: temporary file beside it, fsync, rename, fsync of the folder.
 * After a crash of the process or the machine the file holds either the old or the new bytes, never a mixture.
 * @param mode permission bits of the new file; 0o600 unless told.
 * @throws the system's error (ENOSPC, EACCES, EROFS); the old file is then untouched.
 */
export async function writeFileAtomic(path: string, bytes: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes the names in a folder (created, renamed, removed files) survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
