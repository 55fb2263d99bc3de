import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { makeStateFolder } from '../../base/state-folder.js';
import { parseSource } from '../../edge/capture/config.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import type { DemoOptions } from './demo-plan.js';

/**
 * Looks at what a person most often gets wrong before any process is started.
 * @returns the port the broker is to listen on.
 * @throws OperationError `state-unwritable` (73), `model-missing`, `model-invalid`, `manifest-invalid` or
 * `config-invalid` (78), `port-busy` (69)
 */
export async function checkDemo(options: DemoOptions): Promise<number> {
  await makeStateFolder(options.stateDir);
  await checkModel(options.model);
  if (options.camera !== undefined) await checkCamera(options.camera);
  return options.brokerUrl === undefined ? takePort(options.port) : 0;
}

async function checkModel(given: string | undefined): Promise<void> {
  const path = given ?? (await import('../../edge/main.js')).BUILT_IN_MODEL;
  // A node tells the same, but only in its log, and once for every node.
  if (await isThere(path)) return void (await resolveModel(path));
  throw new OperationError({
    code: 'model-missing',
    op: 'load model',
    subject: path,
    message: 'no such file',
    hint:
      given === undefined
        ? 'the built-in model is missing from this installation; give another one with --model FILE.onnx'
        : 'vedette model list shows models that vedette model pull NAME downloads; without --model the built-in one runs',
  });
}

async function checkCamera(source: string): Promise<void> {
  const config = parseSource(source);
  if (config.driver !== 'file' || (await isThere(config.path))) return;
  throw new OperationError({
    code: 'config-invalid',
    op: 'open',
    subject: `camera ${source}`,
    message: 'no such file or folder',
    hint: 'a picture, a folder of pictures, an .mjpeg or a video; without --camera simulated scenes are shown',
  });
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

// Listening is the only honest test; between it and the broker's own listen nobody else is likely to take the port.
function takePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(portError(port, error)));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}

function portError(port: number, error: unknown): OperationError {
  const code = systemCodeOf(error);
  const isForbidden = code === 'EACCES';
  return new OperationError({
    code: 'port-busy',
    op: 'listen on',
    subject: `127.0.0.1:${port}`,
    message: code === 'EADDRINUSE' ? 'another program listens there' : isForbidden ? 'not allowed' : messageOf(error),
    hint: 'take another port: vedette demo --port 2883 (0 takes any free one)',
    cause: error,
  });
}
