import { randomBytes } from 'node:crypto';
import { openLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { ServiceNotify } from '../../base/service-notify.js';
import { keepHeapSmall } from '../../base/small-heap.js';
import { softwareVersion } from '../../base/software-version.js';
import { readEdgeFile } from '../../edge/config-reader.js';
import type { CommandContext } from '../command-context.js';
import { requireConfig, serviceStateDir } from './service-options.js';

/** Runs a node until it is told to stop. */
export async function runEdgeCommand(
  options: { readonly config?: string; readonly state?: string },
  context: CommandContext,
): Promise<void> {
  const path = requireConfig('edge', options.config);
  const file = await readEdgeFile({ path, env: { ...context.env } });
  // After that thread, and before the modules of a node: loading them makes the heap grow to what is never needed again.
  keepHeapSmall();
  const { runEdge } = await import('../../edge/main.js');
  const { node, logLevel } = file.edge;
  const { env, clock } = context;
  const log = openLog('edge', logLevel);
  const invocation = context.env.INVOCATION_ID;
  const runtimeDir = context.env.RUNTIME_DIRECTORY?.split(':')[0];
  await runEdge(file, {
    signal: context.signal,
    log,
    clock,
    notify: new ServiceNotify({ env, clock, log }),
    random: new Random(randomBytes(16).toString('hex')),
    stateDir: serviceStateDir(options.state, context, 'edge', node),
    version: softwareVersion(),
    simCommand: [...context.self, 'sim', 'camera'],
    simSensorCommand: [...context.self, 'sim', 'sensors'],
    ...(invocation === undefined ? {} : { invocation }),
    ...(runtimeDir === undefined || runtimeDir === '' ? {} : { runtimeDir }),
  });
}
