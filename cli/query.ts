import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from './command-context.js';
import { numberBetween, wholeNumber } from './option-values.js';

/** `vedette query`: asks the replicas of a fleet. Times and widths are read when the command runs. */
export function registerQuery(program: Command, context: CommandContext): void {
  program
    .command('query')
    .description("ask every node's records: count them, list them, draw them by hour")
    .addOption(new Option('--count', 'only how many match').conflicts('histogram'))
    .option('--histogram <width>', 'how many match by minute, hour, day, or 10m, 6h, 2d')
    .option('--limit <n>', 'rows of a list, newest first', wholeNumber(1, 10_000), 50)
    .option('--node <node>', 'records of this node only')
    .option('--camera <camera>', 'of this camera')
    .option('--kind <kind>', 'of this kind: track, alert, look, audit, open, loss ... (default: all)')
    .option('--event <event>', 'of a track: new, update or end; of an alert: raise or clear')
    .option('--label <label>', 'of this label: person, car ...')
    .option('--zone <zone>', 'in this zone')
    .option('--rule <rule>', 'alerts of this rule')
    .option('--score-min <score>', 'with at least this score', numberBetween(0, 1))
    .option('--from <time>', 'not before: 2026-03-01, 2026-03-01T08:30, -2h, -90s')
    .option('--to <time>', 'not after, in the same ways')
    .option('--replicas <n>', 'replicas that are to agree, or all', replicaCount, 2)
    .option('--token <file>', 'what you have seen so far, read and written: no later answer shows less')
    .option('--verify', 'have the replicas read their files again, and mend what is rotten, before they answer')
    .option('--fast', 'no newer than the token, and nobody waits for a replica that is behind')
    .option('--broker <url...>', 'brokers in order of preference (default: of the demo, else mqtt://127.0.0.1:1883)')
    .option('--config <file>', 'take brokers, root and authority from the section site of this file')
    .option('--user <name>', 'MQTT user, of role operator or reader', 'operator')
    .option('--password-file <file>', 'file with its password (default: of the demo in the state folder)')
    .option('--state <dir>', 'state folder of the demo (default: $STATE_DIRECTORY, else ./.vedette)')
    .option('--timeout <s>', 'longest wait for answers, seconds', numberBetween(0.1, 60), 3)
    .option('--json', 'one JSON object: the answer, how sure it is, what is missing')
    .addHelpText(
      'after',
      `
An answer is verified (they read their files again for it, and agree), confirmed (two replicas say the same), majority (most
of all copies, against others), single (one replica alone) or in conflict; and it is complete, or names what is missing and
why. Where replicas differ, those in doubt read their files again by themselves. Standard output has the answer alone.

Records are doubtful where most of the nodes that audit its results doubt the node they are of (edge.sharing.audits), from the
first disputed one on: marked in the table, drawn as ? in bars, counted below the answer with who doubts whom and why.

Examples:
  vedette query --count
  vedette query --label person --event new --from -1h
  vedette query --kind alert --from -1d
  vedette query --histogram hour --camera front --from -1d
  vedette query --count --token seen.token        never less than the last time
  vedette query --replicas all --json | jq .confidence
  vedette query --label person --json | jq '.rows[] | select(.doubtful)'
  vedette query --count --replicas all --verify   is every copy on disk what it was?

Exit codes: 0 the answer is complete, 75 it is not (or nobody answered), 69 no broker, 64 wrong call, 78 credentials.`,
    )
    .action(async (options: import('./query/query-run.js').QueryCommandOptions) => {
      const { runQueryCommand } = await import('./query/query-run.js');
      await runQueryCommand(options, context);
    });
}

function replicaCount(text: string): number | 'all' {
  if (text === 'all') return 'all';
  try {
    return wholeNumber(1, 64)(text);
  } catch {
    throw new InvalidArgumentError('allowed: a whole number, 1 to 64, or all');
  }
}
