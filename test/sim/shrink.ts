/**
 * A smallest list that still fails: delta debugging (Zeller and Hildebrandt 2002, ddmin). Left with a list from which no
 * single element can be taken, unless the budget ran out before.
 * @param fails whether a list fails; asked at most `runsMax` times. The whole list is taken to fail.
 */
export function shrink<T>(list: readonly T[], fails: (part: readonly T[]) => boolean, runsMax: number): readonly T[] {
  let best = list;
  let parts = 2;
  let runs = 0;
  const tries = (part: readonly T[]): boolean => {
    if (runs >= runsMax) return false;
    runs++;
    return fails(part);
  };
  if (tries([])) return [];
  while (best.length > 1 && runs < runsMax) {
    const size = Math.ceil(best.length / parts);
    const chunks = Array.from({ length: Math.ceil(best.length / size) }, (_, i) => i * size);
    const without = chunks.map((at) => [...best.slice(0, at), ...best.slice(at + size)]);
    const smaller = without.find(tries);
    if (smaller !== undefined) {
      best = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(best.length, 2 * parts);
  }
  return best;
}
