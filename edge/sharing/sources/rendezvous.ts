import { createHash } from 'node:crypto';

/** Somebody who could do it, and how much of it. */
export type Candidate = { readonly node: string; readonly weight: number };

/** Hashes kept at a time. They are all made anew when there are more, which takes a microsecond each. */
const HASHES_MAX = 65_536;
/** Steps in which spare capacity counts: coarse, so that the order does not change with every frame. */
const WEIGHT_STEP = 4;
const WEIGHT_MAX = 256;

/**
 * Weight of a node by what it could do beyond what it does: 0 for nothing at all, otherwise the power of four below, from
 * 1/4 to 256.
 * @param spareFps frames per second.
 */
export function weightOf(spareFps: number): number {
  if (!(spareFps >= 1 / WEIGHT_STEP)) return 0;
  return Math.min(WEIGHT_MAX, WEIGHT_STEP ** Math.floor(Math.log(spareFps) / Math.log(WEIGHT_STEP)));
}

/**
 * Weighted rendezvous hashing (Schindelhauer and Schomaker 2005: score = -weight / ln h): each source has an order of the
 * nodes, and a node is first for a share of the sources that is as large as its share of the weights. Who comes or goes
 * moves only its own share. Nodes of weight 0 come last.
 */
export class Rendezvous {
  readonly #hashes = new Map<string, number>();

  /** The candidates, first the one to do it. The same everywhere, in whatever order they were given. */
  order(what: string, candidates: readonly Candidate[]): string[] {
    return candidates
      .map((candidate) => this.#hashed(what, candidate))
      .sort(compare)
      .map(({ node }) => node);
  }

  /**
   * How many of the others come before a candidate, `max` for more. Of a thousand nodes few are looked at: an order of all
   * of them for each source would be most of what a node does.
   * @param without others that do not count.
   */
  placeOf(
    what: string,
    me: Candidate,
    others: readonly Candidate[],
    max: number,
    without: readonly string[] = [],
  ): number {
    const mine = this.#hashed(what, me);
    let place = 0;
    for (const other of others) {
      if (place >= max) break;
      if (!without.includes(other.node) && compare(this.#hashed(what, other), mine) < 0) place++;
    }
    return place;
  }

  #hashed(what: string, { node, weight }: Candidate): Hashed {
    return { node, weight, hash: this.#hash(what, node) };
  }

  #hash(what: string, node: string): number {
    const key = `${what}/${node}`;
    const known = this.#hashes.get(key);
    if (known !== undefined) return known;
    if (this.#hashes.size >= HASHES_MAX) this.#hashes.clear();
    const hash = unitHash(key);
    this.#hashes.set(key, hash);
    return hash;
  }
}

/** A number in (0, 1), evenly spread: the first 48 bits of SHA-256. */
export function unitHash(text: string): number {
  const bits = createHash('sha256').update(text).digest().readUIntBE(0, 6);
  return (bits + 0.5) / 2 ** 48;
}

type Hashed = Candidate & { readonly hash: number };

function compare(a: Hashed, b: Hashed): number {
  return scoreOf(b) - scoreOf(a) || b.hash - a.hash || (a.node < b.node ? -1 : 1);
}

function scoreOf({ weight, hash }: Hashed): number {
  return weight === 0 ? 0 : -weight / Math.log(hash);
}
