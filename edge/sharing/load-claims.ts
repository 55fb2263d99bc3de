import type { Clock } from '../../base/clock.js';
import type { TickReport } from '../process/vision-message.js';
import type { ClaimsBoard } from './claims-board.js';
import { LoadWatch } from './offers/load-watch.js';

export type LoadClaimsOptions = {
  readonly claims: ClaimsBoard;
  /** Share of the time the detectors may work, 0..1. */
  readonly share: () => number;
  readonly clock: Clock;
};

/** Says in the own claims what this node could do beyond what it does, and whether it has too much to do: sources and offers go by it. */
export class LoadClaims {
  readonly watch = new LoadWatch();
  readonly #options: LoadClaimsOptions;

  constructor(options: LoadClaimsOptions) {
    this.#options = options;
  }

  /** @returns whether there was a new sample. */
  note(tick: TickReport): boolean {
    const { claims, share, clock } = this.#options;
    if (!this.watch.note(tick, share(), clock.monoMs())) return false;
    const state = this.watch.isOverloaded ? ('overloaded' as const) : ('active' as const);
    claims.set({ ...this.watch.spare, ...(claims.own.state === 'leaving' ? {} : { state }) });
    return true;
  }
}
