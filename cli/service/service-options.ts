import { join } from 'node:path';
import { stateDirFor } from '../../base/state-folder.js';
import { type CommandContext, usageError } from '../command-context.js';

export const CONFIG_HELP = 'YAML file with the sections site and its own (required)';
export const STATE_HELP = 'folder of its state (default: $STATE_DIRECTORY, else ./.vedette)';

/** The configuration file of a service. @throws OperationError `usage` if none was named */
export function requireConfig(command: string, path: string | undefined): string {
  if (path !== undefined) return path;
  throw usageError(command, 'which configuration?', `vedette ${command} --config FILE`);
}

/** The folder a service keeps its state in. */
export function serviceStateDir(state: string | undefined, { env }: CommandContext, ...below: string[]): string {
  return join(stateDirFor(state, env), ...below);
}
