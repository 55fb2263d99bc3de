import type { Random } from '../../../base/random.js';
import type { Answer } from '../../../edge/sharing/audits/answer-match.js';
import { AuditCore, type AuditNeighbour, isOwnLook } from '../../../edge/sharing/audits/audit-core.js';
import type { AuditEffect, AuditReply, AuditRequest } from '../../../edge/sharing/audits/audit-effects.js';
import type { AuditFinding } from '../../../edge/sharing/audits/audit-finding.js';
import type { EventQueue } from '../kernel/event-queue.js';
import { answerOf, garbageAnswer, leafOf, type PictureAlbum, SimulatedCandidate } from './audit-pictures.js';
import type { PlannedNode } from './audit-plan.js';
import type { RuleSet } from './audit-rules.js';
import { SimulatedDetector } from './simulated-detector.js';

export const MODEL = 'a'.repeat(64);
const SCORE_MIN = 0.5;
/** Numbers of pictures that one life may have. */
const PICTURES_OF_LIFE = 20_000;
/** What another decoder, or a copy, changes: some pictures, in each of which all that it changes is the same. */
const OTHERWISE = { wrongAs: 'otherwise', wrongRate: 0.05 };
const LATE_MS = { min: 15_000, max: 45_000 };

export type AuditorOptions = {
  readonly plan: PlannedNode;
  readonly rules: RuleSet;
  readonly queue: EventQueue;
  readonly random: Random;
  readonly album: PictureAlbum;
  readonly wallMs: (node: string) => number;
  /** Carries a message to a node, or loses it, or brings it twice. */
  readonly send: (from: string, to: string, deliver: (receiver: SimulatedAuditor) => void) => void;
  /** The record is in the node's own log. */
  readonly record: (finding: AuditFinding) => void;
  /** Told of everything this node does for an audit, before it does it. */
  readonly onEffect: (board: SimulatedAuditor, effect: AuditEffect) => void;
};

/** A board of an audit history: the real core, a detector that is right or wrong, and a life that can end. */
export class SimulatedAuditor {
  readonly plan: PlannedNode;
  readonly #options: AuditorOptions;
  readonly #detector: SimulatedDetector;
  core: AuditCore;
  isUp = false;
  #isBlind = false;
  epoch = '';
  #life = 0;
  #seq = 0;
  /** Of this life: what came to the core, and what the core gave out. */
  traffic = { asked: 0, questions: 0 };
  /** The result in which an honest node differs. */
  #oddResult: string | undefined;
  /** Results it was careful with, as it knew that they would be audited. */
  #foreseen = new Set<number>();
  /** Questions under way, of which a liar makes what it likes. */
  #questions = new Map<string, AuditRequest>();

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.plan = options.plan;
    const { rules, queue, random, plan } = options;
    const { owedEveryMs, limits } = rules;
    const deadlineMs = Math.min(limits.answerMs, 60_000);
    this.#detector = new SimulatedDetector({ load: plan.load, queue, random, owedEveryMs, deadlineMs });
    this.core = this.#makeCore();
  }

  get node(): string {
    return this.plan.node;
  }

  /** Results of this life so far. */
  get results(): number {
    return this.#seq;
  }

  /** Starts anew; what is in the logs held here was heard before. */
  start(held: readonly AuditFinding[]): void {
    this.core = this.#makeCore();
    this.core.onModel({ sha256: MODEL, scoreMin: SCORE_MIN });
    for (const finding of held) this.core.onFinding(finding);
    this.#life++;
    this.#seq = 0;
    this.traffic = { asked: 0, questions: 0 };
    this.#foreseen.clear();
    this.#questions.clear();
    this.#isBlind = false;
    this.epoch = `${this.node}-${this.#life}`;
    this.isUp = true;
  }

  stop(): void {
    this.isUp = false;
  }

  /** The vision process is gone, or there again. */
  setBlind(isBlind: boolean): void {
    if (!this.isUp || this.#isBlind === isBlind) return;
    this.#isBlind = isBlind;
    this.core.onModel(isBlind ? undefined : { sha256: MODEL, scoreMin: SCORE_MIN });
    if (isBlind) this.do(this.core.onBlind(this.#options.queue.nowMs));
  }

  /** Its answers are wrong by now, or some are. */
  isWrong(): boolean {
    return this.#options.queue.nowMs >= this.plan.wrongFromMs;
  }

  /** Publishes results with their pictures. */
  makeResults(count: number): void {
    if (this.#isBlind) return;
    const { queue, wallMs, album, rules } = this.#options;
    const { epoch } = this;
    const rate = rules.draw.rate(this.core.standing?.validInRow ?? 0);
    for (let i = 0; i < count; i++) {
      const seq = ++this.#seq;
      const picture = pictureOf(epoch, seq);
      const leaf = leafOf(this.node, picture);
      // What it knew when it made the record: its own leaf, and how often it is audited.
      if (this.isWrong() && rules.draw.isAudited(leaf, '', rate)) this.#foreseen.add(seq);
      const times = { capturedAtMs: wallMs(this.node), keptMonoMs: queue.nowMs };
      this.core.keep(new SimulatedCandidate({ epoch, seq, leaf, jpeg: album.jpeg(picture), ...times }));
    }
  }

  onHead(writer: string, signature: string): void {
    this.do(this.core.onHead(writer, signature, this.#options.queue.nowMs));
  }

  onTick(neighbours: readonly AuditNeighbour[] | undefined): void {
    if (neighbours !== undefined) this.core.onNeighbours(neighbours);
    this.do(this.core.onTick(this.#options.queue.nowMs));
  }

  do(effects: readonly AuditEffect[]): void {
    for (const effect of effects) this.#doOne(effect);
  }

  #doOne(effect: AuditEffect): void {
    const { send, onEffect } = this.#options;
    onEffect(this, effect);
    if (effect.type === 'look') this.#look(effect.request, effect.colours !== undefined);
    else if (effect.type === 'ask') {
      this.traffic.asked++;
      const { audit, jpeg } = effect;
      send(this.node, effect.to, (to) => to.#onAudit(this.node, audit, jpeg));
    } else if (effect.type === 'reply') this.#reply(effect.to, effect.reply);
    else {
      const { of, m: model, by, v, at: atMs } = effect.fields;
      const isDisputer = this.plan.manner === 'disputes' || this.plan.manner === 'stuck';
      const recordedMs = this.#options.wallMs(this.node);
      this.#options.record({
        author: this.node,
        of,
        model,
        by,
        verdict: isDisputer ? 'disputed' : v,
        atMs,
        recordedMs,
      });
      this.#questions.delete(`${of.n}/${of.e}-${of.s}`);
    }
  }

  #onAudit(sender: string, audit: AuditRequest, jpeg: Uint8Array): void {
    this.traffic.questions++;
    if (this.plan.manner !== 'fair') this.#questions.set(`${sender}/${audit.id}`, audit);
    this.do(this.core.onAudit(sender, audit, jpeg, this.#options.queue.nowMs));
  }

  #reply(receivers: readonly string[], reply: AuditReply): void {
    const { send, random, queue } = this.#options;
    const { manner } = this.plan;
    if (manner === 'mute') return;
    const said: AuditReply = manner === 'stuck' && reply.ok ? { ...reply, stuck: true } : reply;
    const sendAll = () => {
      for (const to of receivers)
        send(this.node, to, (board) => board.do(board.core.onReply(this.node, said, queue.nowMs)));
    };
    if (manner === 'late') queue.after(random.range(LATE_MS.min, LATE_MS.max), sendAll);
    else sendAll();
  }

  #look(request: string, isAtCopy: boolean): void {
    const life = this.#life;
    const isOwn = isOwnLook(request);
    const id = request.slice(request.indexOf(':') + 1);
    if (isOwn && this.#options.queue.nowMs >= this.plan.oddFromMs) this.#oddResult ??= id;
    this.#detector.look(isOwn ? 'own' : 'owed', (isSeen) => {
      if (!this.isUp || life !== this.#life || this.#isBlind) return;
      const boxes = !isSeen ? undefined : isOwn ? this.#seeOwn(id) : this.#seeOther(id, isAtCopy);
      this.do(this.core.onLooked(request, boxes, this.#options.queue.nowMs));
    });
  }

  #seeOwn(id: string): Answer {
    const [epoch, seq] = resultOf(id);
    const isOdd = id === this.#oddResult;
    const isWrong = isOdd || (this.isWrong() && !(epoch === this.epoch && this.#foreseen.has(seq)));
    return this.#answer(this.node, id, isOdd ? 1 : isWrong ? this.plan.wrongRate : 0);
  }

  #seeOther(key: string, isAtCopy: boolean): Answer {
    const [worker = '', id = ''] = key.split('/');
    const { manner, wrongRate } = this.plan;
    const [epoch, seq] = resultOf(id);
    if (manner === 'agrees') return this.#questions.get(key)?.boxes ?? [];
    if (manner === 'disputes' || manner === 'garbage') return garbageAnswer(worker, pictureOf(epoch, seq));
    return this.#answer(worker, id, this.isWrong() ? wrongRate : 0, isAtCopy);
  }

  #answer(worker: string, id: string, wrongRate: number, isAtCopy = false): Answer {
    const [epoch, seq] = resultOf(id);
    const isOtherwise = this.plan.hasOtherDecoder !== isAtCopy && wrongRate === 0;
    const eye = isOtherwise ? OTHERWISE : { ...this.plan, wrongRate };
    return answerOf({ ...eye, node: this.node }, worker, pictureOf(epoch, seq));
  }

  #makeCore(): AuditCore {
    const { rules, queue, plan } = this.#options;
    const { draw, limits, makeBook } = rules;
    const who = { node: plan.node, site: 'yard', otherSites: false };
    return new AuditCore({ ...who, nowMonoMs: queue.nowMs, limits, book: makeBook(), draw });
  }
}

/** Of `cam1-2-345`: the epoch and the number of a result. */
function resultOf(id: string): readonly [string, number] {
  const dash = id.lastIndexOf('-');
  return [id.slice(0, dash), Number(id.slice(dash + 1))];
}

function pictureOf(epoch: string, seq: number): number {
  return Number(epoch.slice(epoch.lastIndexOf('-') + 1)) * PICTURES_OF_LIFE + seq;
}
