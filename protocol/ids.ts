import { z } from 'zod';

/** Grammar of every name that appears as a topic level: node, camera, sensor, rule, broker, monitor, client. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;

export const Id = z.string().regex(ID_PATTERN, 'allowed: 1 to 32 of a-z, 0-9 and -, not starting with -');

/** Id of one life of a log: 60 random bits in base32 (RFC 4648 letters, lower case), 12 characters. */
export const EPOCH_PATTERN = /^[a-z2-7]{12}$/;

export const Epoch = z.string().regex(EPOCH_PATTERN, 'allowed: 12 of a-z and 2-7');

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Builds an epoch from at least 12 random bytes; the low five bits of each are used. */
export function buildEpoch(randomBytes: Uint8Array): string {
  if (randomBytes.length < 12) throw new RangeError(`an epoch needs 12 random bytes, got ${randomBytes.length}`);
  let text = '';
  for (const byte of randomBytes.subarray(0, 12)) text += BASE32.charAt(byte & 31);
  return text;
}

/** A model's label as a topic level: lower case, runs of anything else become one `-`; `baseball bat` -> `baseball-bat`. */
export function labelSlug(label: string): string {
  const slug = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return slug === '' ? 'unnamed' : slug;
}
