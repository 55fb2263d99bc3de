import { Random } from '../../../base/random.js';
import type { Doubt } from '../../../edge/sharing/audits/audit-book.js';
import type { AuditNeighbour } from '../../../edge/sharing/audits/audit-core.js';
import type { AuditFinding } from '../../../edge/sharing/audits/audit-finding.js';
import type { Violation } from '../invariant-book.js';
import { EventQueue } from '../kernel/event-queue.js';
import { AuditJudge, INVARIANTS } from './audit-judge.js';
import { AuditLogs } from './audit-logs.js';
import { AuditNetwork } from './audit-network.js';
import { PictureAlbum } from './audit-pictures.js';
import { type AuditPlan, type Cast, HISTORY_MS, planHistory, QUIET_MS } from './audit-plan.js';
import { type AuditRule, type RuleSet, rulesWithout } from './audit-rules.js';
import { expectedResults, seenRateOf } from './detection-time.js';
import { inventFinding } from './inventions.js';
import { MODEL, SimulatedAuditor } from './simulated-auditor.js';

export type AuditHistory = {
  readonly seed: number;
  readonly cast: Cast;
  readonly checks: ReadonlyMap<string, number>;
  readonly violations: readonly Violation[];
  readonly broken: number;
  readonly events: number;
  readonly audits: number;
  readonly records: number;
  readonly faults: number;
  readonly wrong: readonly WrongNode[];
  /** Nodes that are right and were doubted at some time. */
  readonly wronglyDoubted: readonly string[];
};

export type WrongNode = {
  readonly node: string;
  /** Others came to doubt it. */
  readonly isFound: boolean;
  /** Results of it that chance decided on, from its fault until then, or until the end. */
  readonly results: number;
  /** Among so many one wrong result is found with 95 %, at the floor of the rate. */
  readonly expected: number;
};

const TICK_MS = 4_000;
const HEAD_MS = 15_000;
const SYNC_MS = 8_000;
const COMPARE_MS = 60_000;
const INVENT_MS = 20_000;
const MINUTE_MS = 60_000;
/** A history goes on for so long after the last wrong node was found, and is no shorter than this. */
const AFTER_MS = 300_000;
const SHORTEST_MS = 720_000;
const WALL_START_MS = 1_789_000_000_000;
const DAY_MS = 86_400_000;
/** The first dispute comes this late once in 160,000 times. */
const LATE_FACTOR = 4;

/** Runs one history: the same seed gives the same one. @param cast undefined: of the seed. */
export function runAuditHistory(seed: number, without?: AuditRule, cast?: Cast): AuditHistory {
  return new History(seed, planHistory(seed, cast), rulesWithout(without)).run();
}

/** What was decided about a wrong node when its fault began, and when others came to doubt it. */
type Hunt = { before: number; inLives: number; foundAfter: number | undefined; foundMs: number | undefined };

class History {
  readonly #seed: number;
  readonly #plan: AuditPlan;
  readonly #rules: RuleSet;
  readonly #random: Random;
  readonly #queue = new EventQueue();
  readonly #boards = new Map<string, SimulatedAuditor>();
  readonly #logs: AuditLogs;
  readonly #network: AuditNetwork;
  readonly #judge: AuditJudge;
  readonly #offsets = new Map<string, number>();
  readonly #hunts = new Map<string, Hunt>();
  readonly #wronglyDoubted = new Set<string>();
  /** When a board was in touch with another one last. */
  readonly #touchMs = new Map<string, Map<string, number>>();
  readonly #told = new Map<string, readonly AuditNeighbour[]>();
  /** By board: findings known when its doubts were looked at last. */
  readonly #findings = new Map<string, number | undefined>();
  #audits = 0;
  #isHealed = false;

  constructor(seed: number, plan: AuditPlan, rules: RuleSet) {
    this.#seed = seed;
    this.#plan = plan;
    this.#rules = rules;
    this.#random = new Random(`audit run ${seed}`);
    this.#logs = new AuditLogs(pastOf(plan));
    const random = this.#random.fork('network');
    this.#network = new AuditNetwork({ plan, boards: this.#boards, queue: this.#queue, random });
    const isOutvoted = plan.cast === 'most are wrong alike';
    this.#judge = new AuditJudge({ queue: this.#queue, boards: this.#boards, logs: this.#logs, isOutvoted });
    const album = new PictureAlbum(seed);
    for (const node of plan.nodes) this.#boards.set(node.node, this.#boardOf(node, album));
  }

  run(): AuditHistory {
    for (const board of this.#boards.values()) this.#queue.at(board.plan.joinMs, () => this.#start(board));
    this.#armFaults();
    this.#every(SYNC_MS, () => this.#sync());
    this.#every(COMPARE_MS, () => this.#judge.checkSame());
    while (!this.#isOver()) this.#queue.runUntil(this.#queue.nowMs + MINUTE_MS);
    const endMs = this.#queue.nowMs;
    this.#isHealed = true;
    this.#network.heal();
    for (const board of this.#boards.values()) {
      if (board.isUp) board.setBlind(false);
      else if (board.plan.leavesMs > endMs) this.#start(board);
    }
    this.#queue.runUntil(endMs + QUIET_MS);
    this.#judge.checkEnd();
    return this.#outcome(this.#boardsThat(({ wrongRate }) => wrongRate > 0).map((board) => this.#checkFound(board)));
  }

  // Once they are found, the rest is more of the same.
  #isOver(): boolean {
    const { nowMs } = this.#queue;
    if (nowMs >= HISTORY_MS) return true;
    const isHunting = [...this.#hunts.values()].some(({ foundMs }) => nowMs - (foundMs ?? nowMs) < AFTER_MS);
    return nowMs >= SHORTEST_MS && !isHunting;
  }

  #outcome(wrong: readonly WrongNode[]): AuditHistory {
    const { checks, violations, broken } = this.#judge.book;
    const { cast, nodes, partitions, restarts, blinds, clockJumps } = this.#plan;
    const records = nodes.reduce((sum, { node }) => sum + this.#logs.of(node).length, 0);
    const others = nodes.filter(
      ({ manner, load, isOld, leavesMs, wrongRate }) =>
        manner !== 'fair' || load !== 'free' || isOld || Number.isFinite(leavesMs) || wrongRate > 0,
    );
    const began = [...partitions.map(({ fromMs: atMs }) => ({ atMs })), ...restarts, ...blinds, ...clockJumps];
    const faults = began.filter(({ atMs }) => atMs < this.#queue.nowMs - QUIET_MS).length + others.length;
    const facts = { checks, violations, broken, events: this.#queue.executed, audits: this.#audits, records, faults };
    return { seed: this.#seed, cast, ...facts, wrong, wronglyDoubted: [...this.#wronglyDoubted] };
  }

  #boardOf(plan: AuditPlan['nodes'][number], album: PictureAlbum): SimulatedAuditor {
    return new SimulatedAuditor({
      ...{ plan, rules: this.#rules, queue: this.#queue, random: this.#random.fork(plan.node), album },
      wallMs: (node) => this.#wallMs(node),
      send: (from, to, deliver) => this.#network.send(from, to, deliver),
      record: (finding) => this.#record(finding),
      onEffect: (board, effect) => {
        if (effect.type === 'ask') this.#audits++;
        this.#judge.onEffect(board, effect);
      },
    });
  }

  #wallMs(node: string): number {
    return WALL_START_MS + this.#queue.nowMs + (this.#offsets.get(node) ?? 0);
  }

  #boardsThat(is: (plan: SimulatedAuditor['plan']) => boolean): readonly SimulatedAuditor[] {
    return [...this.#boards.values()].filter(({ plan }) => is(plan));
  }

  #every(periodMs: number, run: () => void): void {
    this.#queue.every(periodMs, () => {
      run();
      return true;
    });
  }

  #armFaults(): void {
    const { restarts, blinds, clockJumps } = this.#plan;
    for (const { node, atMs, downMs } of restarts) {
      this.#queue.at(atMs, () => this.#stop(node));
      this.#queue.at(atMs + downMs, () => this.#startAgain(node));
    }
    for (const { node, atMs, forMs } of blinds) {
      this.#queue.at(atMs, () => this.#boards.get(node)?.setBlind(!this.#isHealed));
      this.#queue.at(atMs + forMs, () => this.#boards.get(node)?.setBlind(false));
    }
    for (const { node, atMs, byMs } of clockJumps) this.#queue.at(atMs, () => this.#offsets.set(node, byMs));
    for (const { node, plan } of this.#boardsThat(({ leavesMs }) => Number.isFinite(leavesMs))) {
      this.#queue.at(plan.leavesMs, () => this.#stop(node));
    }
    for (const board of this.#boardsThat(({ wrongRate }) => wrongRate > 0)) {
      const hunt: Hunt = { before: 0, inLives: 0, foundAfter: undefined, foundMs: undefined };
      this.#hunts.set(board.node, hunt);
      this.#queue.at(board.plan.wrongFromMs, () => {
        hunt.before = this.#decided(board);
      });
    }
    for (const board of this.#boardsThat(({ manner }) => manner === 'invents')) {
      this.#every(INVENT_MS, () => this.#invent(board));
    }
  }

  #start(board: SimulatedAuditor): void {
    if (board.plan.leavesMs <= this.#queue.nowMs) return;
    board.start(board.plan.isOld ? [] : this.#logs.heldBy(board.node));
    this.#judge.onStart(board);
    this.#told.delete(board.node);
    this.#findings.delete(board.node);
    const { epoch } = board;
    const isThisLife = () => board.isUp && board.epoch === epoch;
    const repeat = (periodMs: number, run: () => void) =>
      this.#queue.every(periodMs, () => {
        if (isThisLife()) run();
        return isThisLife();
      });
    this.#queue.after(this.#random.range(0, TICK_MS), () => {
      if (!board.plan.isOld) repeat(TICK_MS, () => this.#tick(board));
    });
    repeat(HEAD_MS * this.#random.range(0.9, 1.1), () => this.#sendHead(board.node));
  }

  #sendHead(node: string): void {
    const signature = String(this.#random.int(2 ** 32));
    for (const to of this.#boards.keys()) {
      if (to !== node) this.#network.send(node, to, (board) => board.onHead(node, signature));
    }
  }

  #stop(node: string): void {
    const board = this.#boards.get(node);
    if (board?.isUp !== true || this.#isHealed) return;
    const hunt = this.#hunts.get(node);
    if (hunt !== undefined) hunt.inLives += decidedBy(board);
    if (!board.plan.isOld) this.#judge.checkAccounts(board);
    board.stop();
  }

  #startAgain(node: string): void {
    const board = this.#boards.get(node);
    if (board !== undefined && !board.isUp && this.#queue.nowMs >= board.plan.joinMs) this.#start(board);
  }

  // Every few seconds each board looks who is there, and everything is looked at.
  #tick(board: SimulatedAuditor): void {
    const told = this.#told.get(board.node);
    const there = this.#thereOf(board.node);
    const isNews = told === undefined || there.some((isActive, i) => isActive !== told[i]?.isActive);
    const neighbours = isNews ? this.#neighboursOf(board.node, there) : told;
    if (told !== undefined) this.#judge.onTick(board, told, isNews);
    if (isNews) this.#told.set(board.node, neighbours);
    board.onTick(isNews ? this.#asKnown(neighbours) : undefined);
    if (!this.#isHealed) board.makeResults(board.plan.resultsPerTick);
    const findings = board.core.book.counters.get('findings');
    if (findings === this.#findings.get(board.node)) return;
    this.#findings.set(board.node, findings);
    const { doubts } = board.core;
    this.#judge.onFindings(board, doubts, neighbours);
    this.#noteDoubts(board, doubts);
  }

  /** Whether each other one can be asked, as a board knows it. */
  #thereOf(node: string): readonly boolean[] {
    const { nowMs } = this.#queue;
    const touchMs = this.#touchMs.get(node) ?? new Map<string, number>();
    this.#touchMs.set(node, touchMs);
    const there: boolean[] = [];
    for (const { node: other, isUp, plan } of this.#boards.values()) {
      if (other === node) continue;
      if (isUp && this.#network.isReached(node, other)) touchMs.set(other, nowMs);
      const isThere = nowMs - (touchMs.get(other) ?? -plan.missedMs) < plan.missedMs;
      there.push(isThere && !plan.isOld);
    }
    return there;
  }

  #neighboursOf(node: string, there: readonly boolean[]): readonly AuditNeighbour[] {
    const others = [...this.#boards.values()].filter((other) => other.node !== node);
    return others.map(({ node: other, plan }, i) => {
      const isOverloaded = plan.load === 'full' || plan.load === 'denies';
      const model = plan.isOld ? undefined : MODEL;
      return { node: other, site: 'yard', model, isActive: there[i] === true, isOverloaded };
    });
  }

  #asKnown(neighbours: readonly AuditNeighbour[]): readonly AuditNeighbour[] {
    const active = neighbours.filter(({ isActive }) => isActive).length;
    return active < this.#rules.peersMin ? [] : neighbours;
  }

  #noteDoubts(board: SimulatedAuditor, doubts: readonly Doubt[]): void {
    for (const { node } of doubts) {
      if (node === board.node) continue;
      const hunt = this.#hunts.get(node);
      const doubted = this.#boards.get(node);
      if (doubted?.isWrong() === false) this.#wronglyDoubted.add(node);
      else if (hunt !== undefined && doubted !== undefined) {
        hunt.foundAfter ??= this.#decided(doubted) - hunt.before;
        hunt.foundMs ??= this.#queue.nowMs;
      }
    }
  }

  #record(finding: AuditFinding): void {
    const board = this.#boards.get(finding.author);
    if (board?.plan.manner === 'fair') this.#judge.onRecord(finding);
    this.#logs.append(finding);
    board?.core.onFinding(finding);
  }

  #invent(board: SimulatedAuditor): void {
    if (!board.isUp || this.#isHealed) return;
    const boards = [...this.#boards.values()];
    const finding = inventFinding(board.node, boards, this.#random, this.#wallMs(board.node));
    if (finding !== undefined) this.#record(finding);
  }

  // Replication: from each that is reached, everything it holds.
  #sync(): void {
    const boards = [...this.#boards.values()].filter(({ isUp, plan }) => isUp && !plan.isOld);
    for (const board of boards) {
      for (const other of boards) {
        if (board === other || !this.#network.isReached(board.node, other.node)) continue;
        for (const finding of this.#logs.copy(other.node, board.node)) board.core.onFinding(finding);
      }
    }
  }

  /** Results of all lives that chance decided on: neither too many for the budget nor without auditors. */
  #decided(board: SimulatedAuditor): number {
    const inLives = this.#hunts.get(board.node)?.inLives ?? 0;
    return inLives + (board.isUp ? decidedBy(board) : 0);
  }

  #checkFound(board: SimulatedAuditor): WrongNode {
    const { node, plan } = board;
    const hunt = this.#hunts.get(node);
    const expected = expectedResults(seenRateOf(this.#plan, plan));
    const results = hunt?.foundAfter ?? this.#decided(board) - (hunt?.before ?? 0);
    const isFound = hunt?.foundAfter !== undefined;
    const wrong = { node, isFound, results, expected };
    const bound = LATE_FACTOR * expected;
    // Too few results in this history: nothing was to be found yet.
    if (this.#plan.cast === 'most are wrong alike' || (!isFound && results < bound)) return wrong;
    const isInTime = isFound && results <= bound;
    this.#judge.book.check(INVARIANTS.found, isInTime, () => `${JSON.stringify(wrong)}, within ${Math.ceil(bound)}`);
    return wrong;
  }
}

function decidedBy({ core }: SimulatedAuditor): number {
  const n = core.counters();
  return ['passed', 'agreed', 'disputed', 'inconclusive'].reduce((sum, name) => sum + (n[name] ?? 0), 0);
}

// What a fleet that ran for days has in its logs: in each epoch as many as a book looks back at, each pair in its turn.
function pastOf({ nodes, validBefore }: AuditPlan): Map<string, AuditFinding[]> {
  const past = new Map<string, AuditFinding[]>(nodes.map(({ node }) => [node, []]));
  const able = nodes.filter(({ isOld }) => !isOld).map(({ node }) => node);
  for (const node of able) {
    const others = able.filter((other) => other !== node);
    for (let i = 0; i < validBefore; i++) {
      const [first, second] = [others[i % others.length], others[(i + 1) % others.length]];
      if (first === undefined || second === undefined) continue;
      const atMs = WALL_START_MS - DAY_MS + 1_000 * i;
      const of = { n: node, e: `${node}-before-${Math.floor(i / 250)}`, s: 1 + (i % 250) };
      const finding = { of, model: MODEL, by: [first, second] as const, verdict: 'valid' as const };
      for (const author of [first, second]) past.get(author)?.push({ ...finding, author, atMs, recordedMs: atMs });
    }
  }
  return past;
}
