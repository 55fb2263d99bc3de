import { AuditBook, type Doubt } from '../../../edge/sharing/audits/audit-book.js';
import type { AuditCore, AuditNeighbour } from '../../../edge/sharing/audits/audit-core.js';
import type { AuditEffect } from '../../../edge/sharing/audits/audit-effects.js';
import type { AuditFinding } from '../../../edge/sharing/audits/audit-finding.js';
import { InvariantBook } from '../invariant-book.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { AuditLogs } from './audit-logs.js';
import { SIM_LIMITS } from './audit-rules.js';
import { MODEL, type SimulatedAuditor } from './simulated-auditor.js';

export const INVARIANTS = {
  found: 'A1 who is wrong is doubted, and never four times as late as expected',
  honest: 'A2 nobody honest is doubted',
  same: 'A3 standings are the same wherever the same is held',
  budget: 'A4 nobody exceeds its budget',
  accounted: 'A5 every picture kept and every question is answered or counted',
  silenced: 'A6 who is doubted audits nobody',
  unedited: 'A7 an audit is recorded once by each, and stays',
  going: 'A8 where two others can audit, results are audited',
} as const;

const MINUTE_MS = 60_000;
const GIVER_ENDS = [
  ...['passed', 'overBudget', 'withoutAuditors', 'lookFailed', 'agreed', 'disputed', 'inconclusive'],
  ...['unanswered', 'droppedFull', 'droppedOld'],
];
const TAKER_REFUSALS = [
  ...['repeated', 'refusedBusy', 'refusedModel', 'refusedDoubted', 'refusedNotShared', 'refusedPicture'],
];
const TAKER_ENDS = ['foundValid', 'foundDisputed', 'foundInconclusive', 'undecided', 'takenFailed'];

export type AuditJudgeOptions = {
  readonly queue: EventQueue;
  readonly boards: ReadonlyMap<string, SimulatedAuditor>;
  readonly logs: AuditLogs;
  /** Who is wrong outnumbers who is right: nothing is promised of who is doubted. */
  readonly isOutvoted: boolean;
};

type Spent = { readonly atMs: number; readonly bytes: number };
/** Fewest auditors a board could have since then. */
type Going = { readonly atMs: number; able: number; readonly withoutAuditors: number };
/** So often what is left out is looked at where the others stay the same. */
const GOING_MS = 30_000;

/** Looks at the invariants of an audit history; it alone knows everything. */
export class AuditJudge {
  readonly #options: AuditJudgeOptions;
  readonly book: InvariantBook;
  /** By role and node. */
  readonly #spent = new Map<string, Spent[]>();
  /** When the lives of a node began. */
  readonly #startsMs = new Map<string, number[]>();
  readonly #recorded = new Set<string>();
  readonly #going = new Map<string, Going>();

  constructor(options: AuditJudgeOptions) {
    this.#options = options;
    this.book = new InvariantBook(() => options.queue.nowMs);
  }

  onStart({ node }: SimulatedAuditor): void {
    const { nowMs } = this.#options.queue;
    this.#startsMs.set(node, [...(this.#startsMs.get(node) ?? []), nowMs]);
    this.#going.delete(node);
  }

  /** Before a board does something for an audit. */
  onEffect({ node, core }: SimulatedAuditor, effect: AuditEffect): void {
    if (effect.type === 'ask') {
      this.#onAudit(node, 'given', effect.jpeg.byteLength);
      this.#checkSilenced(core, effect.to, () => `${node} asks ${effect.to}, whom it doubts`);
    } else if (effect.type === 'look' && effect.request.startsWith('taken')) {
      const isAgain = effect.colours !== undefined;
      this.#onAudit(node, isAgain ? 'again' : 'taken', isAgain ? 0 : effect.jpeg.byteLength);
      // What it began while it was trusted it may end.
      if (!isAgain) this.#checkSilenced(core, node, () => `${node}, doubted, looks for another`);
    }
  }

  /** Before an honest board's record is in its log. */
  onRecord({ author, of }: AuditFinding): void {
    const key = `${author} ${of.n}/${of.e}/${of.s}`;
    this.book.check(INVARIANTS.unedited, !this.#recorded.has(key), () => `recorded again: ${key}`);
    this.#recorded.add(key);
  }

  /** Every few seconds. @param told the others, as the board knew them since it was looked at last. @param isNews from now on others. */
  onTick(board: SimulatedAuditor, told: readonly AuditNeighbour[], isNews: boolean): void {
    this.#checkBounds(board);
    const isDue = this.#options.queue.nowMs - (this.#going.get(board.node)?.atMs ?? 0) >= GOING_MS;
    if (isNews || isDue) this.#checkGoing(board, told);
  }

  /** Where a board has heard something new. */
  onFindings({ node }: SimulatedAuditor, doubts: readonly Doubt[], told: readonly AuditNeighbour[]): void {
    const going = this.#going.get(node);
    if (going !== undefined) going.able = Math.min(going.able, ableOf(doubts, told));
    if (this.#options.isOutvoted) return;
    const honest = doubts.filter((doubt) => this.#options.boards.get(doubt.node)?.isWrong() === false);
    this.book.check(INVARIANTS.honest, honest.length === 0, () => `${node} doubts ${JSON.stringify(honest)}`);
  }

  /** At the end of a life, and of the history. */
  checkAccounts({ node, core, traffic }: SimulatedAuditor): void {
    const n = core.counters();
    const sumOf = (names: readonly string[]) => names.reduce((sum, name) => sum + (n[name] ?? 0), 0);
    const { ring, outstanding } = core;
    const kept = sumOf(GIVER_ENDS) + ring.count + outstanding.given;
    const taken = sumOf(TAKER_ENDS) + outstanding.taken;
    const questions = sumOf(TAKER_REFUSALS) + (n.taken ?? 0);
    const holds =
      kept === n.candidates &&
      taken === n.taken &&
      questions === traffic.questions &&
      traffic.asked === 2 * (n.given ?? 0);
    const detail = () => `${node}: ${JSON.stringify({ kept, taken, questions, traffic, n })}`;
    this.book.check(INVARIANTS.accounted, holds, detail);
  }

  /** Nobody waits for anything any more, and everybody holds everything. */
  checkEnd(): void {
    const boards = this.#current();
    for (const board of boards) {
      const { given, taken } = board.core.outstanding;
      this.book.check(INVARIANTS.accounted, given + taken === 0, () => `${board.node} waits for ${given} and ${taken}`);
      this.checkAccounts(board);
    }
    this.checkSame();
    const [first] = boards;
    if (first !== undefined) this.#checkAgainst(first);
  }

  /** Who holds the same comes to the same. */
  checkSame(): void {
    const byState = new Map<string, { readonly node: string; readonly standings: string }>();
    for (const board of this.#current()) {
      const { node } = board;
      const state = this.#options.logs.stateOf(node);
      const standings = this.#standingsOf(board);
      const one = byState.get(state) ?? { node, standings };
      byState.set(state, one);
      const detail = () => `${one.node} and ${node} hold the same: ${one.standings} or ${standings}`;
      this.book.check(INVARIANTS.same, standings === one.standings, detail);
    }
  }

  // Heard in another order, all of it gives the same.
  #checkAgainst(board: SimulatedAuditor): void {
    const fresh = new AuditBook();
    const held = this.#options.logs.heldBy(board.node);
    for (const finding of [...held].reverse()) if (this.#isFirst(finding)) fresh.apply(finding);
    const { nodes } = this;
    const anew = JSON.stringify(nodes.map((node) => fresh.standingOf(node, MODEL)));
    this.book.check(INVARIANTS.same, anew === this.#standingsOf(board), () => `${board.node}, heard anew: ${anew}`);
  }

  // Of records that one who lies writes twice the first counts.
  #isFirst(finding: AuditFinding): boolean {
    const { author, of } = finding;
    return this.#options.logs.of(author).find((one) => sameResult(one.of, of)) === finding;
  }

  get nodes(): readonly string[] {
    return [...this.#options.boards.keys()];
  }

  #standingsOf({ core }: SimulatedAuditor): string {
    return JSON.stringify(this.nodes.map((node) => core.book.standingOf(node, MODEL)));
  }

  #current(): SimulatedAuditor[] {
    return [...this.#options.boards.values()].filter(({ isUp, plan }) => isUp && !plan.isOld);
  }

  #checkBounds({ node, core }: SimulatedAuditor): void {
    const { ring, outstanding } = core;
    const { ringCount, ringBytes, outstandingMax } = SIM_LIMITS;
    const isWithin =
      ring.count <= ringCount &&
      ring.bytes <= ringBytes &&
      outstanding.given <= outstandingMax &&
      outstanding.taken <= outstandingMax;
    this.book.check(INVARIANTS.budget, isWithin, () => `${node} holds ${JSON.stringify({ ring, outstanding })}`);
  }

  // Nothing may be left out for want of auditors while two can.
  #checkGoing({ node, core }: SimulatedAuditor, told: readonly AuditNeighbour[]): void {
    const before = this.#going.get(node);
    const { withoutAuditors = 0 } = core.counters();
    const able = ableOf(core.doubts, told);
    this.#going.set(node, { atMs: this.#options.queue.nowMs, able, withoutAuditors });
    if (before === undefined) return;
    const isLeftOut = withoutAuditors > before.withoutAuditors && Math.min(able, before.able) >= 2;
    this.book.check(INVARIANTS.going, !isLeftOut, () => `${node} found no auditors among ${JSON.stringify(told)}`);
  }

  #checkSilenced({ book }: AuditCore, node: string, detail: () => string): void {
    this.book.check(INVARIANTS.silenced, book.standingOf(node, MODEL).sinceMs === undefined, detail);
  }

  #onAudit(node: string, role: 'given' | 'taken' | 'again', bytes: number): void {
    const key = `${role} ${node}`;
    const atMs = this.#options.queue.nowMs;
    const spent = (this.#spent.get(key) ?? []).filter((one) => atMs - one.atMs < MINUTE_MS);
    spent.push({ atMs, bytes });
    this.#spent.set(key, spent);
    const { burst, perMinute, bytesPerMinute } = SIM_LIMITS[role];
    const sum = spent.reduce((total, one) => total + one.bytes, 0);
    const lives = this.#livesSince(node, atMs - MINUTE_MS - SIM_LIMITS.answerMs);
    // Each audit given is asked of two, a look after it was drawn.
    const count = lives * burst + perMinute;
    const { outstandingMax, againColours } = SIM_LIMITS;
    const again = againColours.length * count + outstandingMax;
    const countMax = { given: 2 * (count + outstandingMax), taken: count, again }[role];
    const isWithin = spent.length <= countMax && sum <= (lives + 1) * bytesPerMinute;
    this.book.check(INVARIANTS.budget, isWithin, () => `${key}: ${spent.length} audits of ${sum} bytes in a minute`);
  }

  // Each begins with a full budget.
  #livesSince(node: string, sinceMs: number): number {
    const starts = this.#startsMs.get(node) ?? [];
    const later = starts.filter((startMs) => startMs >= sinceMs).length;
    return later + (later < starts.length ? 1 : 0);
  }
}

function ableOf(doubts: readonly Doubt[], told: readonly AuditNeighbour[]): number {
  const doubted = new Set(doubts.map(({ node }) => node));
  return told.filter((peer) => peer.isActive && !doubted.has(peer.node)).length;
}

function sameResult(one: AuditFinding['of'], other: AuditFinding['of']): boolean {
  return one.n === other.n && one.e === other.e && one.s === other.s;
}
