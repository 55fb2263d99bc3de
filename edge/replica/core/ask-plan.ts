import { type Interval, IntervalSet } from '../../../base/listener/interval-set.js';
import type { Fill, Need } from '../../../protocol/record.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { Copy } from './copy.js';
import { countOf } from './effects.js';
import { common, setOf } from './intervals.js';

export type AskLimits = {
  readonly gapPatienceMs: number;
  readonly needTimeoutMs: number;
  readonly needsPerLog: number;
  readonly needsOutstanding: number;
  readonly needRecords: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly emptyRoundsMax: number;
};

/** Whom to ask: a node, or the segments that lie retained in the broker. */
export type Target = { readonly node: string } | 'page';
export type AskStep = { readonly to: string; readonly need: Need } | { readonly page: Copy };

type Ask = {
  readonly id: string;
  readonly to: string;
  readonly ranges: readonly Interval[];
  readonly parts: Set<number>;
  lastPart: number | undefined;
  deadlineMonoMs: number;
  hasGiven: boolean;
};

type LogAsks = {
  readonly copy: Copy;
  asks: Ask[];
  gapSinceMonoMs: number | undefined;
  notBeforeMonoMs: number;
  /** Place in the list of targets, and rounds through it that brought nothing. */
  turn: number;
  rounds: number;
  /** In this round: what its writer, or who knows from it, has nothing of; somebody did not answer. */
  deniedNow: readonly Interval[];
  hasSilence: boolean;
  /** Rounds in which everybody had nothing, and what the writer denied in each of them. */
  emptyRounds: number;
  denied: readonly Interval[];
  isUrgent: boolean;
};

const RANGES_MAX = 64;

/** What to ask whom, and when again: per log the targets in turn, newest ranges first, with backoff after a round in vain. */
export class AskPlan {
  readonly #limits: AskLimits;
  readonly #makeId: () => string;
  readonly #logs = new Map<Copy, LogAsks>();
  readonly #byId = new Map<string, LogAsks>();
  readonly counts = { sent: 0, timedOut: 0, empty: 0, pages: 0, late: 0 };

  constructor(limits: AskLimits, makeId: () => string) {
    this.#limits = limits;
    this.#makeId = makeId;
  }

  get outstanding(): number {
    return this.#byId.size;
  }

  /** Looks at one log; what to send for it now. Call for every log now and then: deadlines pass by this alone. */
  plan(copy: Copy, targets: () => readonly Target[], nowMonoMs: number): AskStep[] {
    const log = this.#log(copy);
    this.#expire(log, nowMonoMs);
    log.gapSinceMonoMs ??= nowMonoMs;
    const patienceMs = log.isUrgent ? 0 : this.#limits.gapPatienceMs;
    if (nowMonoMs - log.gapSinceMonoMs < patienceMs || nowMonoMs < log.notBeforeMonoMs) return [];
    const steps: AskStep[] = [];
    while (log.asks.length < this.#limits.needsPerLog && this.#byId.size < this.#limits.needsOutstanding) {
      const ranges = this.#rangesToAsk(log);
      if (ranges.length === 0) break;
      const step = this.#ask(log, ranges, targets(), nowMonoMs);
      if (step === undefined) break;
      steps.push(step);
      if ('page' in step) break;
    }
    return steps;
  }

  /** Nothing of it is missing. */
  settle(copy: Copy): void {
    const log = this.#logs.get(copy);
    if (log === undefined || log.gapSinceMonoMs === undefined) return;
    for (const ask of log.asks) this.#byId.delete(ask.id);
    this.#logs.delete(copy);
  }

  /**
   * A part of an answer came. @param fresh something new was in it. @param deniedOf what of the ranges asked for nobody has any
   * more, if whoever answered has nothing of it. @returns ranges that nobody has any more.
   */
  noteFill(
    fill: Pick<Fill, 'id' | 'part' | 'more'>,
    fresh: boolean,
    deniedOf: (ranges: readonly Interval[]) => readonly Interval[],
    nowMonoMs: number,
  ): readonly Interval[] {
    const log = this.#byId.get(fill.id);
    const ask = log?.asks.find(({ id }) => id === fill.id);
    if (log === undefined || ask === undefined) {
      this.counts.late++;
      return [];
    }
    ask.parts.add(fill.part);
    ask.deadlineMonoMs = nowMonoMs + this.#limits.needTimeoutMs;
    if (fresh) ask.hasGiven = true;
    if (!fill.more) ask.lastPart = fill.part;
    if (ask.lastPart === undefined || ask.parts.size <= ask.lastPart) return [];
    this.#end(log, ask);
    if (ask.hasGiven) {
      log.rounds = 0;
      log.emptyRounds = 0;
      return [];
    }
    this.counts.empty++;
    log.deniedNow = setOf([...log.deniedNow, ...deniedOf(ask.ranges)]).intervals;
    this.#nextTarget(log, nowMonoMs);
    if (log.emptyRounds < this.#limits.emptyRoundsMax) return [];
    log.emptyRounds = 0;
    return common(ask.ranges, log.denied);
  }

  /** The need could not be sent. */
  failed(id: string, nowMonoMs: number): void {
    const log = this.#byId.get(id);
    const ask = log?.asks.find((other) => other.id === id);
    if (log === undefined || ask === undefined) return;
    this.#end(log, ask);
    log.notBeforeMonoMs = nowMonoMs + this.#limits.retryFirstMs;
  }

  /** Reading the retained segments of a log is done; nothing more will come of it. */
  pageEnded(copy: Copy, nowMonoMs: number): void {
    const log = this.#log(copy);
    log.notBeforeMonoMs = Math.min(log.notBeforeMonoMs, nowMonoMs);
  }

  /** There is news of who has what: no waiting for the end of a backoff. */
  nudge(copy: Copy): void {
    const log = this.#logs.get(copy);
    if (log === undefined) return;
    log.notBeforeMonoMs = 0;
    log.rounds = Math.min(log.rounds, 1);
  }

  /** A reader waits for it. */
  hurry(copy: Copy): void {
    const log = this.#log(copy);
    log.isUrgent = true;
    log.notBeforeMonoMs = 0;
  }

  forget(copy: Copy): void {
    for (const ask of this.#logs.get(copy)?.asks ?? []) this.#byId.delete(ask.id);
    this.#logs.delete(copy);
  }

  /** The link is gone and with it every answer. */
  clear(): void {
    for (const log of this.#logs.values()) {
      log.asks = [];
      log.notBeforeMonoMs = 0;
      log.turn = 0;
    }
    this.#byId.clear();
  }

  #log(copy: Copy): LogAsks {
    const known = this.#logs.get(copy);
    if (known !== undefined) return known;
    const log: LogAsks = {
      copy,
      asks: [],
      gapSinceMonoMs: undefined,
      notBeforeMonoMs: 0,
      turn: 0,
      rounds: 0,
      deniedNow: [],
      hasSilence: false,
      emptyRounds: 0,
      denied: [],
      isUrgent: false,
    };
    this.#logs.set(copy, log);
    return log;
  }

  #expire(log: LogAsks, nowMonoMs: number): void {
    for (const ask of log.asks.filter(({ deadlineMonoMs }) => deadlineMonoMs <= nowMonoMs)) {
      this.counts.timedOut++;
      this.#end(log, ask);
      if (ask.hasGiven) continue;
      log.hasSilence = true;
      this.#nextTarget(log, nowMonoMs);
    }
  }

  #end(log: LogAsks, ask: Ask): void {
    log.asks = log.asks.filter((other) => other !== ask);
    this.#byId.delete(ask.id);
  }

  // At most 64 ranges and needRecords records, without those that are asked for already.
  #rangesToAsk(log: LogAsks): Interval[] {
    const asked = new IntervalSet();
    for (const { ranges } of log.asks) for (const [from, to] of ranges) asked.add(from, to);
    const ranges: Interval[] = [];
    let room = this.#limits.needRecords;
    for (const [from, to] of log.copy.wanted(RANGES_MAX)) {
      for (const [a, b] of asked.missing(from, to, RANGES_MAX).reverse()) {
        if (room <= 0 || ranges.length >= RANGES_MAX) return ranges;
        const start = Math.max(a, b - room + 1);
        ranges.push([start, b]);
        room -= b - start + 1;
      }
    }
    return ranges;
  }

  #ask(log: LogAsks, ranges: Interval[], targets: readonly Target[], nowMonoMs: number): AskStep | undefined {
    if (targets.length === 0) {
      this.#backOff(log, nowMonoMs);
      return undefined;
    }
    if (log.turn >= targets.length) {
      this.#endRound(log, nowMonoMs);
      return undefined;
    }
    const target = targets[(log.turn + log.asks.length) % targets.length];
    if (target === undefined) return undefined;
    if (target === 'page') {
      log.turn++;
      this.counts.pages++;
      // Whoever reads the page says when it is done.
      log.notBeforeMonoMs = nowMonoMs + 10 * this.#limits.needTimeoutMs;
      return { page: log.copy };
    }
    const id = this.#makeId();
    const deadlineMonoMs = nowMonoMs + this.#limits.needTimeoutMs;
    const ask = {
      id,
      to: target.node,
      ranges,
      parts: new Set<number>(),
      lastPart: undefined,
      deadlineMonoMs,
      hasGiven: false,
    };
    log.asks.push(ask);
    this.#byId.set(id, log);
    this.counts.sent++;
    const need: Need = {
      v: SCHEMA_MINOR,
      id,
      of: log.copy.node,
      e: log.copy.epoch,
      ranges: ranges.map(([from, to]): [number, number] => [from, to]),
      max: Math.min(this.#limits.needRecords, countOf(ranges)),
      as: 'segments',
    };
    return { to: target.node, need };
  }

  #nextTarget(log: LogAsks, nowMonoMs: number): void {
    log.turn++;
    log.notBeforeMonoMs = nowMonoMs;
  }

  #endRound(log: LogAsks, nowMonoMs: number): void {
    // A round counts as empty only if its writer, who must know, denied something and nobody was silent.
    if (log.deniedNow.length > 0 && !log.hasSilence) {
      log.denied = log.emptyRounds === 0 ? log.deniedNow : common(log.denied, log.deniedNow);
      log.emptyRounds++;
    } else log.emptyRounds = 0;
    log.turn = 0;
    log.deniedNow = [];
    log.hasSilence = false;
    this.#backOff(log, nowMonoMs);
  }

  #backOff(log: LogAsks, nowMonoMs: number): void {
    const delayMs = Math.min(this.#limits.retryMaxMs, this.#limits.retryFirstMs * 2 ** log.rounds);
    log.rounds = Math.min(log.rounds + 1, 16);
    log.notBeforeMonoMs = nowMonoMs + delayMs;
  }
}
