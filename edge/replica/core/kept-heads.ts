import type { Head } from '../../../protocol/record.js';
import type { KeptHead } from '../store/copy-store.js';

/**
 * The newest head of every node and key. A node whose disk was lost has a new key and heads without its old logs: the last
 * head by the old key is then the only word that covers these.
 */
export class KeptHeads {
  readonly #max: number;
  readonly #byNode = new Map<string, Map<string, Head>>();
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a head that was verified. `commits`: it says more than lengths, so that it is worth an fsync. */
  take(head: Head, publicKey: string): { readonly isNewer: boolean; readonly commits: boolean } {
    const heads = this.#byNode.get(head.node) ?? new Map<string, Head>();
    const known = heads.get(publicKey);
    if (known !== undefined && !isNewer(head, known)) return { isNewer: false, commits: false };
    if (known === undefined) {
      if (this.#count >= this.#max) return { isNewer: false, commits: false };
      this.#count++;
    }
    heads.set(publicKey, head);
    this.#byNode.set(head.node, heads);
    return { isNewer: true, commits: known === undefined || commitments(head) !== commitments(known) };
  }

  nodes(): Iterable<string> {
    return this.#byNode.keys();
  }

  /** Heads of one node, the key first heard of first. */
  of(node: string): readonly KeptHead[] {
    return [...(this.#byNode.get(node) ?? [])].map(([publicKey, head]) => ({ head, publicKey }));
  }
}

/** All but the lengths. */
function commitments({ inst, logs }: Head): string {
  return JSON.stringify([inst, logs.map(({ e, st, first, seg, H }) => [e, st, first, seg, H])]);
}

/**
 * Of two heads by one key the newer: no log is shorter in it, and something grew or began. Time says nothing: clocks jump.
 */
export function isNewer(head: Head, than: Head): boolean {
  const known = new Map(than.logs.map((entry) => [entry.e, entry]));
  let grew = false;
  for (const entry of head.logs) {
    const before = known.get(entry.e);
    if (before === undefined) grew = true;
    else if (entry.seq < before.seq || entry.first < before.first || entry.seg < before.seg) return false;
    else if (entry.seq > before.seq || entry.first > before.first || entry.seg > before.seg || entry.st !== before.st) {
      if (entry.st === 'live' && before.st === 'closed') return false;
      grew = true;
    }
  }
  return grew;
}
