import { readFileSync } from 'node:fs';
import { parseJson } from '../protocol/codec.js';

/** Version of this software as its package says; `0.0.0` if the package file was taken away. */
export function softwareVersion(): string {
  // One level up from the sources, two from the compiled files.
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const value = parseJson(readFileSync(new URL(place, import.meta.url), 'utf8'));
      if (typeof value === 'object' && value !== null && 'version' in value) return String(value.version);
    } catch {
      // The other place has it.
    }
  }
  return '0.0.0';
}
