import { Command, CommanderError } from 'commander';
import { softwareVersion } from '../base/software-version.js';
import { registerBroker } from './broker.js';
import { registerCamera } from './camera.js';
import { registerCommand } from './command.js';
import type { CommandContext } from './command-context.js';
import { registerConfig } from './config.js';
import { registerDemo } from './demo.js';
import { registerDoctor } from './doctor.js';
import { registerEdge } from './edge.js';
import { reportFailure } from './failure.js';
import { registerModel } from './model.js';
import { registerMonitor } from './monitor.js';
import { registerQuery } from './query.js';
import { registerRules } from './rules.js';
import { registerSim } from './sim.js';

/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;

/**
 * Builds the whole command line. Command files are light: what a command does is imported when it is called, so that
 * `--help` is fast and a broken native library of one room leaves the commands of the others alone.
 */
export function buildProgram(context: CommandContext): Command {
  const program = new Command('vedette')
    .description('Self-healing object detection on a handful of small boards.')
    .version(softwareVersion(), '-V, --version', 'print the version')
    .option('--debug', 'tell where an error comes from (also VEDETTE_DEBUG=1)')
    // `broker --json` and `broker passwd --json` are two options: what follows a subcommand is its own.
    .enablePositionalOptions()
    .helpOption('-h, --help', 'show help')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
      // Commander says "error: ...", maybe with a "(Did you mean ...?)" line; ours begin with our name.
      outputError: (text, write) =>
        write(onOneLine(text.replace(/^error: /, `${context.err.paint('red', 'vedette:')} `))),
    })
    .addHelpText('after', `\n${EXAMPLES}`);
  registerDemo(program, context);
  registerBroker(program, context);
  registerEdge(program, context);
  registerMonitor(program, context);
  registerQuery(program, context);
  registerSim(program, context);
  registerCamera(program, context);
  registerModel(program, context);
  registerCommand(program, context);
  registerConfig(program, context);
  registerRules(program, context);
  registerDoctor(program, context);
  return program;
}

const EXAMPLES = `Examples:
  vedette demo                       everything on this machine, with simulated cameras
  vedette query --count              how many records all nodes have
  vedette doctor                     does this machine have what Vedette needs
  vedette config check site.yaml     all faults of a configuration at once
  vedette model list                 detectors that can be used
  vedette COMMAND --help             more about one of them

Exit codes: 0 done, 64 wrong call, 69 unavailable, 70 fault of ours, 73 cannot write, 75 try again, 78 configuration.
`;

/** Runs one command line (without node and script) to its end. @returns the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], context: CommandContext): Promise<number> {
  const debug = args.includes('--debug') || (context.env.VEDETTE_DEBUG ?? '') !== '';
  const program = buildProgram(context);
  try {
    if (args.length === 0) {
      context.err.write(program.helpInformation());
      return EXIT_USAGE;
    }
    await program.parseAsync(withoutDebug(args), { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, context.err, debug);
    // Help and version are asked for; anything else commander throws is a wrong call it has already told about.
    if (error.exitCode === 0) return 0;
    if (error.code !== 'commander.help') context.err.writeLine(`  hint: ${helpLineFor(args, program)}`);
    return EXIT_USAGE;
  }
}

// Understood anywhere, so that it can be put at the end of a line that failed.
function withoutDebug(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.filter((word, i) => word !== '--debug' || (end >= 0 && i > end));
}

function onOneLine(text: string): string {
  return `${text.trim().replaceAll('\n', ' ')}\n`;
}

// The help of the innermost command that was named: of `model pull` rather than of `model`.
function helpLineFor(args: readonly string[], program: Command): string {
  const words = ['vedette'];
  let command = program;
  for (const word of args) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) continue;
    words.push(word);
    command = next;
  }
  return [...words, '--help'].join(' ');
}
