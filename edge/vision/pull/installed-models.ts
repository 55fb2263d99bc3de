import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../base/errors.js';
import type { ModelManifest } from '../model/manifest.js';
import { readManifest } from '../model/resolve-model.js';

/** A model file in a folder. */
export type InstalledModel = {
  readonly path: string;
  readonly bytes: number;
  /** Undefined where it has none or a broken one. */
  readonly manifest: ModelManifest | undefined;
  /** Why it cannot be used as it is. */
  readonly problem?: string;
};

/** The `.onnx` files of a folder, by name; none if there is no such folder. Sums are not checked. */
export async function listInstalledModels(dir: string): Promise<readonly InstalledModel[]> {
  const names = await readdir(dir).catch(() => []);
  const models = names.filter((name) => name.toLowerCase().endsWith('.onnx')).sort();
  return await Promise.all(models.map((name) => describeInstalled(join(dir, name))));
}

async function describeInstalled(path: string): Promise<InstalledModel> {
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  try {
    const manifest = await readManifest(path);
    return manifest === undefined ? { path, bytes, manifest, problem: 'no manifest' } : { path, bytes, manifest };
  } catch (error) {
    return { path, bytes, manifest: undefined, problem: messageOf(error) };
  }
}
