import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import type { RecordDisk } from './record-disk.js';

/**
 * Reads the random id of this disk, making it where there is none: it tells a cloned card from a restart.
 * @throws OperationError state-unwritable, disk-full
 */
export async function openInstance(path: string, disk: RecordDisk): Promise<string> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (/^[0-9a-f]{16}$/.test(text)) return text;
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unwritable('read', path, error);
  }
  const instance = randomBytes(8).toString('hex');
  await attempt('write', path, () => disk.replace(path, `${instance}\n`));
  return instance;
}

/** Does some work on the log's folder. @throws OperationError state-unwritable, disk-full */
export async function attempt<T>(op: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unwritable(op, path, error);
  }
}

function unwritable(op: string, path: string, cause: unknown): OperationError {
  const isFull = ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(cause) ?? '');
  return new OperationError({
    code: isFull ? 'disk-full' : 'state-unwritable',
    op,
    subject: path,
    message: messageOf(cause),
    hint: isFull ? 'free some space' : 'check the owner and mode of the state folder, and that its disk is writable',
    cause,
  });
}
