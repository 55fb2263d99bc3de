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
Settings of the environment (VEDETTE_EDGE_NODE, ...) count, as they would when the service starts. The files it names
are looked at too: one that is here and cannot be used is a fault (exit code 78); one that is not here, and a label that
the model does not know, is a warning, for the file may be meant for another machine. Relative paths begin in the folder
the service is started in.

Examples:
  vedette config check /etc/vedette/site.yaml
  vedette config check --json site.yaml | jq '.problems[].path'`,
    )
    .action(async (file: string, options: CheckOptions) => {
      const { runConfigCheck } = await import('./config/config-check.js');
      await runConfigCheck(file, options.json === true, context);
    });
  config
    .command('reference')
    .description('every setting with its default, what is allowed and why, as Markdown')
    .option('--json', 'one JSON object: [{section, settings: [{path, defaultValue, allowed, description}]}]')
    .addHelpText('after', '\nExamples:\n  vedette config reference | less\n  vedette config reference | grep zones')
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { listSettings, renderReference } = await import('./config/config-reference.js');
      if (json === true) context.out.writeJson(listSettings());
      else context.out.write(renderReference(listSettings()));
    });
}
