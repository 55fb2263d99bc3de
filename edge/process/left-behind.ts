import { readdir, readFile } from 'node:fs/promises';

/** A vision process carries this variable, and so does what it starts. */
export const LIFE_VARIABLE = 'VEDETTE_LIFE';

/**
 * Ends what a vision process that is gone has left behind. A capture program that waits for its camera writes nothing, so
 * it would not notice, and hold the camera against the next one. They are found by the mark in their environment
 * (proc(5)); what belongs to another user or has just ended is passed over.
 * @param mark the value of LIFE_VARIABLE; of one life only.
 * @returns the processes ended; none where there is no /proc. Never throws.
 */
export async function endLeftBehind(mark: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const marked = await Promise.all(pids.map((pid) => isMarked(pid, mark)));
  return pids.filter((pid, at) => marked[at] === true && end(pid));
}

async function isMarked(pid: number, mark: string): Promise<boolean> {
  try {
    const variables = await readFile(`/proc/${pid}/environ`, 'latin1');
    return variables.split('\0').includes(`${LIFE_VARIABLE}=${mark}`);
  } catch {
    return false;
  }
}

function end(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
