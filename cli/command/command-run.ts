import { randomBytes } from 'node:crypto';
import { SiteConfig } from '../../base/config.js';
import { messageOf } from '../../base/errors.js';
import { Link } from '../../base/link/link.js';
import { siteLinkOptions } from '../../base/link/site-link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { describeIssues, parseJson } from '../../protocol/codec.js';
import { Id } from '../../protocol/ids.js';
import { Command, type CommandResult } from '../../protocol/record.js';
import { type CommandContext, usageError } from '../command-context.js';
import { callCommand } from './command-call.js';

export type CommandOptions = {
  readonly args: string;
  readonly broker: string;
  readonly as: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  readonly root: string;
  readonly timeout: number;
  readonly json?: boolean;
};

/** Exit codes of refusals that are no "try again". */
const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  'unknown-verb': 64,
  'bad-args': 64,
  'not-found': 69,
  unavailable: 69,
};
const EXIT_REFUSED = 75;

/** Sends one command and tells its answer. @throws OperationError as `callCommand`, `usage` for what cannot be sent. */
export async function runCommandCommand(
  node: string,
  verb: string,
  options: CommandOptions,
  context: CommandContext,
): Promise<void> {
  for (const [what, name] of [
    ['node', node],
    ['verb', verb],
    ['name', options.as],
  ] as const) {
    const checked = Id.safeParse(name);
    if (!checked.success)
      throw usageError('command', `${what} ${JSON.stringify(name)}: ${describeIssues(checked.error)}`);
  }
  const args = readArgs(options.args);
  const link = await openLink(options, context);
  try {
    link.open();
    const id = randomBytes(9).toString('base64url');
    const call = { node, verb, args, caller: options.as, id, timeoutMs: options.timeout * 1000 };
    tell(await callCommand(call, link, context.clock, context.signal), options.json === true, context);
  } finally {
    await link.close();
  }
}

async function openLink(
  { broker, as, passwordFile, caFile, root }: CommandOptions,
  context: CommandContext,
): Promise<Link> {
  const site = SiteConfig.safeParse({ root, brokers: [broker], ...(caFile === undefined ? {} : { caFile }) });
  if (!site.success) throw usageError('command', describeIssues(site.error));
  const random = new Random(randomBytes(16).toString('hex'));
  const parts = { clock: context.clock, random, log: silentLog };
  const base = await siteLinkOptions(site.data, as, { passwordFile }, parts);
  // Not the bare name: somebody may be connected by it, and would be thrown out.
  return new Link({ ...base, clientId: `${as}.command-${randomBytes(6).toString('hex')}` });
}

function readArgs(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw usageError('command', `--args is not JSON (${messageOf(error)})`, `--args '{"camera":"front"}'`);
  }
  const args = Command.shape.args.safeParse(value);
  if (!args.success) throw usageError('command', '--args must be one JSON object', `--args '{"camera":"front"}'`);
  return args.data;
}

function tell(answer: CommandResult, json: boolean, context: CommandContext): void {
  if (!answer.ok) context.setExitCode(EXIT_BY_CODE[answer.code ?? ''] ?? EXIT_REFUSED);
  const result = answer.result === undefined ? '' : ` ${JSON.stringify(answer.result)}`;
  if (json) context.out.writeJson(answer);
  else if (answer.ok) context.out.writeLine(`${context.out.paint('green', 'done')}${result}`);
  else context.err.writeLine(`${context.err.paint('red', answer.code ?? 'refused')} ${answer.message ?? ''}`);
}
