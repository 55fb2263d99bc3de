import type { QueryRow } from '../../protocol/query.js';

/** The record that tells first what another one tells as well. */
export type FirstTold = { readonly node: string; readonly epoch: string; readonly s: number };

/**
 * Records of an answer that tell again what another record of it tells: for a moment two nodes watched one source, and each
 * told the same event of the same frame. Of several the first by node, epoch and number counts; so it is the same in every
 * answer with these rows, in whatever order they came.
 * @returns by the row that tells again; rows of own cameras, and of frames that nobody else looked at, are not in it.
 */
export function sameSightings(rows: readonly QueryRow[]): ReadonlyMap<QueryRow, FirstTold> {
  const groups = new Map<string, QueryRow[]>();
  for (const row of rows) {
    const key = sightingOf(row);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return new Map([...groups.values()].flatMap(repeatsIn));
}

// Within one log nothing is told twice: two dogs of one frame have one label and two tracks.
function repeatsIn(group: readonly QueryRow[]): [QueryRow, FirstTold][] {
  const sorted = [...group].sort((a, b) => compare(a.n, b.n) || compare(a.e, b.e) || a.r.s - b.r.s);
  const [first] = sorted;
  if (first === undefined) return [];
  const own = sorted.filter(({ n, e }) => n === first.n && e === first.e);
  const places = new Map<string, number>();
  return sorted.flatMap((row): [QueryRow, FirstTold][] => {
    if (row.n === first.n && row.e === first.e) return [];
    const log = `${row.n}/${row.e}`;
    const place = places.get(log) ?? 0;
    places.set(log, place + 1);
    const same = own[place];
    return same === undefined ? [] : [[row, { node: same.n, epoch: same.e, s: same.r.s }]];
  });
}

function sightingOf({ r }: QueryRow): string | undefined {
  if (r.k !== 'track' || r.src !== 1 || typeof r.j !== 'string') return undefined;
  return [r.c, r.j, r.ev, r.l].map(String).join(' ');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
