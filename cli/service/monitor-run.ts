import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../base/config.js';
import { openLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { ServiceNotify } from '../../base/service-notify.js';
import { softwareVersion } from '../../base/software-version.js';
import { MonitorFile } from '../../monitor/config.js';
import { runMonitor } from '../../monitor/main.js';
import { type CommandContext, usageError } from '../command-context.js';
import { requireConfig, serviceStateDir } from './service-options.js';

export type MonitorRunOptions = {
  readonly config?: string;
  readonly state?: string;
  readonly dryRun?: boolean;
  readonly observe?: boolean;
};

/** Runs a monitor until it is told to stop. */
export async function runMonitorCommand(options: MonitorRunOptions, context: CommandContext): Promise<void> {
  const path = requireConfig('monitor', options.config);
  if (options.dryRun && options.observe)
    throw usageError('monitor', '--dry-run and --observe are two different things');
  const file = await loadConfig({ path, schema: MonitorFile, env: context.env });
  const { env, clock } = context;
  const log = openLog('monitor', file.monitor.logLevel);
  const invocation = env.INVOCATION_ID;
  await runMonitor(file, {
    signal: context.signal,
    log,
    clock,
    notify: new ServiceNotify({ env, clock, log }),
    random: new Random(randomBytes(16).toString('hex')),
    stateDir: serviceStateDir(options.state, context),
    version: softwareVersion(),
    ...(invocation === undefined ? {} : { invocation }),
    ...(options.dryRun ? { mode: 'dry-run' as const } : options.observe ? { mode: 'observe' as const } : {}),
  });
}
