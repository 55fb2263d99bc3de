import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { CONFIG_HELP, STATE_HELP } from './service/service-options.js';

/** `vedette monitor`. */
export function registerMonitor(program: Command, context: CommandContext): void {
  program
    .command('monitor')
    .description('run a monitor: watches the births, wills and heartbeats of the nodes')
    .option('--config <file>', CONFIG_HELP)
    .option('--state <dir>', STATE_HELP)
    .addHelpText('after', '\nExamples:\n  vedette monitor --config /etc/vedette/site.yaml')
    .action(async (options: { readonly config?: string; readonly state?: string }) => {
      const { runMonitorCommand } = await import('./service/monitor-run.js');
      await runMonitorCommand(options, context);
    });
}
