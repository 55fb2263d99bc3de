import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../base/atomic-file.js';
import { OperationError, systemCodeOf } from '../base/errors.js';
import { refusedIdentityName } from './identity.js';
import { ROLES, type Role } from './rights.js';

/** One user: the PHC string of the password (argon2id), or undefined where only a client certificate logs in. */
export type User = { readonly name: string; readonly role: Role; readonly hash: string | undefined };

const HEADER = '# Users of the Vedette broker: name:role:hash. Changed with `vedette broker passwd`, not by hand.\n';
/** In place of a hash: no password logs in, only a client certificate with this common name. */
const CERTIFICATE_ONLY = '*';
const HASH_PATTERN = /^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;

/** A password file's text to its users. @throws OperationError `credentials-invalid` with the line and what is wrong. */
export function parseUsers(text: string, path: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fail = (message: string) =>
      new OperationError({
        code: 'credentials-invalid',
        op: 'read',
        subject: `password file ${path} line ${index + 1}`,
        message,
        hint: 'vedette broker passwd makes and changes this file',
      });
    const [name = '', roleText = '', hash = '', ...more] = line.split(':');
    const refused = refusedIdentityName(name);
    if (refused !== undefined) throw fail(`user ${JSON.stringify(name)}: ${refused}`);
    const role = ROLES.find((known) => known === roleText);
    if (role === undefined) throw fail(`role ${JSON.stringify(roleText)}; allowed: ${ROLES.join(', ')}`);
    if (more.length > 0 || (hash !== CERTIFICATE_ONLY && !HASH_PATTERN.test(hash))) throw fail('not an argon2id hash');
    if (users.has(name)) throw fail(`user ${name} is there twice`);
    users.set(name, { name, role, hash: hash === CERTIFICATE_ONLY ? undefined : hash });
  }
  return users;
}

export function formatUsers(users: ReadonlyMap<string, User>): string {
  const lines = [...users.values()].map(({ name, role, hash }) => `${name}:${role}:${hash ?? CERTIFICATE_ONLY}\n`);
  return HEADER + lines.join('');
}

/** The users of a file; undefined if there is no such file. @throws OperationError `credentials-invalid` */
export async function readUsers(path: string): Promise<Map<string, User> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw new OperationError({
      code: 'credentials-invalid',
      op: 'read',
      subject: `password file ${path}`,
      message: systemCodeOf(error) ?? 'unreadable',
      cause: error,
    });
  }
  return parseUsers(text, path);
}

/** Replaces the file as a whole, readable by its owner only. A running broker takes it over within a second. */
export async function writeUsers(path: string, users: ReadonlyMap<string, User>): Promise<void> {
  try {
    await writeFileAtomic(path, formatUsers(users), 0o600);
  } catch (error) {
    throw new OperationError({
      code: 'state-unwritable',
      op: 'write',
      subject: `password file ${path}`,
      message: systemCodeOf(error) ?? 'failed',
      cause: error,
    });
  }
}
