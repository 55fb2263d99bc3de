import type { Clock } from '../../../base/clock.js';
import type { AnswerMeaning, Offer, Offering, Verdict } from './offering.js';
import type { OfferPeer } from './peer-choice.js';

export type OfferDeskOptions<Look, Boxes> = {
  readonly offering: Offering;
  readonly clock: Clock;
  /** Who could be asked now. */
  readonly peers: () => readonly OfferPeer[];
  readonly send: (offer: Offer, look: Look) => void;
  /** A look is over; without boxes no peer did it. Called once for each. */
  readonly settle: (look: Look, boxes: Boxes | undefined) => void;
};

type UnderWay<Look> = { readonly look: Look; readonly tried: readonly string[]; readonly cancelTimer: () => void };

/** Takes looks that are to be offered through it: one peer after the other, each with its deadline. */
export class OfferDesk<Look, Boxes> {
  readonly #options: OfferDeskOptions<Look, Boxes>;
  /** By the id of the offer. */
  readonly #underWay = new Map<string, UnderWay<Look>>();

  constructor(options: OfferDeskOptions<Look, Boxes>) {
    this.#options = options;
  }

  begin(look: Look): void {
    this.#try(look, []);
  }

  /** A peer answered. Boxes come with `done`. */
  answer(from: string, id: string, verdict: Verdict, boxes?: Boxes): AnswerMeaning {
    const { offering, clock, settle } = this.#options;
    const meaning = offering.answer(from, id, verdict, clock.monoMs());
    if (meaning === 'late' || meaning === 'unasked') return meaning;
    const underWay = this.#take(id);
    if (underWay === undefined) return meaning;
    if (meaning === 'done') settle(underWay.look, boxes);
    else this.#try(underWay.look, underWay.tried);
    return meaning;
  }

  /** An offer could not be sent. */
  lost(id: string): void {
    this.#expire(id);
  }

  /** Who wanted these looks is gone. Their offers end as unanswered. */
  dropAll(): void {
    for (const id of [...this.#underWay.keys()]) {
      this.#take(id);
      this.#options.offering.expire(id, this.#options.clock.monoMs());
    }
  }

  #try(look: Look, tried: readonly string[]): void {
    const { offering, clock, peers, send } = this.#options;
    const offer = offering.begin(peers(), tried, clock.monoMs());
    if (offer === undefined) {
      this.#fail(look, tried);
      return;
    }
    const cancelTimer = clock.after(offer.deadlineMs, () => this.#expire(offer.id));
    this.#underWay.set(offer.id, { look, tried: [...tried, offer.node], cancelTimer });
    send(offer, look);
  }

  // Once is enough: two deadlines make a result too old for what follows objects.
  #expire(id: string): void {
    const { offering, clock } = this.#options;
    const underWay = this.#take(id);
    if (offering.expire(id, clock.monoMs()) && underWay !== undefined) this.#fail(underWay.look, underWay.tried);
  }

  #fail(look: Look, tried: readonly string[]): void {
    const { offering, clock, settle } = this.#options;
    if (tried.length > 0) offering.noteFailed(clock.monoMs());
    settle(look, undefined);
  }

  #take(id: string): UnderWay<Look> | undefined {
    const underWay = this.#underWay.get(id);
    this.#underWay.delete(id);
    underWay?.cancelTimer();
    return underWay;
  }
}
