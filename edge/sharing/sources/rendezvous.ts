import { createHash } from 'node:crypto';

/** Somebody who could do it, and how much of it. */
export type Candidate = { readonly node: string; readonly weight: number };

/** 64 bits of the hash of a name, as two numbers of 32 bits with a sign: those take no memory of their own. */
type NameHash = { readonly high: number; readonly low: number };

/** Hashes of names kept at a time; they are all made anew when there are more, which takes microseconds each. */
const NAMES_MAX = 8_192;
/** Odd, with bits all over: a pair hashes differently from its names the other way round. */
const MULTIPLIER = 0x9e3779b1;
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
 *
 * Names are hashed once each and pairs mixed from that: there are as many pairs as sources times nodes, too many to keep
 * and too many to hash.
 */
export class Rendezvous {
  readonly #hashes = new Map<string, NameHash>();

  /** The candidates, first the one to do it. The same everywhere, in whatever order they were given. */
  order(what: string, candidates: readonly Candidate[]): string[] {
    const whatHash = this.#hash(what);
    return candidates
      .map((candidate) => this.#ranked(whatHash, candidate))
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
    others: Iterable<Candidate>,
    max: number,
    without: readonly { readonly node: string }[] = [],
  ): number {
    const whatHash = this.#hash(what);
    const mine = this.#ranked(whatHash, me);
    let place = 0;
    for (const other of others) {
      if (place >= max) break;
      const isBefore = compare(this.#ranked(whatHash, other), mine) < 0;
      if (isBefore && !without.some(({ node }) => node === other.node)) place++;
    }
    return place;
  }

  #ranked(whatHash: NameHash, { node, weight }: Candidate): Ranked {
    const hash = pairHash(whatHash, this.#hash(node));
    return { node, hash, score: weight === 0 ? 0 : -weight / Math.log(hash) };
  }

  #hash(name: string): NameHash {
    const known = this.#hashes.get(name);
    if (known !== undefined) return known;
    if (this.#hashes.size >= NAMES_MAX) this.#hashes.clear();
    const hash = nameHash(name);
    this.#hashes.set(name, hash);
    return hash;
  }
}

/** The first 64 bits of SHA-256. */
export function nameHash(name: string): NameHash {
  const bytes = createHash('sha256').update(name).digest();
  return { high: bytes.readInt32BE(0), low: bytes.readInt32BE(4) };
}

/** A number in (0, 1), evenly spread over the pairs, 48 bits. */
export function pairHash(what: NameHash, node: NameHash): number {
  const high = mixed(what.high + Math.imul(node.high, MULTIPLIER));
  const low = mixed(what.low + Math.imul(node.low, MULTIPLIER));
  return (high * 2 ** 16 + (low >>> 16) + 0.5) / 2 ** 48;
}

// The end of MurmurHash3 (Appleby 2011), 32 bits: every bit of the number changes half of those of the result.
function mixed(number: number): number {
  let bits = number | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

type Ranked = { readonly node: string; readonly hash: number; readonly score: number };

function compare(a: Ranked, b: Ranked): number {
  return b.score - a.score || b.hash - a.hash || (a.node < b.node ? -1 : 1);
}
