import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, stateDirFor } from '../../base/config.js';
import { knownModelByName } from '../../edge/vision/model/known-models.js';

/** The folder pulled models lie in. */
export function modelFolder(dir: string | undefined, env: Environment): string {
  return dir ?? join(stateDirFor(undefined, env), 'models');
}

/** The file a person means by a path or by the name of a known model that was pulled. */
export function modelPath(pathOrName: string, dir: string | undefined, env: Environment): string {
  if (existsSync(pathOrName)) return pathOrName;
  const known = knownModelByName(pathOrName);
  return known === undefined ? pathOrName : join(modelFolder(dir, env), known.fileName);
}
