import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { numberBetween } from './option-values.js';

/** `vedette command`: asks a node to do something. */
export function registerCommand(program: Command, context: CommandContext): void {
  program
    .command('command')
    .description('ask a node or a monitor to do something, and wait for its answer')
    .argument('<node>', 'the node or monitor, as in its topics')
    .argument('<verb>', 'ping, rebirth, snapshot, pause, resume, set-threshold; of a monitor ping, restart')
    .option('--args <json>', 'arguments as one JSON object', '{}')
    .option('--broker <url>', 'broker of the site', 'mqtt://127.0.0.1:1883')
    .option('--as <name>', 'operator or monitor that asks', 'operator')
    .option('--password-file <file>', 'its password (mode 0600)')
    .option('--ca-file <file>', 'PEM file of the authority that signed the broker')
    .option('--root <name>', 'first level of every topic', 'vedette')
    .option('--timeout <s>', 'how long to wait for the answer', numberBetween(1, 120), 15)
    .option('--json', 'the answer as it came, one JSON object')
    .addHelpText(
      'after',
      `
A timeout means that it is unknown whether the node did it: sending it again could do it twice.

Exit codes: 0 done, 64 the node does not know such a command or arguments, 69 no such camera, label or node, 75 refused for
now or no answer.

The demo keeps the operator's password in its state folder.

Examples:
  vedette command cam1 ping --password-file .vedette/credentials/operator.password
  vedette command cam1 snapshot --args '{"camera":"front"}' --password-file operator.password
  vedette command cam1 pause --args '{"camera":"front","ttlS":600}' --password-file operator.password
  vedette command monitor restart --args '{"node":"cam1"}' --timeout 120 --password-file operator.password`,
    )
    .action(async (node: string, verb: string, options: import('./command/command-run.js').CommandOptions) => {
      const { runCommandCommand } = await import('./command/command-run.js');
      await runCommandCommand(node, verb, options, context);
    });
}
