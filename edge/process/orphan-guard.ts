import { Worker } from 'node:worker_threads';

/** The guard holds a number and a timer; measured with these limits it costs the process 9.5 MiB, most of it the engine. */
const LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

/**
 * Ends this process when its parent is gone and it does not end by itself, even while `session.run` blocks its event
 * loop: a model that never returns would otherwise outlive a killed node and burn a core until the next boot. A thread
 * of its own looks at the parent's id, which the kernel changes when the parent dies. It keeps nothing alive.
 */
export function guardAgainstOrphanhood(): void {
  new Worker(new URL('./orphan-watch.js', import.meta.url), { resourceLimits: LIMITS }).unref();
}
