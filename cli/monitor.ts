import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import type { QuestionOptions } from './monitor/fleet-question.js';
import type { MaintenanceOptions } from './monitor/monitor-questions.js';
import { wholeNumber } from './option-values.js';
import { CONFIG_HELP, STATE_HELP } from './service/service-options.js';

/** `vedette monitor`: the monitor itself, and questions to those that run. */
export function registerMonitor(program: Command, context: CommandContext): void {
  const monitor = program
    .command('monitor')
    .description('run a monitor: brings dead services back, never touches healthy ones; ask what it did and why')
    .option('--config <file>', CONFIG_HELP)
    .option('--state <dir>', STATE_HELP)
    .option('--dry-run', 'decide everything, say what would be done, do nothing')
    .option('--observe', 'only watch: ask no board')
    .addHelpText(
      'after',
      `
Examples:
  vedette monitor --config /etc/vedette/site.yaml
  vedette monitor --config /etc/vedette/site.yaml --dry-run
  vedette monitor status
  vedette monitor explain cam1
  vedette monitor maintenance on cam1 --for 3600 --reason "new lens" --user alice --password-file alice.password`,
    )
    .action(async (options: import('./service/monitor-run.js').MonitorRunOptions) => {
      const { runMonitorCommand } = await import('./service/monitor-run.js');
      await runMonitorCommand(options, context);
    });
  question(monitor.command('status'), 'what every monitor believes, and whether its restarts help', [
    'status',
    'status --broker mqtt://192.168.1.10 --json',
  ]).action(async (options: QuestionOptions) => {
    const { monitorStatus } = await import('./monitor/monitor-questions.js');
    await monitorStatus(options, context);
  });
  question(monitor.command('incidents'), 'the open or last incident of every node', [
    'incidents',
    "incidents --json | jq '.incidents[].cause'",
  ]).action(async (options: QuestionOptions) => {
    const { monitorIncidents } = await import('./monitor/monitor-questions.js');
    await monitorIncidents(options, context);
  });
  question(monitor.command('explain'), 'why a monitor acted on a node or did not, rule by rule', [
    'explain cam1',
    'explain broker --config /etc/vedette/site.yaml',
  ])
    .argument('<node>', 'node or broker of the inventory')
    .action(async (node: string, options: QuestionOptions) => {
      const { monitorExplain } = await import('./monitor/monitor-questions.js');
      await monitorExplain(node, options, context);
    });
  question(monitor.command('maintenance'), 'work on a node without anybody restarting it', [
    'maintenance on cam1 --for 3600 --reason "new lens" --user alice --password-file alice.password',
    'maintenance off cam1 --user alice --password-file alice.password',
  ])
    .argument('<on|off>', 'begin or end')
    .argument('<node>', 'node of the inventory')
    .option('--for <seconds>', 'how long', wholeNumber(1, 604_800))
    .option('--reason <text>', 'why, for the others')
    .action(async (what: string, node: string, options: MaintenanceOptions) => {
      const { monitorMaintenance } = await import('./monitor/monitor-questions.js');
      await monitorMaintenance(what, node, options, context);
    });
}

function question(command: Command, description: string, examples: readonly string[]): Command {
  return command
    .description(description)
    .option('--config <file>', 'configuration with the brokers; mqtt://127.0.0.1:1883 without one')
    .option('--broker <url>', 'another broker')
    .option('--user <name>', 'your own identity at the broker; never that of a running service')
    .option('--password-file <file>', 'its password, mode 0600')
    .option('--json', 'one JSON object')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  vedette monitor ${line}`).join('\n')}`);
}
