import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The compiled module of a source path without its ending: what worker threads and child processes run. */
export function compiledUrl(path: string): URL {
  const file = join(import.meta.dirname, '..', 'dist', `${path}.js`);
  if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" first`);
  return pathToFileURL(file);
}
