import { checkAcl, parseAction } from '../../broker/acl-command.js';
import { listUsers, parseRole } from '../../broker/password-command.js';
import type { Identity } from '../../broker/rights.js';
import { type CommandContext, usageError } from '../command-context.js';

export type AclOptions = {
  readonly role?: string;
  readonly file?: string;
  readonly root: string;
  readonly json?: boolean;
};

const EXIT_DENIED = 1;

/** Says what the broker's rights allow; the exit code tells a script. */
export async function runBrokerAcl(
  question: { readonly user: string; readonly action: string; readonly topic: string },
  options: AclOptions,
  context: CommandContext,
): Promise<void> {
  const action = parseAction(question.action);
  const identity = await identityOf(question.user, options);
  const answer = checkAcl(options.root, identity, action, question.topic);
  if (!answer.allowed) context.setExitCode(EXIT_DENIED);
  if (options.json === true) return context.out.writeJson(answer);
  const word = answer.allowed ? context.out.paint('green', 'allowed') : context.out.paint('red', 'denied');
  const note = answer.note === undefined ? '' : ` (${answer.note})`;
  context.out.writeLine(`${word}: ${answer.rule}${note}`);
}

async function identityOf(name: string, { role, file }: AclOptions): Promise<Identity> {
  if (role === 'anonymous') return { name, role };
  if (role !== undefined) return { name, role: parseRole(role) };
  if (file === undefined) throw usageError('broker check-acl', 'of which role is the user?', 'give --role or --file');
  const known = (await listUsers(file)).find((user) => user.name === name);
  if (known === undefined) throw usageError('broker check-acl', `there is no user ${name} in ${file}`);
  return { name, role: known.role };
}
