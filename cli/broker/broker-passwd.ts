import { renderTable } from '../../base/terminal/table.js';
import {
  generatePassword,
  listUsers,
  parseRole,
  readPassword,
  removeUser,
  setUser,
} from '../../broker/password-command.js';
import { type CommandContext, usageError } from '../command-context.js';
import { askPassword } from './password-prompt.js';

export type PasswdOptions = {
  readonly role?: string;
  readonly generate?: boolean;
  readonly certificate?: boolean;
  readonly delete?: boolean;
  readonly list?: boolean;
  readonly json?: boolean;
};

/** Changes or lists the users of a password file. */
export async function runBrokerPasswd(
  file: string,
  user: string | undefined,
  options: PasswdOptions,
  context: CommandContext,
): Promise<void> {
  if (options.list === true) return await printUsers(file, options, context);
  if (user === undefined)
    throw usageError('broker passwd', 'which user?', 'vedette broker passwd FILE USER, or --list');
  const chosen = [options.generate, options.certificate, options.delete].filter(Boolean).length;
  if (chosen > 1) throw usageError('broker passwd', '--generate, --certificate and --delete exclude each other');
  if (options.delete === true) {
    await removeUser(file, user);
    return tell({ user, change: 'removed' }, `removed ${user} from ${file}`, options, context);
  }
  // Before the person types a password for nothing.
  const role = options.role === undefined ? undefined : parseRole(options.role);
  const password = options.certificate === true ? undefined : await passwordFor(user, options, context);
  const change = await setUser({ path: file, name: user, role, password });
  const shown = options.generate === true ? { password } : {};
  tell({ user, change, ...shown }, `${change} ${user} in ${file}`, options, context);
  // Alone on standard output, so that it can go into a file.
  if (options.generate === true && options.json !== true) context.out.writeLine(password ?? '');
}

async function passwordFor(user: string, options: PasswdOptions, context: CommandContext): Promise<string> {
  if (options.generate === true) return generatePassword();
  if (!process.stdin.isTTY) return await readPassword(process.stdin);
  const password = await askPassword(`password of ${user}: `, process.stdin, context);
  if (password !== (await askPassword('once more: ', process.stdin, context))) {
    throw usageError('broker passwd', 'the two passwords differ');
  }
  return password;
}

async function printUsers(file: string, options: PasswdOptions, { out }: CommandContext): Promise<void> {
  const users = await listUsers(file);
  if (options.json === true) return out.writeJson({ users });
  out.write(
    renderTable(
      out,
      [
        { title: 'user', cell: ({ name }) => name },
        { title: 'role', cell: ({ role }) => role },
        { title: 'logs in by', cell: ({ certificateOnly }) => (certificateOnly ? 'certificate' : 'password') },
      ],
      users,
    ),
  );
}

function tell(value: object, text: string, { json }: PasswdOptions, { out, err }: CommandContext): void {
  if (json === true) out.writeJson(value);
  else err.writeLine(text);
}
