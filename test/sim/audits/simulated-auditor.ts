import { createHash } from 'node:crypto';
import type { Random } from '../../../base/random.js';
import type { AuditFinding } from '../../../edge/sharing/audits/audit-book.js';
import { AuditCore } from '../../../edge/sharing/audits/audit-core.js';
import type { AuditEffect } from '../../../edge/sharing/audits/audit-effects.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { RuleSet } from './audit-rules.js';
import { answerOf, type PlannedNode } from './audit-world.js';

export const MODEL = 'a'.repeat(64);
const SCORE_MIN = 0.5;
const LOOK_MS = 150;
export const PICTURE_BYTES = 300;

export type AuditorOptions = {
  readonly plan: PlannedNode;
  readonly rules: RuleSet;
  /** It makes no mistake in what it can foresee will be audited. */
  readonly isSly: boolean;
  readonly queue: EventQueue;
  readonly random: Random;
  readonly wallMs: (node: string) => number;
  /** Carries a message to a node, or loses it. */
  readonly send: (from: string, to: string, deliver: (receiver: SimulatedAuditor) => void) => void;
  /** The record is in the node's own log. */
  readonly record: (finding: AuditFinding) => void;
  /** Told of every audit this node begins: as worker, or for another one. */
  readonly onAudit: (node: string, role: 'given' | 'taken', bytes: number) => void;
};

/** A board of an audit history: the real core, a detector that is right or wrong, and a life that can end. */
export class SimulatedAuditor {
  readonly plan: PlannedNode;
  readonly #options: AuditorOptions;
  core: AuditCore;
  isUp = false;
  epoch = '';
  #life = 0;
  /** The picture in which an honest node differs. */
  #oddPicture: string | undefined;
  #seq = 0;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.core = this.#makeCore();
  }

  get node(): string {
    return this.plan.node;
  }

  /** Starts anew; what is in the logs held here was heard before. */
  start(held: readonly AuditFinding[]): void {
    this.core = this.#makeCore();
    this.core.onModel({ sha256: MODEL, scoreMin: SCORE_MIN });
    for (const finding of held) this.core.onFinding(finding);
    this.#life++;
    this.#seq = 0;
    this.epoch = `${this.node}-${this.#life}`;
    this.isUp = true;
  }

  stop(): void {
    this.isUp = false;
  }

  isWrong(): boolean {
    return this.#options.queue.nowMs >= this.plan.wrongFromMs;
  }

  /** Publishes one result with its picture. */
  makeResult(): void {
    const { queue, wallMs } = this.#options;
    const seq = ++this.#seq;
    const leaf = createHash('sha256').update(`${this.epoch}/${seq}`).digest();
    const isSeen = this.#options.isSly && this.#foresees(leaf);
    const jpeg = pictureOf(`${this.epoch}/${seq}${isSeen ? ' foreseen' : ''}`);
    const digest = createHash('sha256').update(jpeg).digest('hex');
    const about = { epoch: this.epoch, seq, leaf, camera: 'front', isLive: true, capturedAtMs: wallMs(this.node) };
    this.core.keep({ ...about, jpeg, digest, keptMonoMs: queue.nowMs });
  }

  do(effects: readonly AuditEffect[]): void {
    for (const effect of effects) this.#doOne(effect);
  }

  // What it knew when it made the record: its own leaf, and that it is audited often.
  #foresees(leaf: Uint8Array): boolean {
    const { draw } = this.#options.rules;
    return draw.isAudited(leaf, '', this.core.standing?.rate ?? 1);
  }

  #doOne(effect: AuditEffect): void {
    const { queue, send, record, onAudit, wallMs, random } = this.#options;
    const { node } = this;
    const life = this.#life;
    if (effect.type === 'look') {
      if (effect.request.startsWith('taken')) onAudit(node, 'taken', effect.jpeg.byteLength);
      else if (queue.nowMs >= this.plan.oddFromMs) this.#oddPicture ??= nameOf(effect.jpeg);
      queue.after(LOOK_MS * random.range(0.5, 3), () => {
        if (!this.isUp || life !== this.#life) return;
        this.do(this.core.onLooked(effect.request, this.#see(effect.jpeg), queue.nowMs));
      });
    } else if (effect.type === 'ask') {
      onAudit(node, 'given', effect.jpeg.byteLength);
      send(node, effect.to, (to) => to.do(to.core.onAudit(node, effect.audit, effect.jpeg, queue.nowMs)));
    } else if (effect.type === 'reply') {
      for (const receiver of effect.to) send(node, receiver, (to) => to.do(to.core.onReply(node, effect.reply)));
    } else {
      const { of, m: model, by, v: verdict, at: atMs } = effect.fields;
      record({ author: node, of, model, by, verdict, atMs, recordedMs: wallMs(node) });
    }
  }

  #see(jpeg: Uint8Array) {
    const picture = nameOf(jpeg);
    if (picture === this.#oddPicture) return answerOf(this.node, picture, 1);
    const isHonest = !this.isWrong() || picture.endsWith(' foreseen');
    return answerOf(this.node, picture, isHonest ? 0 : this.plan.wrongRate);
  }

  #makeCore(): AuditCore {
    const { rules, queue, plan } = this.#options;
    const { draw, limits, makeBook } = rules;
    const who = { node: plan.node, site: 'yard', otherSites: false };
    return new AuditCore({ ...who, nowMonoMs: queue.nowMs, limits, book: makeBook(), draw });
  }
}

// What it shows stands at its start.
function pictureOf(name: string): Uint8Array {
  const bytes = new Uint8Array(PICTURE_BYTES);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

function nameOf(picture: Uint8Array): string {
  return new TextDecoder().decode(picture.subarray(0, picture.indexOf(0)));
}
