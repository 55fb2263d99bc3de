import type { Answer } from './answer-match.js';
import { AuditBook, type Doubt } from './audit-book.js';
import type { AuditEffect, AuditReply, AuditRequest } from './audit-effects.js';
import type { AuditFinding } from './audit-finding.js';
import { AuditGiver, type GiverView } from './audit-giver.js';
import { AUDIT_LIMITS, type AuditLimits } from './audit-limits.js';
import { auditRate, isAudited } from './audit-selection.js';
import type { AuditStanding } from './audit-standing.js';
import { AuditTaker } from './audit-taker.js';
import type { AuditPeer } from './auditor-choice.js';
import type { AuditCandidate } from './candidate-ring.js';

/** A peer as its claims and status tell; whether it is doubted is for the book to say. */
export type AuditNeighbour = Omit<AuditPeer, 'isDoubted'>;

export type AuditCoreOptions = {
  readonly node: string;
  readonly site: string | undefined;
  /** Pictures may leave the site, and are taken from others. */
  readonly otherSites: boolean;
  readonly nowMonoMs: number;
  readonly limits?: AuditLimits;
  readonly book?: AuditBook;
  readonly draw?: AuditDraw;
};

/** How results are chosen. */
export type AuditDraw = {
  readonly rate: (validInRow: number) => number;
  readonly isAudited: (leaf: Uint8Array, headSignature: string, rate: number) => boolean;
};

const DRAW: AuditDraw = { rate: auditRate, isAudited };
/** Half as long again as growing logs need for a head. */
const HEAD_WAIT_MS = 15_000;
const NEVER_AUDITED = { validInRow: 0, isDoubted: false } as const;

/** All decisions of audits at one node, pure: what happens goes in, what is to be done comes out. Monotonic ms. */
export class AuditCore {
  readonly #options: AuditCoreOptions;
  readonly #draw: AuditDraw;
  readonly #giver: AuditGiver;
  readonly #taker: AuditTaker;
  readonly book: AuditBook;
  #neighbours: readonly AuditNeighbour[] = [];
  #model: { readonly sha256: string; readonly scoreMin: number } | undefined;

  constructor(options: AuditCoreOptions) {
    const { node, nowMonoMs, limits = AUDIT_LIMITS, book, draw = DRAW } = options;
    this.#options = options;
    this.#draw = draw;
    this.book = book ?? new AuditBook();
    this.#giver = new AuditGiver(node, limits, nowMonoMs, draw.isAudited);
    this.#taker = new AuditTaker(node, limits, nowMonoMs);
  }

  /** The model this node looks with from now on; undefined: none. */
  onModel(model: { readonly sha256: string; readonly scoreMin: number } | undefined): void {
    this.#model = model;
  }

  /** Everybody else who may audit, as known now. */
  onNeighbours(neighbours: readonly AuditNeighbour[]): void {
    this.#neighbours = neighbours;
  }

  /** Keeps the picture of a record that was published. */
  keep(candidate: AuditCandidate): void {
    this.#giver.keep(candidate);
  }

  /** A head arrived that its writer has just signed. */
  onHead(writer: string, signature: string, nowMonoMs: number): readonly AuditEffect[] {
    // Every node hears the heads of all: most find nothing that waits for one.
    if (writer === this.#options.node || this.#giver.oldestMonoMs === undefined) return [];
    return tagged('given', this.#giver.onHead(signature, this.#giverView(nowMonoMs)));
  }

  /**
   * A heartbeat of another node. Nodes that record nothing sign no heads: where none has come for a while, what is in a
   * heartbeat decides instead.
   */
  onBeat(writer: string, words: string, nowMonoMs: number): readonly AuditEffect[] {
    const oldest = this.#giver.oldestMonoMs;
    if (oldest === undefined || nowMonoMs - oldest < HEAD_WAIT_MS) return [];
    return this.onHead(writer, words, nowMonoMs);
  }

  /** The own detector looked for an audit. @param boxes undefined: it could not. */
  onLooked(request: string, boxes: Answer | undefined, nowMonoMs: number): readonly AuditEffect[] {
    const id = request.slice(request.indexOf(':') + 1);
    if (isOwnLook(request)) return this.#giver.onLooked(id, boxes, this.#giverView(nowMonoMs));
    return tagged('taken', this.#taker.onLooked(id, boxes, nowMonoMs));
  }

  /** Somebody asks for a second opinion. */
  onAudit(sender: string, audit: AuditRequest, jpeg: Uint8Array, nowMonoMs: number): readonly AuditEffect[] {
    const { node } = this.#options;
    const isRecorded = this.book.has(node, audit.of, audit.model);
    const isDoubted = this.#isDoubted(node, this.#model?.sha256);
    const view = { model: this.#model?.sha256, isShared: this.#takesFrom(sender), isDoubted, isRecorded, nowMonoMs };
    return tagged('taken', this.#taker.onAudit(sender, audit, jpeg, view));
  }

  /** An auditor answered: to the worker, or to the other auditor. */
  onReply(sender: string, reply: AuditReply, nowMonoMs: number): readonly AuditEffect[] {
    if (reply.of.n !== this.#options.node) return tagged('taken', this.#taker.onReply(sender, reply, nowMonoMs));
    this.#giver.onReply(sender, reply);
    return [];
  }

  /** An audit record of any log, the own one included. @returns whether it was new. */
  onFinding(finding: AuditFinding): boolean {
    return this.book.apply(finding);
  }

  onTick(nowMonoMs: number): readonly AuditEffect[] {
    this.#giver.onTick(nowMonoMs);
    return tagged('taken', this.#taker.onTick(nowMonoMs));
  }

  /** The vision process is gone. */
  onBlind(nowMonoMs: number): readonly AuditEffect[] {
    this.#giver.onBlind();
    return tagged('taken', this.#taker.onBlind(nowMonoMs));
  }

  /** How far this node itself can be trusted. */
  get standing(): AuditStanding | undefined {
    return this.#model === undefined ? undefined : this.book.standingOf(this.#options.node, this.#model.sha256);
  }

  /** Who is doubted, by all that was recorded. */
  get doubts(): readonly Doubt[] {
    return this.book.doubts();
  }

  get ring(): AuditGiver['ring'] {
    return this.#giver.ring;
  }

  /** Audits under way, of each role. */
  get outstanding(): { readonly given: number; readonly taken: number } {
    return { given: this.#giver.outstanding, taken: this.#taker.outstanding };
  }

  counters(): Readonly<Record<string, number>> {
    const { droppedFull, droppedOld } = this.#giver.ring;
    const { counters } = this.book;
    // Found again is what was replicated twice: no loss.
    const findingsForeign = counters.get('findings-foreign') ?? 0;
    const findingsDropped = counters.get('findings-dropped') ?? 0;
    const nodesForgotten = counters.get('nodes-forgotten') ?? 0;
    const findings = { findingsForeign, findingsDropped, nodesForgotten };
    return {
      ...this.#giver.counters.snapshot(),
      ...this.#taker.counters.snapshot(),
      droppedFull,
      droppedOld,
      ...findings,
    };
  }

  #giverView(nowMonoMs: number): GiverView {
    const { site, otherSites } = this.#options;
    const { validInRow } = this.standing ?? NEVER_AUDITED;
    // Most of what a head decides is not drawn, and asks for nobody.
    const peers = () =>
      this.#neighbours.map((peer) => ({ ...peer, isDoubted: this.#isDoubted(peer.node, peer.model) }));
    const model = this.#model;
    const own = { model: model?.sha256, scoreMin: model?.scoreMin ?? 0, rate: this.#draw.rate(validInRow) };
    return { ...own, site, otherSites, peers, nowMonoMs };
  }

  #isDoubted(node: string, model: string | undefined): boolean {
    return model !== undefined && this.book.standingOf(node, model).isDoubted;
  }

  #takesFrom(sender: string): boolean {
    const peer = this.#neighbours.find(({ node }) => node === sender);
    return peer !== undefined && (this.#options.otherSites || peer.site === this.#options.site);
  }
}

/** Whether a look is at a result of this node itself. */
export function isOwnLook(request: string): boolean {
  return request.startsWith('given:');
}

// Looks of both roles come back through one door.
function tagged(role: 'given' | 'taken', effects: readonly AuditEffect[]): readonly AuditEffect[] {
  return effects.map((effect) =>
    effect.type === 'look' ? { ...effect, request: `${role}:${effect.request}` } : effect,
  );
}
