import { chmod, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.js';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { makeFolder } from '../../base/state-folder.js';
import { generatePassword, setUser } from '../../broker/password-command.js';
import { readUsers } from '../../broker/password-file.js';
import type { DemoPlan } from './demo-plan.js';

/**
 * Makes the folders, configuration files and credentials of the demo: folders 0700, files 0600. Passwords are random,
 * made on the first start and kept; the broker gets their argon2id hashes only.
 * @throws OperationError `state-unwritable`; `credentials-invalid` if a broker that is not ours needs a password that
 * is not there.
 */
export async function writeDemoState(plan: DemoPlan): Promise<void> {
  try {
    for (const folder of plan.folders) {
      await makeFolder(folder);
      // Made by somebody else before, or under a loose umask: secrets are about to go into it.
      await chmod(folder, 0o700);
    }
    for (const { path, text } of plan.files) await writeFileAtomic(path, text);
    if (plan.usersFile === undefined) await requireCredentials(plan);
    else await makeCredentials(plan, plan.usersFile);
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw unwritable(plan.folders[0] ?? '', error);
  }
}

/** The state folder cannot be used. */
export function unwritable(folder: string, error: unknown): OperationError {
  return new OperationError({
    code: 'state-unwritable',
    op: 'prepare',
    subject: `state folder ${folder}`,
    message: systemCodeOf(error) ?? messageOf(error),
    hint: 'name a folder you may write: vedette demo --state DIR',
    cause: error,
  });
}

async function makeCredentials(plan: DemoPlan, usersFile: string): Promise<void> {
  const users = await readUsers(usersFile);
  for (const { name, role, passwordFile } of plan.identities) {
    const isKept = users?.get(name)?.role === role && (await exists(passwordFile));
    if (isKept) continue;
    const password = generatePassword();
    await makeFolder(dirname(passwordFile));
    await writeFileAtomic(passwordFile, `${password}\n`, 0o600);
    await setUser({ path: usersFile, name, role, password });
  }
}

async function requireCredentials(plan: DemoPlan): Promise<void> {
  for (const { name, role, passwordFile } of plan.identities) {
    // The operator only helps the demo's own listener to read.
    if (role === 'operator' || (await exists(passwordFile))) continue;
    throw new OperationError({
      code: 'credentials-invalid',
      op: 'read',
      subject: `password file ${passwordFile}`,
      message: `no password of ${name} for broker ${plan.brokerUrl}`,
      hint: 'give the folder that has NAME.password for each node, sensors, monitor and operator: --credentials DIR',
    });
  }
}

/** The password of an identity, or undefined where there is none. */
export async function readDemoPassword(plan: DemoPlan, name: string): Promise<string | undefined> {
  const path = plan.identities.find((identity) => identity.name === name)?.passwordFile;
  if (path === undefined) return undefined;
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    ({ size }) => size > 0,
    () => false,
  );
}
