import { FolderLock } from './folder-lock.js';
import { openStateFolder } from './state-folder.js';

/**
 * Makes a state folder if it is absent, locks it, and opens what lies in it; the lock is given back when that fails.
 * @param purpose as of `FolderLock.acquire`.
 * @throws OperationError state-locked, state-unwritable; what `openParts` throws.
 */
export async function openLocked<T>(
  folder: string,
  purpose: string,
  openParts: (lock: FolderLock) => Promise<T>,
): Promise<T> {
  await openStateFolder(folder);
  const lock = await FolderLock.acquire(folder, purpose);
  try {
    return await openParts(lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}
