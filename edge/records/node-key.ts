import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { generateNodeKey, parseNodeKey } from '../../base/listener/head-signature.js';
import type { RecordDisk } from './record-disk.js';

/**
 * Reads the node's signing key, or makes one at the first start (mode 0600).
 * @throws OperationError credentials-invalid for a file that is no Ed25519 key: replacing it silently would give the node
 *   another identity.
 */
export async function openNodeKey(path: string, disk: RecordDisk): Promise<KeyObject> {
  const pem = await readOrMake(path, disk);
  try {
    return parseNodeKey(pem);
  } catch (error) {
    throw new OperationError({
      code: 'credentials-invalid',
      op: 'read node key',
      subject: path,
      message: messageOf(error),
      hint: 'restore it from a backup, or remove it to give this node a new identity',
      cause: error,
    });
  }
}

async function readOrMake(path: string, disk: RecordDisk): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unwritable('read node key', path, error);
  }
  const pem = generateNodeKey();
  try {
    await disk.replace(path, pem);
  } catch (error) {
    throw unwritable('write node key', path, error);
  }
  return pem;
}

function unwritable(op: string, path: string, cause: unknown): OperationError {
  const isFull = systemCodeOf(cause) === 'ENOSPC';
  return new OperationError({
    code: isFull ? 'disk-full' : 'state-unwritable',
    op,
    subject: path,
    message: messageOf(cause),
    hint: isFull ? 'free some space' : 'check the owner and mode of the state folder, and that its disk is writable',
    cause,
  });
}
