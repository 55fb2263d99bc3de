import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';

type DoctorOptions = { readonly json?: boolean; readonly state?: string };

/** `vedette doctor`: tells whether this machine has what Vedette needs. */
export function registerDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('check whether this machine has what Vedette needs')
    .option('--state <dir>', 'state folder to check (default: $STATE_DIRECTORY, else ./.vedette)')
    .option('--json', 'one JSON object: {ok, findings: [{check, verdict, detail, hint?}]}')
    .addHelpText(
      'after',
      `
Exit codes: 0 nothing keeps Vedette from working (there may be warnings), 69 something does.

Examples:
  vedette doctor
  vedette doctor --json | jq '.findings[] | select(.verdict != "ok")'`,
    )
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('./doctor/examination.js');
      await runDoctor(options, context);
    });
}
