import { randomBytes } from 'node:crypto';
import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from './config.js';
import { messageOf, OperationError, systemCodeOf } from './errors.js';

/**
 * Makes a folder of state, parents included, for its owner alone, and proves that something can be written in it.
 * @throws OperationError `state-unwritable` or `disk-full`, naming the folder.
 */
export async function makeStateFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await makeFolder(folder);
    const probe = join(folder, `.probe-${randomBytes(6).toString('hex')}`);
    await mkdir(probe);
    await rmdir(probe);
  } catch (cause) {
    const isFull = ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(cause) ?? '');
    throw new OperationError({
      code: isFull ? 'disk-full' : 'state-unwritable',
      op: 'write to state folder',
      subject: folder,
      message: messageOf(cause),
      hint: isFull
        ? 'free some space on its disk'
        : 'check its owner and mode, or name another folder with --state DIR',
      cause,
    });
  }
}

/**
 * The same for a service that can do its work without its disk: where the folder is there already, a disk that is full
 * or read-only is no reason not to start.
 * @returns what it does not take writes for; undefined where all is well.
 * @throws OperationError as `makeStateFolder`, where there is no such folder yet.
 */
export async function openStateFolder(path: string): Promise<OperationError | undefined> {
  try {
    await makeStateFolder(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperationError) || !(await isFolder(resolve(path)).catch(() => false))) throw error;
    return error;
  }
}

/**
 * Makes a folder for files that a person asked for, readable as their umask has it.
 * @throws OperationError `state-unwritable`, `disk-full`, naming the folder.
 */
export async function makeOutputFolder(path: string): Promise<void> {
  try {
    await makeFolder(path, 0o777);
  } catch (cause) {
    const code = ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(cause) ?? '') ? 'disk-full' : 'state-unwritable';
    throw new OperationError({ code, op: 'make', subject: `folder ${path}`, message: messageOf(cause), cause });
  }
}

/**
 * Makes a folder, parents included; nothing happens if it is there.
 * Not by `mkdir(path, { recursive: true })`: in a file system that refuses names it does not know, such as /proc, that
 * call never returns (seen in Node 20.20: it retries on ENOENT as if a parent were missing).
 * @param mode permission bits of what is made; for its owner alone unless told.
 * @throws the system's error.
 */
export async function makeFolder(folder: string, mode = 0o700): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(folder); !(await isFolder(at)); at = dirname(at)) missing.push(at);
  for (const path of missing.reverse()) {
    await mkdir(path, { mode }).catch((error) => {
      // Made by somebody else since we looked.
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT' && path !== dirname(path)) return false;
    throw error;
  }
}

/**
 * The folder a service keeps its state in, absolute: `--state`, else the first of systemd's `$STATE_DIRECTORY`, else
 * `./.vedette`. Does not make it.
 */
export function stateDirFor(cliOption: string | undefined, env: Environment): string {
  const fromSystemd = env.STATE_DIRECTORY?.split(':')[0];
  const chosen = [cliOption, fromSystemd].find((candidate) => candidate !== undefined && candidate !== '');
  return resolve(chosen ?? '.vedette');
}
