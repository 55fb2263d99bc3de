import { createHash } from 'node:crypto';

/**
 * The order in which candidates are to serve a key, by rendezvous hash (Thaler and Ravishankar, 1998): the same everywhere,
 * in whatever order they are given, and who comes or goes moves only its own share of the keys.
 */
export function rendezvousOrder(key: string | Uint8Array, candidates: readonly string[]): string[] {
  const weighed = candidates.map((name) => ({
    name,
    weight: createHash('sha256').update(key).update(name).digest('hex'),
  }));
  weighed.sort((a, b) => (a.weight === b.weight ? 0 : a.weight > b.weight ? -1 : 1));
  return weighed.map(({ name }) => name);
}
