import { ClaimsHeard } from '../base/claims-heard.js';
import type { Claimant, DoubtPicture, NodeDoubt } from '../base/doubts.js';
import type { RosterEffect } from './roster.js';

/** What nodes claim of each other, as far as the roster takes them for there. Touches nothing outside itself. */
export class DoubtWatch {
  readonly #listed: ReadonlySet<string>;
  readonly #claims = new ClaimsHeard();
  #told = this.#claims.picture();

  /** @param listed nodes of the inventory: of these the roster knows better than their statuses whether they are there. */
  constructor(listed: readonly string[]) {
    this.#listed = new Set(listed);
  }

  hearClaims(node: string, claims: Claimant['claims'] | undefined): void {
    this.#claims.applyClaims(node, claims);
  }

  hearStatus(node: string, state: 'online' | 'stopped' | 'lost'): void {
    if (!this.#listed.has(node)) this.#claims.applyStatus(node, state);
  }

  hearRoster(effects: readonly RosterEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'state') this.#claims.applyStatus(effect.node, effect.to === 'up' ? 'online' : 'lost');
    }
  }

  /** Who is doubted, if that may have changed since this was asked last: claims are not folded at every look at the clock. */
  news(): DoubtPicture | undefined {
    const picture = this.#claims.picture();
    if (picture === this.#told) return undefined;
    this.#told = picture;
    return picture;
  }

  /** Nodes of the inventory that were doubted when `news` was asked last. */
  doubts(): ReadonlyMap<string, NodeDoubt> {
    return new Map([...this.#told.doubted].filter(([node]) => this.#listed.has(node)));
  }
}
