/** A digest of complete answers and who gives it. */
export type Vote = { readonly digest: string; readonly replicas: readonly string[] };

/** How far a replica is with reading its files again; absent where it was not asked to. */
export type VerifyState = 'asked' | 'answered';

/**
 * Who is to read its files again where complete answers differ, and was not asked to yet. Those that a majority outvoted;
 * but everybody where there is none, and where one that was outvoted has read again and stays with what it said: its copy
 * is what was signed, or so it says, and votes come after that.
 * @param votes the most frequent first.
 * @param majority votes that decide.
 */
export function verifiersOf(
  votes: readonly Vote[],
  majority: number,
  stateOf: (replica: string) => VerifyState | undefined,
): string[] {
  const [best, ...others] = votes;
  if (best === undefined || others.length === 0) return [];
  const outvoted = others.flatMap(({ replicas }) => replicas);
  const isDecided = best.replicas.length >= majority;
  const isContested = outvoted.some((replica) => stateOf(replica) === 'answered');
  const doubted = isDecided && !isContested ? outvoted : [...best.replicas, ...outvoted];
  return doubted.filter((replica) => stateOf(replica) === undefined);
}
