import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { readManifest } from '../../edge/vision/model/resolve-model.js';
import type { InstalledModel } from '../../edge/vision/pull/installed-models.js';

/** What a person calls the model that is shipped with the software. */
export const BUILT_IN_NAME = 'built-in';

/** Path of the model that is shipped with the software. Loads the node's code, so it is asked for only when needed. */
export async function builtInModelPath(): Promise<string> {
  return (await import('../../edge/main.js')).BUILT_IN_MODEL;
}

/** The shipped model as an installed one; undefined if this installation has none. */
export async function describeBuiltInModel(): Promise<InstalledModel | undefined> {
  const path = await builtInModelPath();
  if (!existsSync(path)) return undefined;
  const [{ size }, manifest] = await Promise.all([stat(path), readManifest(path)]);
  return { path, bytes: size, manifest };
}
