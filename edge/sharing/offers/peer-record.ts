import { backoffDelayMs } from '../../../base/backoff.js';
import type { Random } from '../../../base/random.js';
import { type AnswerTimes, noteAnswerTime, patienceMs } from './answer-times.js';
import type { OfferLimits } from './offer-limits.js';

/** What offers to one peer have come to. Times are of one monotonic clock, ms. */
export class PeerRecord {
  readonly #limits: OfferLimits;
  #outstanding = 0;
  /** Offers that may be under way there: grows by one per round of answers, halves when it has no room. */
  #window = 1;
  /** Of those under way: answers that make it grow. A window that is not filled says nothing of what the peer would take. */
  #growing = 0;
  /** When it was last made smaller: what was offered before then says nothing of what it is now. */
  #cutMonoMs = Number.NEGATIVE_INFINITY;
  #times: AnswerTimes | undefined;
  #failures = 0;
  #leftAloneUntilMonoMs = Number.NEGATIVE_INFINITY;

  constructor(limits: OfferLimits) {
    this.#limits = limits;
  }

  /** Offers under way there. */
  get outstanding(): number {
    return this.#outstanding;
  }

  noteSent(): void {
    this.#outstanding++;
    if (this.#outstanding >= Math.floor(this.#window)) this.#growing = this.#outstanding;
  }

  /** Offers it may be given besides those under way. */
  room(nowMonoMs: number): number {
    if (nowMonoMs < this.#leftAloneUntilMonoMs) return 0;
    return Math.max(0, Math.floor(this.#window) - this.#outstanding);
  }

  get deadlineMs(): number {
    const { deadlineFirstMs, deadlineMinMs, deadlineMaxMs } = this.#limits;
    const wantedMs = this.#times === undefined ? deadlineFirstMs : patienceMs(this.#times);
    return Math.round(Math.min(deadlineMaxMs, Math.max(deadlineMinMs, wantedMs)));
  }

  noteTime(tookMs: number): void {
    this.#times = noteAnswerTime(this.#times, tookMs);
  }

  /** It did a look in time. */
  noteDone(nowMonoMs: number): void {
    this.#outstanding--;
    this.#failures = 0;
    this.#noteThere(nowMonoMs);
    if (this.#growing === 0) return;
    this.#growing--;
    this.#window = Math.min(this.#limits.offersMax, this.#window + 1 / this.#window);
  }

  /** It had no room. While it has others of this node it will have some when it answers one of them. */
  noteBusy(sentMonoMs: number, nowMonoMs: number, random: Random): void {
    this.#outstanding--;
    this.#cut(this.#window / 2, sentMonoMs, nowMonoMs);
    if (this.#outstanding === 0) this.#leaveAlone(this.#limits.busy, nowMonoMs, random);
  }

  /** It did not answer in time, or not what was asked. */
  noteLost(sentMonoMs: number, nowMonoMs: number, random: Random): void {
    this.#outstanding--;
    if (this.#cut(1, sentMonoMs, nowMonoMs)) this.#leaveAlone(this.#limits.late, nowMonoMs, random);
  }

  /** It answered after all. If it was late for once it is as one that had no room. */
  noteLateAnswer(nowMonoMs: number): void {
    if (this.#failures <= 1) this.#noteThere(nowMonoMs);
  }

  // Silent for one look, not for another: it is not gone.
  #noteThere(nowMonoMs: number): void {
    this.#leftAloneUntilMonoMs = Math.min(this.#leftAloneUntilMonoMs, nowMonoMs + this.#limits.busy.firstMs);
  }

  // What ends alike was offered together: one look that waits too long keeps those behind it waiting, too.
  #cut(window: number, sentMonoMs: number, nowMonoMs: number): boolean {
    if (sentMonoMs < this.#cutMonoMs) return false;
    this.#cutMonoMs = nowMonoMs;
    this.#growing = 0;
    this.#window = Math.max(1, window);
    return true;
  }

  #leaveAlone(backoff: OfferLimits['busy'], nowMonoMs: number, random: Random): void {
    const untilMonoMs = nowMonoMs + backoffDelayMs(this.#failures++, backoff, random.next());
    this.#leftAloneUntilMonoMs = Math.max(this.#leftAloneUntilMonoMs, untilMonoMs);
  }
}
