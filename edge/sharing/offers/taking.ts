import { Counters } from '../../../base/counters.js';
import { type AnswerTimes, noteAnswerTime } from './answer-times.js';
import { type OfferLimits, TAKEN_AT_ONCE_MS } from './offer-limits.js';
import { RateBudget } from './rate-budget.js';

/** A look another node asks for. `deadlineMs` from its receipt. */
export type AskedLook = { readonly from: string; readonly id: string; readonly deadlineMs: number };

type UnderWay = AskedLook & { readonly sinceMonoMs: number };

const COUNTERS = [
  'take-done',
  'take-busy',
  'take-repeated',
  'take-failed',
  'take-late',
  'take-lateDone',
  'take-full',
] as const;
/** Who asked within this time counts when the room is divided. */
const ASKER_MS = 3_000;

/**
 * The taking side: whether a look is done for somebody else. Within what the node has unused, never more at once than
 * allowed, and only what can be done by its deadline; everything else is answered `busy` at once, so that who asks can go
 * elsewhere. Times are of one monotonic clock, ms.
 */
export class Taking {
  readonly #limits: OfferLimits;
  readonly #budget = new RateBudget(TAKEN_AT_ONCE_MS);
  readonly #underWay = new Map<string, UnderWay>();
  readonly #askers = new Map<string, number>();
  readonly #counters = new Counters(COUNTERS);
  #times: AnswerTimes | undefined;
  #spareFps = 0;

  constructor(limits: OfferLimits) {
    this.#limits = limits;
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /** Looks for others that have been taken and are not done. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** From now on so much is unused here; 0 takes nothing. */
  setSpare(spareFps: number, nowMonoMs: number): void {
    this.#spareFps = spareFps;
    this.#budget.setRate(spareFps, nowMonoMs);
  }

  /** `take`: it is to be done, and `end` told; `busy`: to be answered so; `ignore`: it came a second time. */
  ask(look: AskedLook, nowMonoMs: number): 'take' | 'busy' | 'ignore' {
    if (this.#underWay.has(keyOf(look))) {
      this.#counters.add('take-repeated');
      return 'ignore';
    }
    this.#askers.set(look.from, nowMonoMs);
    if (!this.#mayTake(look, nowMonoMs)) {
      this.#counters.add('take-busy');
      return 'busy';
    }
    this.#underWay.set(keyOf(look), { ...look, sinceMonoMs: nowMonoMs });
    return 'take';
  }

  /**
   * A look is over. @param result `skipped`: it was not done, its deadline had passed before its turn came.
   * @returns whether it is to be answered; a late result is, too: who asked learns how long it takes here.
   */
  end(look: Pick<AskedLook, 'from' | 'id'>, result: 'done' | 'failed' | 'skipped', nowMonoMs: number): boolean {
    const underWay = this.#underWay.get(keyOf(look));
    if (underWay === undefined) return false;
    this.#underWay.delete(keyOf(look));
    const tookMs = nowMonoMs - underWay.sinceMonoMs;
    if (result === 'done') this.#times = noteAnswerTime(this.#times, tookMs);
    if (result === 'failed') this.#counters.add('take-failed');
    else if (result === 'skipped') this.#counters.add('take-late');
    else this.#counters.add(tookMs > underWay.deadlineMs ? 'take-lateDone' : 'take-done');
    return true;
  }

  #mayTake({ from, deadlineMs }: AskedLook, nowMonoMs: number): boolean {
    if (this.#spareFps <= 0) return false;
    if (this.underWay >= this.#limits.offersMax) {
      this.#counters.add('take-full');
      return false;
    }
    const room = this.#room(deadlineMs);
    if (this.underWay >= room || this.#of(from) >= this.#partOf(room, nowMonoMs)) return false;
    if (this.#times !== undefined && this.#times.meanMs > deadlineMs) {
      // Forgotten bit by bit: a node that was slow once would otherwise never learn that it is not any more.
      this.#times = { ...this.#times, meanMs: this.#times.meanMs * 0.8 };
      return false;
    }
    return this.#budget.take(nowMonoMs);
  }

  // Looks that can be done by a deadline one after the other, as fast as own cameras let them.
  #room(deadlineMs: number): number {
    return Math.max(1, Math.min(this.#limits.offersMax, Math.floor((this.#spareFps * deadlineMs) / 1000)));
  }

  #of(from: string): number {
    return [...this.#underWay.values()].filter((look) => look.from === from).length;
  }

  // Nobody holds all the room while others ask, too.
  #partOf(room: number, nowMonoMs: number): number {
    for (const [asker, atMonoMs] of this.#askers) if (nowMonoMs - atMonoMs > ASKER_MS) this.#askers.delete(asker);
    return Math.max(1, Math.ceil(room / Math.max(1, this.#askers.size)));
  }
}

function keyOf({ from, id }: Pick<AskedLook, 'from' | 'id'>): string {
  return `${from}/${id}`;
}
