import { backoffDelayMs } from '../../../base/backoff.js';
import type { Random } from '../../../base/random.js';
import { type AnswerTimes, noteAnswerTime, patienceMs } from './answer-times.js';
import type { OfferLimits } from './offer-limits.js';

/** What offers to one peer have come to. Times are of one monotonic clock, ms. */
export class PeerRecord {
  readonly #limits: OfferLimits;
  outstanding = 0;
  /** Offers that may be under way there: grows by one per round of answers, halves when it has no room. */
  #window = 1;
  #times: AnswerTimes | undefined;
  #failures = 0;
  #leftAloneUntilMonoMs = Number.NEGATIVE_INFINITY;

  constructor(limits: OfferLimits) {
    this.#limits = limits;
  }

  /** Offers it may be given besides those under way. */
  room(nowMonoMs: number): number {
    if (nowMonoMs < this.#leftAloneUntilMonoMs) return 0;
    return Math.max(0, Math.floor(this.#window) - this.outstanding);
  }

  get deadlineMs(): number {
    const { deadlineFirstMs, deadlineMinMs, deadlineMaxMs } = this.#limits;
    const wantedMs = this.#times === undefined ? deadlineFirstMs : patienceMs(this.#times);
    return Math.round(Math.min(deadlineMaxMs, Math.max(deadlineMinMs, wantedMs)));
  }

  noteTime(tookMs: number): void {
    this.#times = noteAnswerTime(this.#times, tookMs);
  }

  noteDone(): void {
    this.#failures = 0;
    this.#window = Math.min(this.#limits.offersMax, this.#window + 1 / this.#window);
  }

  noteBusy(nowMonoMs: number, random: Random): void {
    this.#window = Math.max(1, this.#window / 2);
    this.#leaveAlone(this.#limits.busy, nowMonoMs, random);
  }

  /** It did not answer in time, or not what was asked. */
  noteLost(nowMonoMs: number, random: Random): void {
    this.#window = 1;
    this.#leaveAlone(this.#limits.late, nowMonoMs, random);
  }

  #leaveAlone(backoff: OfferLimits['busy'], nowMonoMs: number, random: Random): void {
    const untilMonoMs = nowMonoMs + backoffDelayMs(this.#failures++, backoff, random.next());
    this.#leftAloneUntilMonoMs = Math.max(this.#leftAloneUntilMonoMs, untilMonoMs);
  }
}
