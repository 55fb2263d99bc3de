import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../base/config.js';
import { stateDirFor } from '../../base/state-folder.js';
import { findKnownModel } from '../../edge/vision/pull/pull-model.js';
import { BUILT_IN_NAME, builtInModelPath } from './built-in-model.js';

/** The folder pulled models lie in. */
export function modelFolder(dir: string | undefined, env: Environment): string {
  return dir ?? join(stateDirFor(undefined, env), 'models');
}

/** The file a person means: a path, the name of a known model that was pulled, or `built-in`. */
export async function modelPath(pathOrName: string, dir: string | undefined, env: Environment): Promise<string> {
  if (existsSync(pathOrName)) return pathOrName;
  if (pathOrName === BUILT_IN_NAME) return await builtInModelPath();
  const known = findKnownModel(pathOrName);
  return known === undefined ? pathOrName : join(modelFolder(dir, env), known.fileName);
}
