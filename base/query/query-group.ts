import type { Checked } from '../../protocol/query.js';
import { strictMajority } from '../holders.js';
import type { ReplicaAnswer } from './answer-parts.js';
import { type VerifyState, type Vote, verifiersOf } from './dispute.js';

export type Want = 'full' | 'digest';

/** One replica to ask for the whole answer or its digest, and whether it is to read its files again for it. */
export type Ask = { readonly replica: string; readonly want: Want; readonly verify?: true };

/** How sure an answer is: see `docs/queries.md`. The later, the surer. */
export const CONFIDENCES = ['conflict', 'single', 'majority', 'confirmed', 'verified'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

/** Refusals that may be over in a moment. */
const PASSING: ReadonlySet<ReplicaNote['why']> = new Set(['overloaded', 'syncing', 'failed']);
/** How often one that refused so is asked once more, after pauses that double: 2 s in all. */
const AGAIN_MAX = 3;

/** What a replica found that read its files again. */
export type Finding = Checked & { readonly node: string };

/** What became of one replica that was asked. */
export type ReplicaNote = {
  readonly node: string;
  readonly why: 'silent' | 'behind' | 'differs' | 'syncing' | 'overloaded' | 'quarantined' | 'bad-query' | 'failed';
  readonly message?: string;
};

export type GroupOutcome = {
  /** Absent if no replica gave the whole answer. */
  readonly answer?: ReplicaAnswer;
  readonly confidence: Confidence;
  /** Replicas that gave exactly this answer. */
  readonly agreeing: readonly string[];
  readonly notes: readonly ReplicaNote[];
  /** Every digest of a first complete answer and who gave it; more than one: they differed. */
  readonly digests: readonly Vote[];
  /** Replicas whose first answer was another one, where it is settled which one holds. */
  readonly lost: readonly string[];
  /** What those found that read their files again. */
  readonly findings: readonly Finding[];
};

type Asked = {
  pending: Want | undefined;
  sentMonoMs: number;
  /** It is not waited for alone any more. */
  isLate: boolean;
  verify: VerifyState | undefined;
  answer: ReplicaAnswer | undefined;
  /** Digest of its first complete answer. */
  firstDigest: string | undefined;
  failure: ReplicaNote | undefined;
  refusals: number;
  /** It refused for the moment and is asked once more then. */
  againMonoMs: number | undefined;
};

export type QueryGroupOptions = {
  /** A replica that has not answered within this gets company. */
  readonly hedgeMs: number;
  /** The same for one that reads its files again. */
  readonly verifyMs: number;
  /** All that are asked are to read their files again, whether they differ or not. */
  readonly isVerifying?: boolean;
};

/**
 * One question to the holders of one set of logs. Pure: says whom to ask next, hears what came. One replica gives the
 * whole answer and others its digest; one that is slow, refuses or is behind costs only that another is asked; where
 * digests differ, all are asked and a strict majority of those assigned decides, or nobody does; and those in doubt are
 * asked once more, to read their files again.
 */
export class QueryGroup {
  readonly #assigned: number;
  readonly #candidates: readonly string[];
  readonly #wanted: number;
  readonly #options: QueryGroupOptions;
  readonly #asked = new Map<string, Asked>();

  /**
   * @param candidates whom to ask, the best first.
   * @param assigned how many nodes should hold these logs, whether or not they can be asked.
   * @param wanted replicas that are to agree.
   */
  constructor(candidates: readonly string[], assigned: number, wanted: number, options: QueryGroupOptions) {
    this.#candidates = candidates;
    this.#assigned = assigned;
    this.#wanted = Math.max(1, Math.min(wanted, candidates.length));
    this.#options = options;
  }

  begin(nowMonoMs: number): Ask[] {
    return this.#candidates
      .slice(0, this.#wanted)
      .map((replica, i) => this.#ask(replica, i === 0 ? 'full' : 'digest', nowMonoMs));
  }

  answered(replica: string, answer: ReplicaAnswer, nowMonoMs: number): Ask[] {
    const asked = this.#asked.get(replica);
    if (asked === undefined) return [];
    asked.pending = undefined;
    asked.failure = undefined;
    if (asked.verify === 'asked') asked.verify = 'answered';
    if (answer.missing.length === 0) asked.firstDigest ??= answer.digest;
    // A digest does not take away the whole answer that said the same, nor a second one what was found for the first.
    asked.answer = asked.answer?.digest === answer.digest ? { ...asked.answer, ...answer } : answer;
    return this.#next(nowMonoMs);
  }

  failed(replica: string, why: ReplicaNote['why'], message: string, nowMonoMs: number): Ask[] {
    const asked = this.#asked.get(replica);
    if (asked === undefined) return [];
    asked.pending = undefined;
    asked.failure = { node: replica, why, message };
    if (PASSING.has(why) && asked.refusals < AGAIN_MAX) {
      asked.againMonoMs = nowMonoMs + this.#options.hedgeMs * 2 ** asked.refusals;
    }
    asked.refusals++;
    if (asked.verify === 'asked') asked.verify = 'answered';
    return this.#next(nowMonoMs);
  }

  /** Time passes: those that are slow get company. */
  tick(nowMonoMs: number): Ask[] {
    const asks: Ask[] = [];
    for (const asked of [...this.#asked.values()]) {
      if (asked.pending === undefined || asked.isLate || nowMonoMs - asked.sentMonoMs < this.#patienceMs(asked))
        continue;
      asked.isLate = true;
      // Of one that has answered before, an answer is at hand.
      if (asked.answer === undefined) asks.push(...this.#askAnother(nowMonoMs));
      asks.push(...this.#askForContent(nowMonoMs));
    }
    return [...asks, ...this.#askAgain(nowMonoMs), ...this.#settle(nowMonoMs)];
  }

  /** A first answer may come from somebody who does not take too long. */
  get isHearing(): boolean {
    return [...this.#asked.values()].some(
      ({ pending, isLate, answer }) => pending !== undefined && !isLate && answer === undefined,
    );
  }

  /** True when nothing that could still come would change the answer, or nothing can come. */
  get isDone(): boolean {
    const waiting = [...this.#asked.values()].filter(
      ({ pending, againMonoMs }) => pending !== undefined || againMonoMs !== undefined,
    );
    if (waiting.length === 0) return true;
    if (waiting.some(({ verify, isLate }) => verify === 'asked' && !isLate)) return false;
    const [best] = this.#votes();
    if (best === undefined || !best.hasContent) return false;
    return best.replicas.length >= this.#enough;
  }

  outcome(): GroupOutcome {
    const chosen = this.#choose();
    const agreeing = chosen === undefined ? [] : this.#agreeingWith(chosen);
    const confidence = this.#confidence(chosen, agreeing);
    const first = this.#firstVotes();
    const isSettled = confidence !== 'conflict' && chosen?.missing.length === 0;
    return {
      ...(chosen === undefined ? {} : { answer: chosen }),
      confidence,
      agreeing,
      notes: this.#notes(chosen),
      digests: first,
      lost: isSettled ? first.flatMap(({ digest, replicas }) => (digest === chosen.digest ? [] : replicas)) : [],
      findings: [...this.#asked].flatMap(([node, { answer }]) => {
        return answer?.checked === undefined ? [] : [{ node, ...answer.checked }];
      }),
    };
  }

  get #isDisputed(): boolean {
    return this.#votes().length > 1;
  }

  /** Replicas that have to agree as things stand. */
  get #enough(): number {
    return this.#isDisputed ? strictMajority(this.#assigned) : this.#wanted;
  }

  #patienceMs({ verify }: Asked): number {
    return verify === 'asked' ? this.#options.verifyMs : this.#options.hedgeMs;
  }

  /** Digests that complete answers had at first, the most frequent first. */
  #firstVotes(): Vote[] {
    const votes = new Map<string, string[]>();
    for (const [replica, { firstDigest }] of this.#asked) {
      if (firstDigest !== undefined) votes.set(firstDigest, [...(votes.get(firstDigest) ?? []), replica]);
    }
    return [...votes]
      .map(([digest, replicas]) => ({ digest, replicas }))
      .sort((a, b) => b.replicas.length - a.replicas.length || (a.digest < b.digest ? -1 : 1));
  }

  /** Digests of complete answers, the most frequent first; among equals one whose content is here, then the smaller. */
  #votes(): { digest: string; replicas: string[]; hasContent: boolean }[] {
    const votes = new Map<string, { digest: string; replicas: string[]; hasContent: boolean }>();
    for (const [replica, { answer }] of this.#asked) {
      if (answer === undefined || answer.missing.length > 0) continue;
      const vote = votes.get(answer.digest) ?? { digest: answer.digest, replicas: [], hasContent: false };
      vote.replicas.push(replica);
      vote.hasContent ||= answer.content !== undefined;
      votes.set(answer.digest, vote);
    }
    return [...votes.values()].sort(
      (a, b) =>
        b.replicas.length - a.replicas.length ||
        Number(b.hasContent) - Number(a.hasContent) ||
        (a.digest < b.digest ? -1 : 1),
    );
  }

  #next(nowMonoMs: number): Ask[] {
    const asks = this.#settle(nowMonoMs);
    if (this.#hasUsefulAnswer()) return asks;
    while (this.#isShort()) {
      const more = this.#askAnother(nowMonoMs);
      if (more.length === 0) break;
      asks.push(...more);
    }
    return [...asks, ...this.#askForContent(nowMonoMs)];
  }

  // Enough agree, and what they say is at hand.
  #hasUsefulAnswer(): boolean {
    const [best] = this.#votes();
    return best?.hasContent === true && best.replicas.length >= this.#enough;
  }

  // Without a majority nobody is doubted before everybody was heard who does not take too long.
  #settle(nowMonoMs: number): Ask[] {
    const votes = this.#votes();
    const majority = strictMajority(this.#assigned);
    const isDecided = (votes[0]?.replicas.length ?? 0) >= majority;
    if (!isDecided && (this.isHearing || this.#unasked() !== undefined)) return [];
    return verifiersOf(votes, majority, (replica) => this.#asked.get(replica)?.verify)
      .filter((replica) => this.#asked.get(replica)?.pending === undefined)
      .map((replica) => this.#ask(replica, 'digest', nowMonoMs, true));
  }

  // Answers that may still agree, with those that do, are fewer than are to agree.
  #isShort(): boolean {
    if (this.#isDisputed) return this.#unasked() !== undefined;
    const agreeing = this.#votes()[0]?.replicas.length ?? 0;
    const pending = [...this.#asked.values()].filter(
      (asked) => asked.pending !== undefined && asked.answer === undefined,
    );
    return agreeing + pending.filter(({ isLate }) => !isLate).length < this.#wanted && this.#unasked() !== undefined;
  }

  #askAnother(nowMonoMs: number): Ask[] {
    const replica = this.#unasked();
    if (replica === undefined) return [];
    return [this.#ask(replica, this.#wantOfNext(), nowMonoMs)];
  }

  // Others were asked meanwhile; where they are enough, nobody is needed who refused.
  #askAgain(nowMonoMs: number): Ask[] {
    return [...this.#asked]
      .filter(([, { againMonoMs = Number.POSITIVE_INFINITY }]) => nowMonoMs >= againMonoMs)
      .map(([replica]) => this.#ask(replica, this.#wantOfNext(), nowMonoMs));
  }

  #wantOfNext(): Want {
    const contentComes = [...this.#asked.values()].some(
      ({ pending, isLate, answer }) =>
        (pending === 'full' && !isLate) || (answer?.content !== undefined && answer.missing.length === 0),
    );
    return contentComes ? 'digest' : 'full';
  }

  // The answer is settled by digests and nobody has said what it is: one of those who know is asked.
  #askForContent(nowMonoMs: number): Ask[] {
    if ([...this.#asked.values()].some(({ pending, isLate }) => pending === 'full' && !isLate)) return [];
    const [best] = this.#votes();
    const from =
      best === undefined ? this.#partialWithoutContent() : best.hasContent ? undefined : this.#ableOf(best.replicas);
    return from === undefined ? [] : [this.#ask(from, 'full', nowMonoMs)];
  }

  #partialWithoutContent(): string | undefined {
    const answers = [...this.#asked].filter(([, { answer }]) => answer !== undefined);
    if (answers.some(([, { answer }]) => answer?.content !== undefined)) return undefined;
    answers.sort(([, a], [, b]) => lackedRecords(a.answer) - lackedRecords(b.answer));
    return this.#ableOf(answers.map(([replica]) => replica));
  }

  #ableOf(replicas: readonly string[]): string | undefined {
    return replicas.find((replica) => {
      const asked = this.#asked.get(replica);
      return asked?.pending === undefined && asked?.failure === undefined;
    });
  }

  #unasked(): string | undefined {
    return this.#candidates.find((replica) => !this.#asked.has(replica));
  }

  #ask(replica: string, want: Want, nowMonoMs: number, isDoubted = false): Ask {
    const known = this.#asked.get(replica);
    const isToVerify = isDoubted || (this.#options.isVerifying === true && known?.verify === undefined);
    this.#asked.set(replica, {
      pending: want,
      sentMonoMs: nowMonoMs,
      isLate: false,
      verify: isToVerify ? 'asked' : known?.verify,
      answer: known?.answer,
      firstDigest: known?.firstDigest,
      failure: undefined,
      refusals: known?.refusals ?? 0,
      againMonoMs: undefined,
    });
    return { replica, want, ...(isToVerify ? { verify: true as const } : {}) };
  }

  // A complete answer before a partial one; of partial ones the one that lacks least.
  #choose(): ReplicaAnswer | undefined {
    const withContent = [...this.#asked.values()].flatMap(({ answer }) =>
      answer?.content === undefined ? [] : [answer],
    );
    const order = this.#votes().map(({ digest }) => digest);
    const complete = withContent.filter(({ missing }) => missing.length === 0);
    complete.sort((a, b) => order.indexOf(a.digest) - order.indexOf(b.digest));
    const partial = withContent.filter(({ missing }) => missing.length > 0);
    partial.sort((a, b) => lackedRecords(a) - lackedRecords(b) || (a.digest < b.digest ? -1 : 1));
    return complete[0] ?? partial[0];
  }

  #agreeingWith(chosen: ReplicaAnswer): string[] {
    const lacked = JSON.stringify(chosen.missing);
    return [...this.#asked]
      .filter(([, { answer }]) => answer?.digest === chosen.digest && JSON.stringify(answer.missing) === lacked)
      .map(([replica]) => replica);
  }

  #confidence(chosen: ReplicaAnswer | undefined, agreeing: readonly string[]): Confidence {
    const votes = this.#votes();
    if (votes.length > 1) {
      const isDecided = agreeing.length >= strictMajority(this.#assigned) && votes[0]?.digest === chosen?.digest;
      return isDecided ? 'majority' : 'conflict';
    }
    if (agreeing.length < 2) return 'single';
    return this.#isVerified(agreeing) ? 'verified' : 'confirmed';
  }

  // All have read again; or they differed, some have read again, and now they agree.
  #isVerified(agreeing: readonly string[]): boolean {
    const checked = agreeing.filter((replica) => this.#asked.get(replica)?.answer?.checked !== undefined);
    return checked.length === agreeing.length || (checked.length > 0 && this.#firstVotes().length > 1);
  }

  #notes(chosen: ReplicaAnswer | undefined): ReplicaNote[] {
    return [...this.#asked].flatMap(([node, { answer, failure }]): ReplicaNote[] => {
      if (answer === undefined) return [failure ?? { node, why: 'silent' }];
      if (answer.missing.length > 0) return [{ node, why: 'behind' }];
      return chosen !== undefined && answer.digest !== chosen.digest && chosen.missing.length === 0
        ? [{ node, why: 'differs' }]
        : [];
    });
  }
}

function lackedRecords(answer: ReplicaAnswer | undefined): number {
  return answer?.missing.reduce((sum, { from, to }) => sum + to - from + 1, 0) ?? 0;
}
