import { spawn } from 'node:child_process';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';

/** What the orphan is given to end by itself, s; it takes 2 s at most where its event loop turns. */
const GRACE_S = 3;

/**
 * Waits for the end of its input. A word before it says that all is well; the end alone, that whoever held the other end
 * was killed. Whoever has the number by then and is not ours is let be.
 */
const SCRIPT = `trap '' HUP INT TERM
read -r _ && exit
sleep ${GRACE_S}
[ -d /proc/self ] && ! grep -q "$2" "/proc/$1/cmdline" && exit
kill -9 "$1"`;

export type Guarded = {
  readonly pid: number;
  /** Part of its command line: letters and dashes. */
  readonly name: string;
};

/**
 * Ends a child process when this process is gone and the child does not end by itself, even while it is blocked: a model
 * that never returns would otherwise outlive a killed node and burn a core until the next boot. It is a shell that waits
 * on a pipe from here: 1 MiB, where a thread in the child that looks at its parent's number took 9.5.
 * @returns calls the guard off: the child has ended.
 */
export function guardAgainstOrphanhood({ pid, name }: Guarded, log: Log): () => void {
  const warn = (error: unknown) => log.warn('no guard over the vision process', { error: messageOf(error) });
  try {
    // A pattern that is not what it looks for: who goes by command lines must not find two of that name.
    const pattern = `${name.slice(0, -1)}[${name.slice(-1)}]`;
    const args = ['-c', SCRIPT, 'vedette-guard', String(pid), pattern];
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
