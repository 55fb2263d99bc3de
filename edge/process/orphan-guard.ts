import { spawn } from 'node:child_process';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { LIFE_VARIABLE } from './left-behind.js';

/** What the orphan is given to end by itself, s; it takes 2 s at most where its event loop turns. */
const GRACE_S = 3;

/**
 * Waits for the end of its input. A word before it says that all is well; the end alone, that whoever held the other end
 * was killed. Then goes whoever carries the mark, the orphan and what it has started; a process that has its number by
 * then and is not ours does not.
 */
const SCRIPT = `trap '' HUP INT TERM
read -r _ && exit
sleep ${GRACE_S}
[ -d /proc/self ] || exec kill -9 "$1"
for one in /proc/[0-9]*; do
  grep -qs "$2" "$one/environ" && kill -9 "\${one#/proc/}"
done`;

export type Guarded = {
  readonly pid: number;
  /** The value of LIFE_VARIABLE in its environment: letters, digits and dashes. */
  readonly mark: string;
};

/**
 * Ends a child process, and what it has started, when this process is gone and they do not end by themselves, even while
 * the child is blocked: a model that never returns would otherwise outlive a killed node and burn a core until the next
 * boot. It is a shell that waits on a pipe from here: 1 MiB, where a thread in the child that looks at its parent's number
 * took 9.5.
 * @returns calls the guard off: the child has ended.
 */
export function guardAgainstOrphanhood({ pid, mark }: Guarded, log: Log): () => void {
  const warn = (error: unknown) => log.warn('no guard over the vision process', { error: messageOf(error) });
  try {
    const args = ['-c', SCRIPT, 'vedette-guard', String(pid), `${LIFE_VARIABLE}=${mark}`];
    const guard = spawn('/bin/sh', args, { stdio: ['pipe', 'ignore', 'ignore'] });
    guard.on('error', warn);
    // It may be gone before us: then nobody reads.
    guard.stdin.on('error', () => {});
    // Only what is guarded keeps this process going.
    guard.unref();
    return () => guard.stdin.end('over\n');
  } catch (error) {
    warn(error);
    return () => {};
  }
}
