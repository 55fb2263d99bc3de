import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';

/** `vedette rules`: looks at the rules of a node without running it. */
export function registerRules(program: Command, context: CommandContext): void {
  const rules = program.command('rules').description('try the rules of a node');
  rules
    .command('test')
    .description('when rules would have raised and cleared alerts, over something recorded')
    .argument('<file>', "the node's configuration, with its rules")
    .requiredOption('--replay <records>', 'what was recorded: a file, - for standard input, or a folder')
    .option('--rule <rule...>', 'these rules only')
    .option('--json', 'one JSON object: {node, fromMs, toMs, news, rules, evaluations, ...}')
    .addHelpText(
      'after',
      `
RECORDS are lines of records (a segment, gzip or not), the output of vedette query --json, the folder "records" of a node,
or what mosquitto_sub -v wrote. Only the last has readings of sensors and states of cameras: records have neither, and a
rule that asks for a sensor then cannot tell. Without states of cameras, they are taken as seeing. Nobody is told.

Examples:
  vedette query --node cam1 --limit 10000 --json > day.json && vedette rules test node.yaml --replay day.json
  vedette rules test node.yaml --replay /var/lib/vedette-edge/cam1/edge/cam1/records
  mosquitto_sub -v -t 'vedette/1/node/cam1/#' > day.txt
  vedette rules test node.yaml --replay day.txt --rule too-hot --json | jq .rules

Exit codes: 0 done, 64 wrong call, 69 no records, 78 configuration or a rule with a fault.`,
    )
    .action(async (file: string, options: import('./rules/rules-test.js').RulesTestOptions) => {
      const { runRulesTest } = await import('./rules/rules-test.js');
      await runRulesTest(file, options, context);
    });
}
