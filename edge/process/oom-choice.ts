import { writeFileSync } from 'node:fs';

/** The most there is: as if the process held the whole memory besides its own, so that no other one is ever the larger. */
const SCORE = '1000';

/**
 * Where memory runs out, the kernel ends the largest process, and while a model is being loaded that may be the node's
 * main process. From now on this child of ours goes first, and what it starts. To be called right after the start: a
 * young process that is still to raise its own score is small, and its parent would be taken in its place. Raising the
 * score of another process of the same user needs no right.
 */
export function letGoFirstWithoutMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, SCORE);
  } catch {
    // No Linux, no /proc here, or it has ended already: the kernel chooses by size alone.
  }
}
