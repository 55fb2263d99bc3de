import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { OperationError } from '../base/errors.js';
import { makeFolder } from '../base/state-folder.js';
import { refusedIdentityName } from './identity.js';
import { hashPassword } from './password-check.js';
import { readUsers, type User, writeUsers } from './password-file.js';
import { ROLES, type Role } from './rights.js';

/** Shortest password a person may choose: NIST SP 800-63B. Generated ones have 160 random bits. */
const PASSWORD_CHARACTERS_MIN = 8;
const PASSWORD_CHARACTERS_MAX = 128;

function usage(subject: string, message: string, hint?: string): OperationError {
  return new OperationError({ code: 'usage', op: 'change', subject, message, ...(hint === undefined ? {} : { hint }) });
}

/** The role named by a text. @throws OperationError `usage` listing the roles */
export function parseRole(text: string): Role {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) throw usage(`role ${JSON.stringify(text)}`, `no such role; allowed: ${ROLES.join(', ')}`);
  return role;
}

/** A password of 160 random bits, in characters that need no quoting anywhere. */
export function generatePassword(): string {
  return randomBytes(20).toString('base64url');
}

export type SetUser = {
  readonly path: string;
  readonly name: string;
  /** Needed for a new user; left out, a known one keeps its role. */
  readonly role?: Role | undefined;
  /** Undefined: no password logs in, only a client certificate whose common name is the user's. */
  readonly password: string | undefined;
};

/**
 * Adds a user to a password file, or changes its password or role. Makes the file, 0600, if there is none; replaces it
 * as a whole. A running broker ends the sessions of a user that changed within about a second.
 * @throws OperationError `usage`, `credentials-invalid` (the file is not one), `state-unwritable`
 */
export async function setUser({ path, name, role, password }: SetUser): Promise<'added' | 'changed'> {
  const refused = refusedIdentityName(name);
  if (refused !== undefined) throw usage(`user ${JSON.stringify(name)}`, refused);
  const users = new Map(await readUsers(path));
  const known = users.get(name);
  const newRole = role ?? known?.role;
  if (newRole === undefined) throw usage(`user ${name}`, 'a new user needs a role', `--role ${ROLES.join('|')}`);
  checkPassword(name, password);
  const hash = password === undefined ? undefined : await hashPassword(password);
  const user: User = { name, role: newRole, hash };
  users.set(name, user);
  await makeFolder(dirname(path));
  await writeUsers(path, users);
  return known === undefined ? 'added' : 'changed';
}

function checkPassword(name: string, password: string | undefined): void {
  if (password === undefined) return;
  const { length } = password;
  if (length < PASSWORD_CHARACTERS_MIN || length > PASSWORD_CHARACTERS_MAX) {
    throw usage(
      `password of ${name}`,
      `${length} characters, allowed ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX}`,
    );
  }
}

/** Removes a user. @throws OperationError `not-found` if there is no such user; else as `setUser` */
export async function removeUser(path: string, name: string): Promise<void> {
  const users = new Map(await readUsers(path));
  if (!users.delete(name)) {
    throw new OperationError({ code: 'not-found', op: 'remove', subject: `user ${name}`, message: `not in ${path}` });
  }
  await writeUsers(path, users);
}

/** The users of a file, without their hashes. @throws OperationError `not-found`, `credentials-invalid` */
export async function listUsers(path: string): Promise<{ name: string; role: Role; certificateOnly: boolean }[]> {
  const users = await readUsers(path);
  if (users === undefined) {
    throw new OperationError({
      code: 'not-found',
      op: 'read',
      subject: `password file ${path}`,
      message: 'no such file',
    });
  }
  return [...users.values()].map(({ name, role, hash }) => ({ name, role, certificateOnly: hash === undefined }));
}

/**
 * The password on a stream that is not a terminal: its first line.
 * @throws OperationError `usage` if it is empty or longer than a password may be
 */
export async function readPassword(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of input) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.includes('\n') || text.length > PASSWORD_CHARACTERS_MAX + 2) break;
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '') throw usage('password', 'empty input', 'give it on standard input, or use --generate');
  return line;
}
