import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from './config.js';
import { ownEnvironment } from './environment.js';
import { OperationError, plainFileError } from './errors.js';

/** Longest secret taken, bytes: a PEM key with its chain is under 16 KiB. */
const SECRET_BYTES_MAX = 64 * 1024;

/**
 * The secret a file holds, without one line end at its end. A bare name (no `/`) is looked up in systemd's
 * `$CREDENTIALS_DIRECTORY` where there is one (`LoadCredential=`).
 * @throws OperationError `credentials-invalid` if the file is missing, empty, too large, or readable by everyone.
 */
export async function readSecretFile(path: string, env: Environment = ownEnvironment()): Promise<string> {
  const credentials = env.CREDENTIALS_DIRECTORY;
  const file = credentials !== undefined && credentials !== '' && !path.includes('/') ? join(credentials, path) : path;
  const fail = (message: string, hint?: string, cause?: unknown) =>
    new OperationError({
      code: 'credentials-invalid',
      op: 'read',
      subject: `secret file ${file}`,
      message,
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  let text: string;
  try {
    const { mode, size } = await stat(file);
    if ((mode & 0o004) !== 0) throw fail('everyone on this machine can read it', `chmod 600 ${file}`);
    if (size > SECRET_BYTES_MAX) throw fail(`${size} bytes, allowed ${SECRET_BYTES_MAX}`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw fail(plainFileError(error), undefined, error);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw fail('it is empty');
  return secret;
}
