import { type Claimant, type DoubtPicture, foldDoubts, NO_DOUBTS } from './doubts.js';

/** Nodes whose claims are kept; more are not taken in, counted. As many as a query knows. */
const CLAIMANTS_MAX = 4_096;

type Heard = { claims: Claimant['claims'] | undefined; isOnline: boolean };

/** The last claims and status of every node that was heard, and whom most of them doubt. */
export class ClaimsHeard {
  readonly #nodes = new Map<string, Heard>();
  #picture: DoubtPicture | undefined = NO_DOUBTS;
  #refused = 0;

  /** A node's claims; undefined where it took them back. */
  applyClaims(node: string, claims: Claimant['claims'] | undefined): void {
    const heard = this.#node(node, claims !== undefined);
    if (heard === undefined) return;
    heard.claims = claims;
    this.#picture = undefined;
  }

  applyStatus(node: string, state: 'online' | 'stopped' | 'lost'): void {
    const isOnline = state === 'online';
    const heard = this.#node(node, isOnline);
    if (heard === undefined || heard.isOnline === isOnline) return;
    heard.isOnline = isOnline;
    if (heard.claims !== undefined) this.#picture = undefined;
  }

  /** A person has forgotten the node. */
  forget(node: string): void {
    if (this.#nodes.delete(node)) this.#picture = undefined;
  }

  /** Nodes that found no room. */
  get refused(): number {
    return this.#refused;
  }

  /** Who is doubted as of now; the same object until something changes. */
  picture(): DoubtPicture {
    this.#picture ??= foldDoubts(
      [...this.#nodes].flatMap(([node, { claims, isOnline }]) => {
        return claims === undefined ? [] : [{ node, isOnline, claims }];
      }),
    );
    return this.#picture;
  }

  #node(node: string, isNew: boolean): Heard | undefined {
    const known = this.#nodes.get(node);
    if (known !== undefined || !isNew) return known;
    if (this.#nodes.size >= CLAIMANTS_MAX) {
      this.#refused++;
      return undefined;
    }
    const heard: Heard = { claims: undefined, isOnline: false };
    this.#nodes.set(node, heard);
    return heard;
  }
}
