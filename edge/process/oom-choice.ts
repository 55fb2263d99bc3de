import { writeFileSync } from 'node:fs';

/** Of -1000 to 1000, where 1000 is the whole memory: with half of it added, no main process is ever the larger one. */
const SCORE = '500';

/**
 * Where memory runs out, the kernel ends the largest process, and while a model is being loaded that may be the node's
 * main process. This one, and what it starts, goes first from now on. Raising one's own score needs no right.
 */
export function goFirstWithoutMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', SCORE);
  } catch {
    // No Linux, or no /proc here: the kernel chooses by size alone.
  }
}
