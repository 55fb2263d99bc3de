import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from '../base/config.js';
import { OperationError } from '../base/errors.js';
import { EdgeFile } from './config.js';
import type { ConfigOrder, ConfigReply } from './config-reader.js';

// The thread that reads a node's configuration; started by config-reader.ts. Anything but a fault of the file ends it.

async function read({ path, env }: ConfigOrder): Promise<ConfigReply> {
  try {
    return { file: await loadConfig({ path, schema: EdgeFile, env }) };
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const { code, op, subject, reason: message, hint } = error;
    return { fault: { code, op, subject, message, ...(hint === undefined ? {} : { hint }) } };
  }
}

parentPort?.postMessage(await read(workerData));
