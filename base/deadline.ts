import type { Clock } from './clock.js';

/**
 * What `work` gives; rejects with what `late` makes after `limitMs`, and with the signal's reason when it aborts. The
 * work is not stopped by this, only no longer waited for: a driver that hangs in a system call answers to nothing.
 */
export async function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  work: Promise<T>,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  // Once nobody waits for it any more, its failure must not end the process.
  work.catch(() => {});
  let giveUp = () => {};
  const given = new Promise<never>((_, reject) => {
    const cancel = clock.after(limitMs, () => reject(late()));
    const onAbort = () => reject(signal?.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    giveUp = () => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    };
  });
  try {
    return await Promise.race([work, given]);
  } finally {
    giveUp();
  }
}
