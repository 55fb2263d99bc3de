/** A seeded source of randomness: the same seed gives the same sequence on every machine. */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any text or number; two different seeds give unrelated sequences. */
  constructor(seed: string | number) {
    this.#seed = String(seed);
    const mix = hashWords(this.#seed);
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    this.#d = mix();
    for (let i = 0; i < 12; i++) this.#uint32();
  }

  /** A number in [0, 1) with 32 random bits. */
  next(): number {
    return this.#uint32() / 4294967296;
  }

  /** An integer in [0, count). */
  int(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** A number in [from, to). */
  range(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One element of a list that is not empty. */
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const value = list[this.int(list.length)];
    if (value === undefined) throw new RangeError('pick from an empty list');
    return value;
  }

  /** A normally distributed number (Box-Muller), mean 0, deviation 1. */
  normal(): number {
    const u = 1 - this.next();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.next());
  }

  /** An independent stream named below this one; drawing from it does not advance this one. */
  fork(name: string | number): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  // sfc32 (PractRand's small fast counting generator): passes PractRand to several terabytes.
  #uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }
}

/** xmur3: spreads a text over as many 32-bit words as are drawn from it. */
function hashWords(text: string): () => number {
  let h = 1779033703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  return () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507);
    h = Math.imul(h ^ (h >>> 13), 3266489909);
    h ^= h >>> 16;
    return h >>> 0;
  };
}
