import { createHash } from 'node:crypto';
import { Counters } from '../../../base/counters.js';
import type { Answer } from './answer-match.js';
import { AuditAllowance } from './audit-budget.js';
import {
  type AuditEffect,
  type AuditRecordFields,
  type AuditRefusal,
  type AuditReply,
  type AuditRequest,
  digestInRecord,
  type LookedAgain,
} from './audit-effects.js';
import type { AuditLimits } from './audit-limits.js';
import { type Judgement, judgeAnswers } from './audit-verdict.js';
import { isWithinReach } from './second-look.js';
import { type EarlierPicture, StuckWatch } from './stuck-watch.js';

/** What the auditor knows of itself and of who asks. */
export type TakerView = {
  readonly model: string | undefined;
  /** Others doubt its results: its answer would be no evidence. */
  readonly isDoubted: boolean;
  /** It shares audits, and takes pictures of that site. */
  readonly isShared: boolean;
  /** Its record of this very audit is in its log. */
  readonly isRecorded: boolean;
  readonly nowMonoMs: number;
};

const COUNTERS = [
  ...['taken', 'takenBytes', 'refusedBusy', 'refusedModel', 'refusedDoubted', 'refusedNotShared', 'refusedPicture'],
  ...['takenFailed', 'repeated', 'foundValid', 'foundDisputed', 'foundInconclusive', 'undecided', 'early'],
  ...['earlyForgotten', 'lateReplies', 'strayReplies', 'lookedAgain', 'seenAsWorker', 'notLookedAgain'],
] as const;
type CounterName = (typeof COUNTERS)[number];

const REFUSAL_COUNTERS: Readonly<Record<AuditRefusal, CounterName>> = {
  busy: 'refusedBusy',
  'other-model': 'refusedModel',
  doubted: 'refusedDoubted',
  'not-shared': 'refusedNotShared',
  'bad-picture': 'refusedPicture',
  failed: 'takenFailed',
};

type Taken = {
  readonly audit: AuditRequest;
  readonly jpeg: Uint8Array;
  untilMonoMs: number;
  readonly stuck: EarlierPicture | undefined;
  /** Undefined until the own detector has looked. */
  mine: Answer | undefined;
  /** What the other auditor said; undefined until it did. */
  other: AuditReply | undefined;
  /** From when it would dispute: how, and what it has seen since in changed copies of the picture. */
  again: { readonly dispute: Judgement; readonly answers: Answer[] } | undefined;
};

/** Answers of the other auditor that came before the question, kept for it. */
const EARLY_MAX = 64;

/**
 * The auditing side of audits: looks at pictures of others with the own detector, tells the worker and the other auditor
 * what it sees, and records what follows from the three answers.
 */
export class AuditTaker {
  readonly #node: string;
  readonly #limits: AuditLimits;
  readonly #allowance: AuditAllowance;
  readonly #againAllowance: AuditAllowance;
  readonly #stuck: StuckWatch;
  /** By worker and audit id. */
  readonly #taken = new Map<string, Taken>();
  /** By other auditor, worker and audit id. */
  readonly #early = new Map<string, AuditReply>();
  /** Audits that are over, so that one that is sent twice is not recorded twice. */
  readonly #over = new Set<string>();
  readonly counters = new Counters<CounterName>(COUNTERS);

  constructor(node: string, limits: AuditLimits, nowMonoMs: number) {
    this.#node = node;
    this.#limits = limits;
    this.#allowance = new AuditAllowance(limits.taken, nowMonoMs);
    this.#againAllowance = new AuditAllowance(limits.again, nowMonoMs);
    this.#stuck = new StuckWatch(limits.digestsMax);
  }

  /** A worker asks. @param sender the worker, as the broker knows it. */
  onAudit(sender: string, audit: AuditRequest, jpeg: Uint8Array, view: TakerView): readonly AuditEffect[] {
    const key = `${sender}/${audit.id}`;
    // Asked again after a restart it might come to another verdict than it has recorded.
    if (this.#taken.has(key) || this.#over.has(key) || view.isRecorded) return this.#count('repeated');
    const refusal = this.#refusalOf(sender, audit, jpeg, view);
    if (refusal !== undefined) return this.#refuse(audit, refusal, sender);
    this.#count('taken');
    this.counters.add('takenBytes', jpeg.byteLength);
    const earlyKey = `${audit.other}/${key}`;
    const early = this.#early.get(earlyKey);
    this.#early.delete(earlyKey);
    const untilMonoMs = view.nowMonoMs + this.#limits.answerMs;
    const open = { mine: undefined, other: early, again: undefined };
    this.#taken.set(key, { audit, jpeg, untilMonoMs, stuck: this.#noteStuck(audit), ...open });
    return [{ type: 'look', request: key, jpeg, scoreMin: audit.scoreMin }];
  }

  /** The own detector looked. @param boxes undefined: it could not. */
  onLooked(key: string, boxes: Answer | undefined, nowMonoMs: number): readonly AuditEffect[] {
    const taken = this.#taken.get(key);
    if (taken?.again !== undefined) return this.#onLookedAgain(key, taken, boxes);
    if (taken === undefined || taken.mine !== undefined) return [];
    if (boxes === undefined) {
      this.#end(key);
      return this.#refuse(taken.audit, 'failed');
    }
    taken.mine = boxes;
    const { id, of, other } = taken.audit;
    const stuck = taken.stuck === undefined ? {} : { stuck: true as const };
    const reply: AuditEffect = { type: 'reply', to: [of.n, other], reply: { id, of, ok: true, boxes, ...stuck } };
    return taken.other === undefined ? [reply] : [reply, ...this.#conclude(key, taken, nowMonoMs)];
  }

  /** The other auditor of a result said what it sees. */
  onReply(sender: string, reply: AuditReply, nowMonoMs: number): readonly AuditEffect[] {
    const key = `${reply.of.n}/${reply.id}`;
    const taken = this.#taken.get(key);
    if (taken === undefined) return this.#keepEarly(`${sender}/${key}`, key, reply);
    if (taken.audit.other !== sender || taken.other !== undefined) return this.#count('strayReplies');
    taken.other = reply;
    return taken.mine === undefined ? [] : this.#conclude(key, taken, nowMonoMs);
  }

  /** Ends what has waited long enough, by the answers that are there. */
  onTick(nowMonoMs: number): readonly AuditEffect[] {
    return [...this.#taken].flatMap(([key, taken]) => {
      if (taken.untilMonoMs > nowMonoMs) return [];
      if (taken.again !== undefined) return this.#onLookedAgain(key, taken, undefined);
      if (taken.mine !== undefined) return this.#conclude(key, taken, nowMonoMs);
      this.#end(key);
      return this.#refuse(taken.audit, 'failed');
    });
  }

  /** The vision process is gone: what it was to look at is over. */
  onBlind(nowMonoMs: number): readonly AuditEffect[] {
    const waiting = [...this.#taken].filter(([, { mine, again }]) => mine === undefined || again !== undefined);
    return waiting.flatMap(([key]) => this.onLooked(key, undefined, nowMonoMs));
  }

  get outstanding(): number {
    return this.#taken.size;
  }

  #refusalOf(sender: string, audit: AuditRequest, jpeg: Uint8Array, view: TakerView): AuditRefusal | undefined {
    const isAboutSender = audit.of.n === sender && sender !== this.#node;
    if (!view.isShared) return 'not-shared';
    if (!isAboutSender || audit.other === this.#node || audit.other === sender) return 'bad-picture';
    if (view.isDoubted) return 'doubted';
    if (view.model === undefined || view.model !== audit.model) return 'other-model';
    if (createHash('sha256').update(jpeg).digest('hex') !== audit.digest) return 'bad-picture';
    if (this.#taken.size >= this.#limits.outstandingMax) return 'busy';
    return this.#allowance.take(jpeg.byteLength, view.nowMonoMs) ? undefined : 'busy';
  }

  #refuse({ id, of, other }: AuditRequest, code: AuditRefusal, sender = of.n): readonly AuditEffect[] {
    this.#count(REFUSAL_COUNTERS[code]);
    // Who names others wrongly, or is not worked for, has nobody else answered.
    const isOthers = code !== 'bad-picture' && code !== 'not-shared';
    const to = isOthers ? [sender, other] : [sender];
    return [{ type: 'reply', to: to.filter((node) => node !== this.#node), reply: { id, of, ok: false, code } }];
  }

  #noteStuck({ live, of, camera, digest, capturedAtMs }: AuditRequest): EarlierPicture | undefined {
    if (!live) return undefined;
    return this.#stuck.note(of.n, camera, digest, { e: of.e, s: of.s, atMs: capturedAtMs });
  }

  #keepEarly(earlyKey: string, key: string, reply: AuditReply): readonly AuditEffect[] {
    if (this.#over.has(key)) return this.#count('lateReplies');
    this.#early.set(earlyKey, reply);
    const [oldest] = this.#early.keys();
    if (this.#early.size > EARLY_MAX && oldest !== undefined) {
      this.#early.delete(oldest);
      this.#count('earlyForgotten');
    }
    return this.#count('early');
  }

  #conclude(key: string, taken: Taken, nowMonoMs: number): readonly AuditEffect[] {
    const { audit, mine, other, stuck } = taken;
    const second = other?.ok === true ? other.boxes : undefined;
    const { boxes: worker, scoreMin } = audit;
    const seenBefore = [stuck, other?.stuck].filter((earlier) => earlier !== undefined).length;
    const judged = mine === undefined ? undefined : judgeAnswers({ worker, first: mine, second, scoreMin, seenBefore });
    if (judged?.verdict === 'disputed' && judged.why !== 'stuck') return this.#lookAgain(key, taken, judged, nowMonoMs);
    this.#end(key);
    return judged === undefined ? this.#count('undecided') : this.#record(audit, judged);
  }

  // Two boards with one decoder of JPEG must not outvote one with another.
  #lookAgain(key: string, taken: Taken, dispute: Judgement, nowMonoMs: number): readonly AuditEffect[] {
    if (!this.#againAllowance.take(0, nowMonoMs)) return this.#giveIn(key, taken.audit, 'not-looked');
    taken.again = { dispute, answers: [] };
    taken.untilMonoMs = nowMonoMs + this.#limits.answerMs;
    this.#count('lookedAgain');
    return this.#nextLook(key, taken, taken.again);
  }

  #onLookedAgain(key: string, taken: Taken, boxes: Answer | undefined): readonly AuditEffect[] {
    const { audit, mine, again } = taken;
    if (again === undefined || mine === undefined) return [];
    if (boxes === undefined) return this.#giveIn(key, audit, 'not-looked');
    again.answers.push(boxes);
    if (isWithinReach(audit.boxes, mine, again.answers, audit.scoreMin)) return this.#giveIn(key, audit, 'as-worker');
    return this.#nextLook(key, taken, again);
  }

  #nextLook(key: string, { audit, jpeg }: Taken, { dispute, answers }: NonNullable<Taken['again']>) {
    const colours = this.#limits.againColours[answers.length];
    if (colours !== undefined) {
      return [{ type: 'look', request: key, jpeg, scoreMin: audit.scoreMin, colours } as const];
    }
    this.#end(key);
    return this.#record(audit, dispute);
  }

  #giveIn(key: string, audit: AuditRequest, again: LookedAgain): readonly AuditEffect[] {
    this.#end(key);
    this.#count(again === 'as-worker' ? 'seenAsWorker' : 'notLookedAgain');
    return this.#record(audit, { verdict: 'inconclusive' }, again);
  }

  #record(audit: AuditRequest, judged: Judgement, again?: LookedAgain): readonly AuditEffect[] {
    this.#count(FOUND[judged.verdict]);
    const fields = { ...this.#fieldsOf(audit, judged), ...(again === undefined ? {} : { again }) };
    return [{ type: 'record', fields }];
  }

  #fieldsOf(audit: AuditRequest, { verdict, why, odd }: Judgement): AuditRecordFields {
    const { of, model, other, camera, digest, capturedAtMs } = audit;
    const by = this.#node < other ? ([this.#node, other] as const) : ([other, this.#node] as const);
    return {
      k: 'audit',
      ...{ of, m: model, by, v: verdict },
      ...(why === undefined ? {} : { why }),
      ...(odd === undefined ? {} : { odd: odd === 'first' ? this.#node : other }),
      ...{ c: camera, j: digestInRecord(digest), at: capturedAtMs },
    };
  }

  #end(key: string): void {
    this.#taken.delete(key);
    this.#over.add(key);
    const [oldest] = this.#over;
    if (this.#over.size > this.#limits.digestsMax && oldest !== undefined) this.#over.delete(oldest);
  }

  #count(name: CounterName): readonly AuditEffect[] {
    this.counters.add(name);
    return [];
  }
}

const FOUND = { valid: 'foundValid', disputed: 'foundDisputed', inconclusive: 'foundInconclusive' } as const;
