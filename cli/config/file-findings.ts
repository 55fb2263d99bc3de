import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Environment } from '../../base/config.js';
import type { ConfigPath } from '../../base/config-document.js';
import { messageOf } from '../../base/errors.js';
import { readSecretFile } from '../../base/secret-file.js';

/**
 * Something outside the file that does not fit it. A `fault` would end the service at its start, or switch a rule off; a `warning` may be right
 * on the machine the file is for.
 */
export type Finding = {
  readonly severity: 'fault' | 'warning';
  readonly path: ConfigPath;
  readonly message: string;
};

export type Surroundings = {
  /** Where a relative path begins: the folder a service is started in. */
  readonly startFolder: string;
  /** Where the configuration lies. */
  readonly configFolder: string;
  readonly env: Environment;
};

/** A warning about a file that is not here; undefined if it is. */
export function missing(path: ConfigPath, file: string, where: Surroundings, note = ''): Finding | undefined {
  if (existsSync(resolve(where.startFolder, file))) return undefined;
  const isBeside = existsSync(resolve(where.configFolder, file));
  const hint = isBeside
    ? '; it lies beside the configuration, but a relative path begins in the folder the service is started in'
    : note;
  return { severity: 'warning', path, message: `${file} does not exist on this machine${hint}` };
}

/** What is wrong with the password, certificate and key files a configuration names, however deep. */
export async function fileFindings(value: unknown, where: Surroundings, path: ConfigPath = []): Promise<Finding[]> {
  if (typeof value !== 'object' || value === null) return [];
  const found: Finding[] = [];
  for (const [key, child] of Object.entries(value)) {
    const at = [...path, key];
    if (typeof child === 'string' && key.endsWith('File')) found.push(...(await examineFile(at, child, where)));
    else found.push(...(await fileFindings(child, where, at)));
  }
  return found;
}

const BARE_NAME_NOTE = "; a bare name can also be a credential of systemd's unit (LoadCredential=)";

async function examineFile(path: ConfigPath, file: string, where: Surroundings): Promise<Finding[]> {
  const isSecret = isSecretOfLink(path);
  const isCredential = isSecret && !file.includes('/') && (where.env.CREDENTIALS_DIRECTORY ?? '') !== '';
  const absent = isCredential
    ? undefined
    : missing(path, file, where, isSecret && !file.includes('/') ? BARE_NAME_NOTE : '');
  if (absent !== undefined) return [absent];
  try {
    if (isSecret) await readSecretFile(isCredential ? file : resolve(where.startFolder, file), where.env);
    else await access(resolve(where.startFolder, file), constants.R_OK);
    return [];
  } catch (error) {
    return [{ severity: 'fault', path, message: messageOf(error) }];
  }
}

// Secrets that a link reads at its start, with rules of their own; the broker's user file is another thing.
function isSecretOfLink(path: ConfigPath): boolean {
  const [section, key] = path;
  return path.length === 2 && section !== 'broker' && (key === 'passwordFile' || key === 'keyFile');
}

/** The surroundings of a configuration file for a service started here. */
export function surroundingsOf(configPath: string, env: Environment): Surroundings {
  return { startFolder: process.cwd(), configFolder: dirname(resolve(configPath)), env };
}
