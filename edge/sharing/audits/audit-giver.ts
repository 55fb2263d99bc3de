import { Counters } from '../../../base/counters.js';
import type { Answer } from './answer-match.js';
import { AuditAllowance } from './audit-budget.js';
import type { AuditEffect, AuditReply, AuditRequest } from './audit-effects.js';
import type { AuditLimits } from './audit-limits.js';
import { isAudited } from './audit-selection.js';
import { judgeAnswers } from './audit-verdict.js';
import { type AuditedNode, type AuditPeer, auditorsOf, hasAuditors } from './auditor-choice.js';
import { type AuditCandidate, CandidateRing } from './candidate-ring.js';

/** What the worker knows when something happens. */
export type GiverView = {
  /** SHA-256 of its model, hex; undefined while none is loaded: nothing is audited then. */
  readonly model: string | undefined;
  /** The model's threshold, 0..1. */
  readonly scoreMin: number;
  /** Part of its results to be audited, 0..1. */
  readonly rate: number;
  readonly site: string | undefined;
  readonly otherSites: boolean;
  readonly peers: () => readonly AuditPeer[];
  readonly nowMonoMs: number;
};

const COUNTERS = [
  ...['candidates', 'passed', 'overBudget', 'withoutAuditors', 'lookFailed', 'given', 'givenBytes'],
  ...['agreed', 'disputed', 'inconclusive', 'unanswered', 'unexpected'],
] as const;

type Given = {
  readonly candidate: AuditCandidate;
  readonly model: string;
  readonly scoreMin: number;
  readonly untilMonoMs: number;
  auditors: readonly [string, string] | undefined;
  mine: Answer;
  readonly replies: Map<string, AuditReply>;
};

/**
 * The audited side of audits: keeps pictures until chance decides, looks at those drawn once more, asks two others, and
 * counts what they say. What follows from it is for the auditors to record.
 */
export class AuditGiver {
  readonly #node: string;
  readonly #limits: AuditLimits;
  readonly #ring: CandidateRing;
  readonly #allowance: AuditAllowance;
  readonly #isAudited: typeof isAudited;
  /** By audit id. */
  readonly #given = new Map<string, Given>();
  readonly counters = new Counters<(typeof COUNTERS)[number]>(COUNTERS);

  constructor(node: string, limits: AuditLimits, nowMonoMs: number, draw: typeof isAudited = isAudited) {
    this.#node = node;
    this.#isAudited = draw;
    this.#limits = limits;
    this.#ring = new CandidateRing(limits);
    this.#allowance = new AuditAllowance(limits.given, nowMonoMs);
  }

  /** Keeps the picture of a record that was published. */
  keep(candidate: AuditCandidate): void {
    this.counters.add('candidates');
    this.#ring.add(candidate);
  }

  /** A head of another node arrived: what was published before it is drawn now, or never. */
  onHead(signature: string, view: GiverView): readonly AuditEffect[] {
    return this.#ring.takeAll(view.nowMonoMs).flatMap((candidate) => this.#draw(candidate, signature, view));
  }

  /** The own detector looked at a kept picture. @param boxes undefined: it could not. */
  onLooked(id: string, boxes: Answer | undefined, view: GiverView): readonly AuditEffect[] {
    const given = this.#given.get(id);
    if (given === undefined || given.auditors !== undefined) return [];
    const auditors = boxes === undefined ? undefined : this.#auditorsOf(given, view);
    if (boxes === undefined || auditors === undefined) {
      this.counters.add(boxes === undefined ? 'lookFailed' : 'withoutAuditors');
      this.#given.delete(id);
      return [];
    }
    given.auditors = auditors;
    given.mine = boxes;
    this.counters.add('given');
    this.counters.add('givenBytes', 2 * given.candidate.jpeg.byteLength);
    const [first, second] = auditors;
    return [this.#ask(id, given, first, second), this.#ask(id, given, second, first)];
  }

  /** An auditor said something. */
  onReply(sender: string, reply: AuditReply): void {
    const given = this.#given.get(reply.id);
    if (given?.auditors?.includes(sender) !== true || given.replies.has(sender)) {
      this.counters.add('unexpected');
      return;
    }
    given.replies.set(sender, reply);
    if (given.replies.size === 2) this.#settle(reply.id, given);
  }

  /** Gives up what was not answered in time, and pictures nobody drew. */
  onTick(nowMonoMs: number): void {
    this.#ring.expire(nowMonoMs);
    for (const [id, given] of this.#given) if (given.untilMonoMs <= nowMonoMs) this.#settle(id, given);
  }

  /** The vision process is gone: what it was to look at is over, and what it saw is not for the next one to answer for. */
  onBlind(): void {
    this.counters.add('lookFailed', this.#ring.clear());
    for (const [id, given] of this.#given) if (given.auditors === undefined) this.#settle(id, given);
  }

  /** Pictures kept, and undecided ones dropped. */
  get ring(): Readonly<Record<'count' | 'bytes' | 'droppedFull' | 'droppedOld', number>> {
    const { count, bytes, dropped } = this.#ring;
    return { count, bytes, droppedFull: dropped.full, droppedOld: dropped.old };
  }

  /** When the oldest picture that is kept was published; undefined for none. */
  get oldestMonoMs(): number | undefined {
    return this.#ring.oldestMonoMs;
  }

  get outstanding(): number {
    return this.#given.size;
  }

  #draw(candidate: AuditCandidate, signature: string, view: GiverView): readonly AuditEffect[] {
    const { model, scoreMin, rate, nowMonoMs } = view;
    if (model === undefined || !this.#isAudited(candidate.leaf, signature, rate)) return this.#skip('passed');
    if (!hasAuditors(this.#workerOf(model, view), view.peers(), view.otherSites)) return this.#skip('withoutAuditors');
    const isFull = this.#given.size >= this.#limits.outstandingMax;
    if (isFull || !this.#allowance.take(2 * candidate.jpeg.byteLength, nowMonoMs)) return this.#skip('overBudget');
    const id = `${candidate.epoch}-${candidate.seq}`;
    const untilMonoMs = nowMonoMs + this.#limits.answerMs;
    const none = { auditors: undefined, mine: [], replies: new Map<string, AuditReply>() };
    this.#given.set(id, { candidate, model, scoreMin, untilMonoMs, ...none });
    return [{ type: 'look', request: id, jpeg: candidate.jpeg, scoreMin }];
  }

  #skip(why: 'passed' | 'withoutAuditors' | 'overBudget'): readonly AuditEffect[] {
    this.counters.add(why);
    return [];
  }

  #auditorsOf({ candidate, model }: Given, view: GiverView): readonly [string, string] | undefined {
    // Another model meanwhile: its answer would be compared with records of the old one.
    if (model !== view.model) return undefined;
    return auditorsOf(candidate.leaf, this.#workerOf(model, view), view.peers(), view.otherSites);
  }

  #workerOf(model: string, { site }: GiverView): AuditedNode {
    return { node: this.#node, site, model };
  }

  #ask(id: string, { candidate, model, scoreMin, mine }: Given, to: string, other: string): AuditEffect {
    const { epoch, seq, camera, isLive, capturedAtMs, digest, jpeg } = candidate;
    const of = { n: this.#node, e: epoch, s: seq };
    const asked = { id, of, model, scoreMin, live: isLive, digest, capturedAtMs, camera };
    const audit: AuditRequest = { ...asked, boxes: mine, other };
    return { type: 'ask', to, audit, jpeg };
  }

  #settle(id: string, given: Given): void {
    this.#given.delete(id);
    this.counters.add(outcomeOf(given));
  }
}

// What the worker makes of the replies: a number of its own, never a record.
function outcomeOf({ mine, scoreMin, auditors, replies }: Given) {
  // It never came to be asked: the detector was too busy.
  if (auditors === undefined) return 'lookFailed';
  const answers = [...replies.values()];
  const [first, second] = answers.flatMap(({ ok, boxes }) => (ok && boxes !== undefined ? [boxes] : []));
  const seenBefore = answers.filter(({ stuck }) => stuck !== undefined).length;
  const judged = first === undefined ? undefined : judgeAnswers({ worker: mine, first, second, scoreMin, seenBefore });
  if (judged === undefined) return 'unanswered';
  return judged.verdict === 'valid' ? 'agreed' : judged.verdict;
}
