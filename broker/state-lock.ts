import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperationError, systemCodeOf } from '../base/errors.js';

export type StateLock = { readonly release: () => Promise<void> };

/**
 * Takes a state folder for this process alone, by a file that names it. A lock whose process is gone (killed, or the
 * machine went down) is taken over: a process is known by its number and its start time, since numbers are used again.
 * @throws OperationError `state-locked` naming the other process; `state-unwritable` if the folder cannot be written.
 */
export async function lockStateFolder(folder: string): Promise<StateLock> {
  const path = join(folder, 'lock');
  const mine = `${process.pid} ${await startTimeOf(process.pid)}\n`;
  const draft = join(folder, `.lock.${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, mine, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new OperationError({
      code: systemCodeOf(error) === 'ENOSPC' ? 'disk-full' : 'state-unwritable',
      op: 'lock',
      subject: `state folder ${folder}`,
      message: systemCodeOf(error) ?? 'failed',
      hint: 'choose a folder this user can write with --state DIR',
      cause: error,
    });
  }
  try {
    // link() makes the lock appear with its content or not at all, and fails if there is one.
    for (let attempt = 0; attempt < 3; attempt++) {
      const taken = await link(draft, path).then(
        () => true,
        (error: unknown) => {
          if (systemCodeOf(error) === 'EEXIST') return false;
          throw error;
        },
      );
      if (taken) return { release: () => releaseLock(path, mine) };
      await removeIfStale(folder, path);
    }
  } finally {
    await unlink(draft).catch(() => {});
  }
  throw lockedBy(folder, 'another broker');
}

async function removeIfStale(folder: string, path: string): Promise<void> {
  const content = await readFile(path, 'utf8').catch(() => undefined);
  if (content === undefined) return;
  if (await isAlive(content)) throw lockedBy(folder, `process ${content.split(' ')[0]}`);
  // Moved aside first, and put back if it turns out to be the fresh lock of somebody who was faster.
  const aside = join(folder, `.lock.${randomBytes(6).toString('hex')}`);
  await rename(path, aside).catch(() => {});
  const moved = await readFile(aside, 'utf8').catch(() => undefined);
  if (moved !== undefined && moved !== content) await link(aside, path).catch(() => {});
  await unlink(aside).catch(() => {});
}

function lockedBy(folder: string, who: string): OperationError {
  return new OperationError({
    code: 'state-locked',
    op: 'lock',
    subject: `state folder ${folder}`,
    message: `in use by ${who}`,
    hint: 'stop the other broker, or give this one its own folder with --state DIR',
  });
}

async function isAlive(content: string): Promise<boolean> {
  const [pidText = '', started = ''] = content.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  return (await startTimeOf(pid)) === started;
}

// Field 22 of /proc/PID/stat; the second field, the name, may hold spaces and parentheses. `gone` where there is none.
async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return pid === process.pid ? 'unknown' : 'gone';
  const state = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie holds nothing any more.
  return state[0] === 'Z' ? 'gone' : (state[19] ?? 'unknown');
}

async function releaseLock(path: string, mine: string): Promise<void> {
  const content = await readFile(path, 'utf8').catch(() => undefined);
  if (content === mine) await unlink(path).catch(() => {});
}
