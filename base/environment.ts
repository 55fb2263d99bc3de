import type { Environment } from './config.js';

/** The environment of this process. */
export function ownEnvironment(): Environment {
  return process.env;
}
