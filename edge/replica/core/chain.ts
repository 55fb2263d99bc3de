import type { SegmentHeader } from '../../../protocol/segment.js';

/** What is known of the closed segments of one log without having them: hashes that are signed, and headers that came with them. */
export class Chain {
  readonly #max: number;
  readonly #hashes = new Map<number, string>();
  readonly #tails = new Map<number, SegmentHeader>();
  #sealedTo = 0;

  /** @param max hashes and headers kept, the newest. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Largest seq known to lie in a closed segment. */
  get sealedTo(): number {
    return this.#sealedTo;
  }

  /** Number and hash of the last segment whose hash is known. */
  get newest(): { readonly n: number; readonly hash: string } | undefined {
    let newest: { n: number; hash: string } | undefined;
    for (const [n, hash] of this.#hashes) if (newest === undefined || n > newest.n) newest = { n, hash };
    return newest;
  }

  hashOf(n: number): string | undefined {
    return this.#hashes.get(n);
  }

  /** Headers of segments that are to be closed from lines, the newest first. */
  tails(): readonly SegmentHeader[] {
    return [...this.#tails.values()].sort((a, b) => b.seg - a.seg);
  }

  noteHash(n: number, hash: string): void {
    this.#hashes.set(n, hash);
    forgetLowest(this.#hashes, this.#max);
  }

  /** The header of a segment whose records may be here as lines. */
  noteTail(header: SegmentHeader): void {
    this.#tails.set(header.seg, header);
    this.sealTo(header.first + header.count - 1);
    forgetLowest(this.#tails, this.#max);
  }

  /** A segment that was here is to be closed anew; it is not forgotten over newer ones. */
  expect(header: SegmentHeader, hash: string): void {
    this.#hashes.set(header.seg, hash);
    this.#tails.set(header.seg, header);
  }

  /** All up to a seq is known to lie in closed segments. */
  sealTo(seq: number): void {
    this.#sealedTo = Math.max(this.#sealedTo, seq);
  }

  /** That segment is closed, or never will be. */
  dropTail(n: number): void {
    this.#tails.delete(n);
  }

  /** From a segment on signed heads contradict each other: nothing of it counts, and no record from `seq` on is sealed. */
  cutFrom(n: number, seq: number): void {
    this.#sealedTo = Math.min(this.#sealedTo, seq - 1);
    for (const map of [this.#hashes, this.#tails]) {
      for (const number of [...map.keys()]) if (number >= n) map.delete(number);
    }
  }
}

export function forgetLowest(map: Map<number, unknown>, max: number): void {
  while (map.size > max) map.delete(Math.min(...map.keys()));
}
