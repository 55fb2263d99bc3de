import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { CONFIG_HELP, STATE_HELP } from './service/service-options.js';

/** `vedette edge`. */
export function registerEdge(program: Command, context: CommandContext): void {
  program
    .command('edge')
    .description('run a node: watches its cameras and publishes what it sees')
    .option('--config <file>', CONFIG_HELP)
    .option('--state <dir>', STATE_HELP)
    .addHelpText(
      'after',
      `
Examples:
  vedette edge --config /etc/vedette/site.yaml
  VEDETTE_EDGE_LOG_LEVEL=debug vedette edge --config cam1.yaml --state /tmp/cam1`,
    )
    .action(async (options: { readonly config?: string; readonly state?: string }) => {
      const { runEdgeCommand } = await import('./service/edge-run.js');
      await runEdgeCommand(options, context);
    });
}
