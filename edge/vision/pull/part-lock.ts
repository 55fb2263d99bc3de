import { open, readFile, rm } from 'node:fs/promises';
import { OperationError, systemCodeOf } from '../../../base/errors.js';

/**
 * Keeps a second process away from the same download: two writers of one part file would tear it.
 * The lock file holds a process id; one whose process is gone (kill -9, power cut) is taken over.
 * @returns a function that gives the lock back.
 * @throws OperationError `state-locked` while another process downloads the same file.
 */
export async function lockPart(targetPath: string): Promise<() => Promise<void>> {
  const path = `${targetPath}.part.lock`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    }
    const holder = await readHolder(path);
    if (holder !== undefined && isAlive(holder)) throw locked(targetPath, holder);
    await rm(path, { force: true });
  }
  throw locked(targetPath, undefined);
}

async function readHolder(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 asks whether the process exists and sends nothing.
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) === 'EPERM';
  }
}

function locked(targetPath: string, holder: number | undefined): OperationError {
  return new OperationError({
    code: 'state-locked',
    op: 'pull',
    subject: targetPath,
    message: holder === undefined ? 'another download of it is running' : `process ${holder} is downloading it`,
    hint: 'wait for it to end',
  });
}
