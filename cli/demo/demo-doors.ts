import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.js';
import { makeFolder } from '../../base/state-folder.js';
import { hostKeyFingerprint, makeKeyPair } from '../../firmware-sim/board/ssh-door.js';
import { unwritable } from './credentials.js';
import type { DemoDoor, DemoDoors, DemoOptions } from './demo-plan.js';

/**
 * Makes the SSH keys of the demo's boards and of its monitor, once, and finds a free port for each door: the monitor's
 * inventory has to name them before anything runs.
 * @throws OperationError `state-unwritable`.
 */
export async function openDoors({ nodes, stateDir }: DemoOptions): Promise<DemoDoors> {
  const folder = join(stateDir, 'ssh');
  try {
    await makeFolder(folder);
    const monitor = await keyPair(join(folder, 'monitor'));
    const byNode = new Map<string, DemoDoor>();
    for (let i = 1; i <= nodes; i++) {
      const { file, privateKey } = await keyPair(join(folder, `cam${i}.host`));
      byNode.set(`cam${i}`, { port: await freePort(), hostKey: hostKeyFingerprint(privateKey), hostKeyFile: file });
    }
    return { byNode, keyFile: monitor.file, publicKeyFile: `${monitor.file}.pub` };
  } catch (error) {
    throw unwritable(stateDir, error);
  }
}

async function keyPair(file: string): Promise<{ readonly file: string; readonly privateKey: string }> {
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  if (kept !== undefined && kept !== '') return { file, privateKey: kept };
  const { privateKey, publicKey } = makeKeyPair('vedette-demo');
  await writeFileAtomic(`${file}.pub`, `${publicKey}\n`);
  await writeFileAtomic(file, privateKey);
  return { file, privateKey };
}

// Free now; should somebody else take it before the board does, the board says so and is started again.
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
