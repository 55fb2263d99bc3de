import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';

type CheckOptions = { readonly json?: boolean };

/** `vedette config`: looks at configuration files without starting anything. */
export function registerConfig(program: Command, context: CommandContext): void {
  const config = program.command('config').description('look at configuration files');
  config
    .command('check')
    .description('check a configuration file, all sections and all faults at once')
    .argument('<file>', 'YAML file with the sections site, broker, edge, monitor, or some of them')
    .option('--json', 'one JSON object: {ok, file, sections, problems, warnings}')
    .addHelpText(
      'after',
      `
Settings of the environment (VEDETTE_EDGE_NODE, ...) count, as they would when the service starts.

Examples:
  vedette config check /etc/vedette/site.yaml
  vedette config check --json site.yaml | jq '.problems[].path'`,
    )
    .action(async (file: string, options: CheckOptions) => {
      const { runConfigCheck } = await import('./config/config-check.js');
      await runConfigCheck(file, options.json === true, context);
    });
}
