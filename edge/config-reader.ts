import { Worker } from 'node:worker_threads';
import type { DeepReadonly, Environment } from '../base/config.js';
import { freezeDeep } from '../base/deep-freeze.js';
import { InvariantError, OperationError, type OperationErrorOptions } from '../base/errors.js';
import type { EdgeFile } from './config.js';

/** What the thread is given. */
export type ConfigOrder = { readonly path: string; readonly env: Environment };

/** What it says, once. */
export type ConfigReply = { readonly file: DeepReadonly<EdgeFile> } | { readonly fault: OperationErrorOptions };

/**
 * Reads the configuration of a node in a thread of its own, which is gone afterwards. The reader of YAML files and the
 * shape of everything a configuration may say are needed once, and would stay for as long as the node runs.
 * @param workerUrl the thread's module, compiled; beside this one unless told (tests run from sources).
 * @throws OperationError `config-invalid` with every fault at once, `config-unreadable`.
 */
export async function readEdgeFile(
  order: ConfigOrder,
  workerUrl = new URL('./config-worker.js', import.meta.url),
): Promise<DeepReadonly<EdgeFile>> {
  const worker = new Worker(workerUrl, { workerData: order, name: 'config' });
  const reply = await new Promise<ConfigReply>((resolve, reject) => {
    let said: ConfigReply | undefined;
    worker.once('message', (message: ConfigReply) => {
      said = message;
    });
    worker.once('error', reject);
    // Not before: only then its memory is free for what comes next.
    worker.once('exit', (code) => {
      if (said === undefined) reject(new InvariantError(`the thread that reads the configuration ended: ${code}`));
      else resolve(said);
    });
  });
  if ('fault' in reply) throw new OperationError(reply.fault);
  freezeDeep(reply.file);
  return reply.file;
}
