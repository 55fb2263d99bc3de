import { backoffDelayMs } from '../../../base/backoff.js';
import { Counters } from '../../../base/counters.js';
import type { Random } from '../../../base/random.js';
import type { OfferLimits } from './offer-limits.js';
import { choosePeer, type OfferPeer } from './peer-choice.js';
import { PeerRecord } from './peer-record.js';

/** One look under way at a peer. */
export type Offer = {
  readonly id: string;
  readonly node: string;
  readonly deadlineMs: number;
};

/** What a peer's answer says: boxes of use, no room, or neither. */
export type Verdict = 'done' | 'busy' | 'bad';

/** What an answer means: that, or it came after its deadline, or nobody asked that peer for it. */
export type AnswerMeaning = Verdict | 'late' | 'unasked';

type Outstanding = Offer & { readonly sentMonoMs: number };

const COUNTERS = [
  'offer-sent',
  'offer-done',
  'offer-busy',
  'offer-late',
  'offer-bad',
  'offer-none',
  'offer-lateAnswer',
  'offer-unasked',
  'offer-full',
] as const;

/**
 * The giving side: which peer is asked for a look, for how long, how many at once, and what answers mean. Decides only;
 * whoever calls sends, keeps the time and does what nobody else does. Times are of one monotonic clock, ms.
 */
export class Offering {
  readonly #limits: OfferLimits;
  readonly #random: Random;
  readonly #peers = new Map<string, PeerRecord>();
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #expired = new Map<string, Outstanding>();
  readonly #counters = new Counters(COUNTERS);
  #homeMs = Number.POSITIVE_INFINITY;
  #failuresInRow = 0;
  #pauses = 0;
  #pausedUntilMonoMs = Number.NEGATIVE_INFINITY;
  /** Told apart from other lives of the node: an answer to one of these may still be under way. */
  readonly #life: string;
  #nextId = 1;

  constructor(limits: OfferLimits, random: Random) {
    this.#limits = limits;
    this.#random = random;
    this.#life = random
      .fork('life')
      .int(2 ** 32)
      .toString(36);
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  /** Looks under way at peers. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** How long a camera waits here from one of its frames to the next, ms. */
  setHome(homeMs: number): void {
    this.#homeMs = homeMs;
  }

  /** Looks that may be under way at once now: those that are, and room at peers for more. */
  places(peers: readonly OfferPeer[], nowMonoMs: number): number {
    const { offersMax } = this.#limits;
    if (nowMonoMs < this.#pausedUntilMonoMs) return this.outstanding;
    let places = this.outstanding;
    for (const { node } of peers) {
      if (places >= offersMax) break;
      places += this.#peers.get(node)?.room(nowMonoMs) ?? 1;
    }
    return Math.min(offersMax, places);
  }

  /**
   * Chooses a peer for a look; the offer counts as sent.
   * @param tried peers that were asked for the same look before.
   * @returns undefined when the node has to help itself: nobody has room, or enough were asked.
   */
  begin(peers: readonly OfferPeer[], tried: readonly string[], nowMonoMs: number): Offer | undefined {
    const peer = this.#mayBegin(tried, nowMonoMs) ? this.#choose(peers, tried, nowMonoMs) : undefined;
    if (peer === undefined) {
      this.#counters.add('offer-none');
      return undefined;
    }
    const record = this.#recordOf(peer.node);
    record.noteSent();
    const offer = { id: `${this.#life}-${this.#nextId++}`, node: peer.node, deadlineMs: this.#deadlineMs(record) };
    this.#outstanding.set(offer.id, { ...offer, sentMonoMs: nowMonoMs });
    this.#counters.add('offer-sent');
    if (this.outstanding >= this.#limits.offersMax) this.#counters.add('offer-full');
    return offer;
  }

  /** An answer came. Only `done`, `busy` and `bad` end the look it is for. */
  answer(from: string, id: string, verdict: Verdict, nowMonoMs: number): AnswerMeaning {
    const offer = this.#outstanding.get(id);
    if (offer === undefined || offer.node !== from) return this.#lateOrUnasked(from, id, nowMonoMs);
    this.#outstanding.delete(id);
    const record = this.#recordOf(from);
    if (verdict === 'done') {
      record.noteTime(nowMonoMs - offer.sentMonoMs);
      record.noteDone(nowMonoMs);
      this.#failuresInRow = 0;
      this.#pauses = 0;
    } else if (verdict === 'busy') record.noteBusy(offer.sentMonoMs, nowMonoMs, this.#random);
    else record.noteLost(offer.sentMonoMs, nowMonoMs, this.#random);
    this.#counters.add(`offer-${verdict}`);
    return verdict;
  }

  /** The deadline of an offer has passed, or it could not be sent. @returns false when it was answered before. */
  expire(id: string, nowMonoMs: number): boolean {
    const offer = this.#outstanding.get(id);
    if (offer === undefined) return false;
    this.#outstanding.delete(id);
    this.#expired.set(id, offer);
    const [oldest] = this.#expired.keys();
    if (this.#expired.size > this.#limits.expiredKeptMax && oldest !== undefined) this.#expired.delete(oldest);
    this.#recordOf(offer.node).noteLost(offer.sentMonoMs, nowMonoMs, this.#random);
    this.#counters.add('offer-late');
    return true;
  }

  /**
   * A look that was offered was done by no peer. After many of them in a row nothing is offered for a while, and then, until
   * one is done, each that fails is followed by a longer pause: offers that come to nothing cost the work of making them.
   */
  noteFailed(nowMonoMs: number): void {
    if (++this.#failuresInRow < this.#limits.failuresMax) return;
    this.#pausedUntilMonoMs = nowMonoMs + backoffDelayMs(this.#pauses++, this.#limits.pause, this.#random.next());
  }

  // A camera sees nothing while it waits: no longer than a few frames of its own.
  #deadlineMs(record: PeerRecord): number {
    return Math.max(1, Math.round(Math.min(record.deadlineMs, this.#limits.homeFramesMax * this.#homeMs)));
  }

  #mayBegin(tried: readonly string[], nowMonoMs: number): boolean {
    const { offersMax, triesMax } = this.#limits;
    return this.outstanding < offersMax && tried.length < triesMax && nowMonoMs >= this.#pausedUntilMonoMs;
  }

  #choose(peers: readonly OfferPeer[], tried: readonly string[], nowMonoMs: number): OfferPeer | undefined {
    const mayAsk = ({ node }: OfferPeer) => !tried.includes(node) && (this.#peers.get(node)?.room(nowMonoMs) ?? 1) > 0;
    return choosePeer(peers, mayAsk, (node) => this.#peers.get(node)?.outstanding ?? 0, this.#random);
  }

  #lateOrUnasked(from: string, id: string, nowMonoMs: number): AnswerMeaning {
    const offer = this.#expired.get(id);
    if (offer === undefined || offer.node !== from) {
      this.#counters.add('offer-unasked');
      return 'unasked';
    }
    this.#expired.delete(id);
    const record = this.#recordOf(from);
    record.noteTime(nowMonoMs - offer.sentMonoMs);
    record.noteLateAnswer(nowMonoMs);
    this.#counters.add('offer-lateAnswer');
    return 'late';
  }

  // The order of the map is that of the last use; a peer that has looks under way is never the oldest for long.
  #recordOf(node: string): PeerRecord {
    const record = this.#peers.get(node) ?? new PeerRecord(this.#limits);
    this.#peers.delete(node);
    this.#peers.set(node, record);
    if (this.#peers.size > this.#limits.peersKeptMax) this.#forgetOldest();
    return record;
  }

  #forgetOldest(): void {
    for (const [node, { outstanding }] of this.#peers) {
      if (outstanding > 0) continue;
      this.#peers.delete(node);
      return;
    }
  }
}
