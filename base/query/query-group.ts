import { strictMajority } from '../holders.js';
import type { ReplicaAnswer } from './answer-parts.js';

export type Want = 'full' | 'digest';

/** One replica to ask for the whole answer or its digest. */
export type Ask = { readonly replica: string; readonly want: Want };

/** How sure an answer is: see `docs/queries.md`. The later, the surer. */
export const CONFIDENCES = ['conflict', 'single', 'majority', 'confirmed'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

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
  /** Every digest of a complete answer and who gave it; more than one: they differed. */
  readonly digests: readonly { readonly digest: string; readonly replicas: readonly string[] }[];
};

type Asked = {
  pending: Want | undefined;
  sentMonoMs: number;
  isHedged: boolean;
  answer: ReplicaAnswer | undefined;
  failure: ReplicaNote | undefined;
};

/**
 * One question to the holders of one set of logs. Pure: says whom to ask next, hears what came. One replica gives the
 * whole answer and others its digest; one that is slow, refuses or is behind costs only that another is asked; where
 * digests differ, all are asked and a strict majority of those assigned decides, or nobody does.
 */
export class QueryGroup {
  readonly #assigned: number;
  readonly #candidates: readonly string[];
  readonly #wanted: number;
  readonly #hedgeMs: number;
  readonly #asked = new Map<string, Asked>();

  /**
   * @param candidates whom to ask, the best first.
   * @param assigned how many nodes should hold these logs, whether or not they can be asked.
   * @param wanted replicas that are to agree.
   */
  constructor(candidates: readonly string[], assigned: number, wanted: number, hedgeMs: number) {
    this.#candidates = candidates;
    this.#assigned = assigned;
    this.#wanted = Math.max(1, Math.min(wanted, candidates.length));
    this.#hedgeMs = hedgeMs;
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
    // A digest does not replace the whole answer that said the same.
    if (asked.answer?.content === undefined || asked.answer.digest !== answer.digest) asked.answer = answer;
    return this.#next(nowMonoMs);
  }

  failed(replica: string, why: ReplicaNote['why'], message: string, nowMonoMs: number): Ask[] {
    const asked = this.#asked.get(replica);
    if (asked === undefined) return [];
    asked.pending = undefined;
    asked.failure = { node: replica, why, message };
    return this.#next(nowMonoMs);
  }

  /** Time passes: those that are slow get company. */
  tick(nowMonoMs: number): Ask[] {
    const asks: Ask[] = [];
    for (const asked of [...this.#asked.values()]) {
      if (asked.pending === undefined || asked.isHedged || nowMonoMs - asked.sentMonoMs < this.#hedgeMs) continue;
      asked.isHedged = true;
      asks.push(...this.#askAnother(nowMonoMs), ...this.#askForContent(nowMonoMs));
    }
    return asks;
  }

  /** True when nothing that could still come would change the answer, or nothing can come. */
  get isDone(): boolean {
    const isWaiting = [...this.#asked.values()].some(({ pending }) => pending !== undefined);
    if (!isWaiting) return true;
    const [best] = this.#votes();
    if (best === undefined || !best.hasContent) return false;
    return this.#isDisputed
      ? best.replicas.length >= strictMajority(this.#assigned)
      : best.replicas.length >= this.#wanted;
  }

  outcome(): GroupOutcome {
    const votes = this.#votes();
    const digests = votes.map(({ digest, replicas }) => ({ digest, replicas }));
    const chosen = this.#choose();
    const agreeing = chosen === undefined ? [] : this.#agreeingWith(chosen);
    return {
      ...(chosen === undefined ? {} : { answer: chosen }),
      confidence: this.#confidence(chosen, agreeing.length),
      agreeing,
      notes: this.#notes(chosen),
      digests,
    };
  }

  get #isDisputed(): boolean {
    return this.#votes().length > 1;
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
    if (this.isDone && this.#hasUsefulAnswer()) return [];
    const asks: Ask[] = [];
    while (this.#isShort()) {
      const more = this.#askAnother(nowMonoMs);
      if (more.length === 0) break;
      asks.push(...more);
    }
    return [...asks, ...this.#askForContent(nowMonoMs)];
  }

  // Done by the rules and with an answer in hand: enough agree.
  #hasUsefulAnswer(): boolean {
    const [best] = this.#votes();
    const enough = this.#isDisputed ? strictMajority(this.#assigned) : this.#wanted;
    return best?.hasContent === true && best.replicas.length >= enough;
  }

  // Answers that may still agree, with those that do, are fewer than are to agree.
  #isShort(): boolean {
    if (this.#isDisputed) return this.#unasked() !== undefined;
    const agreeing = this.#votes()[0]?.replicas.length ?? 0;
    const pending = [...this.#asked.values()].filter(
      (asked) => asked.pending !== undefined && asked.answer === undefined,
    );
    return (
      agreeing + pending.filter(({ isHedged }) => !isHedged).length < this.#wanted && this.#unasked() !== undefined
    );
  }

  #askAnother(nowMonoMs: number): Ask[] {
    const replica = this.#unasked();
    if (replica === undefined) return [];
    const contentComes = [...this.#asked.values()].some(
      ({ pending, isHedged, answer }) =>
        (pending === 'full' && !isHedged) || (answer?.content !== undefined && answer.missing.length === 0),
    );
    return [this.#ask(replica, contentComes ? 'digest' : 'full', nowMonoMs)];
  }

  // The answer is settled by digests and nobody has said what it is: one of those who know is asked.
  #askForContent(nowMonoMs: number): Ask[] {
    if ([...this.#asked.values()].some(({ pending, isHedged }) => pending === 'full' && !isHedged)) return [];
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

  #ask(replica: string, want: Want, nowMonoMs: number): Ask {
    const known = this.#asked.get(replica);
    this.#asked.set(replica, {
      pending: want,
      sentMonoMs: nowMonoMs,
      isHedged: false,
      answer: known?.answer,
      failure: undefined,
    });
    return { replica, want };
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

  #confidence(chosen: ReplicaAnswer | undefined, agreeing: number): Confidence {
    const votes = this.#votes();
    if (votes.length > 1) {
      const isDecided = agreeing >= strictMajority(this.#assigned) && votes[0]?.digest === chosen?.digest;
      return isDecided ? 'majority' : 'conflict';
    }
    return agreeing >= 2 ? 'confirmed' : 'single';
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
