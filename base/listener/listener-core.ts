import type { Fill, Head, LogRecord, Need } from '../../protocol/record.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import { type Interval, IntervalSet } from './interval-set.js';

/** What a listener allows itself; times in ms of the monotonic clock. */
export type ListenerLimits = {
  /** A gap may still be filled by what is on its way. */
  readonly gapPatienceMs: number;
  readonly needTimeoutMs: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly needsOutstanding: number;
  /** Records asked for at a time. */
  readonly needRecords: number;
  /** Complete answers without the records asked for, after which those are taken for gone. */
  readonly emptyAnswersMax: number;
  /** Logs followed; the one that was quiet longest is forgotten for a new one. */
  readonly logsMax: number;
  /** Records kept for `recordsOf`; the oldest to arrive go first. */
  readonly recordsMax: number;
};

export const DEFAULT_LISTENER_LIMITS: ListenerLimits = {
  // 200 ms and 2 s: the `need`/`fill` rules of the replication protocol; a batch waits 200 ms at most.
  gapPatienceMs: 200,
  needTimeoutMs: 2_000,
  retryFirstMs: 500,
  retryMaxMs: 30_000,
  needsOutstanding: 8,
  needRecords: 4_096,
  emptyAnswersMax: 3,
  // 64 nodes with the 16 epochs of a head.
  logsMax: 1_024,
  // About 25 MB of parsed records.
  recordsMax: 50_000,
};

/** A need to send: to which node, and what. */
export type NeedToSend = { readonly to: string; readonly need: Need };

export type ListenerCounts = {
  /** Records seen for the first time. */
  readonly received: number;
  readonly duplicates: number;
  /** Records found missing, each once. */
  readonly gaps: number;
  /** Records that came by `fill`. */
  readonly filled: number;
  /** Missing records that expired at their writer. */
  readonly expired: number;
  /** Missing records that nobody has. */
  readonly unavailable: number;
  readonly needsSent: number;
  readonly needsTimedOut: number;
  readonly logsForgotten: number;
};

type Ask = {
  readonly id: string;
  readonly ranges: readonly Interval[];
  readonly parts: Set<number>;
  lastPart: number | undefined;
  deadlineMonoMs: number;
  hasGiven: boolean;
};

type LogState = {
  readonly node: string;
  readonly epoch: string;
  /** Received, expired, given up, or not wanted. */
  readonly settled: IntervalSet;
  readonly records: Map<number, LogRecord>;
  /** Largest seq known to exist. */
  knownSeq: number;
  /** Missing records at or below this are counted as gaps already. */
  readonly countedGaps: IntervalSet;
  gapSinceMonoMs: number | undefined;
  ask: Ask | undefined;
  attempts: number;
  emptyAnswers: number;
  notBeforeMonoMs: number;
  touchedMonoMs: number;
};

/**
 * Which records of which logs are there, which are missing, and what to ask for: the listening half of `need`/`fill`,
 * without I/O. Applying is idempotent and indifferent to order: what is known after a set of messages depends on the set
 * alone.
 */
export class ListenerCore {
  readonly #limits: ListenerLimits;
  readonly #wantHistory: boolean;
  readonly #makeId: () => string;
  readonly #logs = new Map<string, LogState>();
  readonly #nodes = new Set<string>();
  #kept: { readonly log: LogState; readonly seq: number }[] = [];
  #keptFrom = 0;
  readonly #counts = {
    received: 0,
    duplicates: 0,
    gaps: 0,
    filled: 0,
    expired: 0,
    unavailable: 0,
    needsSent: 0,
    needsTimedOut: 0,
    logsForgotten: 0,
  };

  /** @param wantHistory false: what a node had before it was first heard of is not asked for. */
  constructor(limits: ListenerLimits, wantHistory: boolean, makeId: () => string) {
    this.#limits = limits;
    this.#wantHistory = wantHistory;
    this.#makeId = makeId;
  }

  /** Applies a batch of `live`; gives the records that are new. */
  applyLive(node: string, epoch: string, records: readonly LogRecord[], nowMonoMs: number): LogRecord[] {
    const first = records[0];
    if (first === undefined) return [];
    const isNewNode = this.#noteNode(node);
    const log = this.#log(node, epoch, nowMonoMs, isNewNode && !this.#wantHistory ? first.s - 1 : 0);
    this.#hearFrom(node);
    return this.#applyRecords(log, records, nowMonoMs);
  }

  /** Applies a head: the lengths and beginnings of the logs it lists. */
  applyHead(head: Head, nowMonoMs: number): void {
    const isNewNode = this.#noteNode(head.node);
    this.#hearFrom(head.node);
    for (const entry of head.logs) {
      const log = this.#log(head.node, entry.e, nowMonoMs, isNewNode && !this.#wantHistory ? entry.seq : 0);
      // An epoch that expired as a whole is listed with first = seq + 1.
      log.knownSeq = Math.max(log.knownSeq, entry.seq);
      this.#applyFirst(log, entry.first);
      this.#applyKnown(log, entry.seq, nowMonoMs);
    }
  }

  /** Applies a part of an answer; gives the records that are new. */
  applyFill(sender: string, fill: Fill, nowMonoMs: number): LogRecord[] {
    const log = this.#logs.get(keyOf(fill.of, fill.e));
    // Only the writer answers for its log, and only logs we follow can be filled.
    if (log === undefined || fill.of !== sender) return [];
    this.#applyFirst(log, fill.first);
    const fresh = this.#applyRecords(log, fill.r, nowMonoMs);
    this.#counts.filled += fresh.length;
    if (log.ask?.id === fill.id) this.#noteAnswer(log, log.ask, fill, fresh.length, nowMonoMs);
    return fresh;
  }

  /** What to ask for now. Call it often: deadlines and retries pass by it alone. */
  due(nowMonoMs: number): NeedToSend[] {
    this.#expireAsks(nowMonoMs);
    let outstanding = 0;
    for (const log of this.#logs.values()) if (log.ask !== undefined) outstanding++;
    const needs: NeedToSend[] = [];
    for (const log of this.#logs.values()) {
      if (outstanding >= this.#limits.needsOutstanding) break;
      const need = this.#planNeed(log, nowMonoMs);
      if (need === undefined) continue;
      outstanding++;
      needs.push(need);
    }
    return needs;
  }

  /** The need could not be sent: it is tried again later. */
  needFailed(id: string, nowMonoMs: number): void {
    for (const log of this.#logs.values()) if (log.ask?.id === id) this.#retryLater(log, nowMonoMs);
  }

  counts(): ListenerCounts {
    return { ...this.#counts };
  }

  /** The kept records of one log in order. */
  recordsOf(node: string, epoch: string): readonly LogRecord[] {
    const records = this.#logs.get(keyOf(node, epoch))?.records.values() ?? [];
    return [...records].sort((a, b) => a.s - b.s);
  }

  /** The logs followed, and how many records of each are still missing. */
  logs(): { readonly node: string; readonly epoch: string; readonly seq: number; readonly missing: number }[] {
    return [...this.#logs.values()].map((log) => ({
      node: log.node,
      epoch: log.epoch,
      seq: log.knownSeq,
      missing: countOf(log.settled.missing(1, log.knownSeq, Number.POSITIVE_INFINITY)),
    }));
  }

  #noteNode(node: string): boolean {
    if (this.#nodes.has(node)) return false;
    this.#nodes.add(node);
    return true;
  }

  // A writer that speaks again is there to be asked, whatever it did not answer before.
  #hearFrom(node: string): void {
    for (const log of this.#logs.values()) {
      if (log.node !== node || log.attempts === 0) continue;
      log.attempts = 0;
      log.notBeforeMonoMs = 0;
    }
  }

  #log(node: string, epoch: string, nowMonoMs: number, skipTo: number): LogState {
    const key = keyOf(node, epoch);
    const known = this.#logs.get(key);
    if (known !== undefined) {
      known.touchedMonoMs = nowMonoMs;
      return known;
    }
    if (this.#logs.size >= this.#limits.logsMax) this.#forgetQuietest();
    const log: LogState = {
      node,
      epoch,
      settled: new IntervalSet(),
      records: new Map(),
      knownSeq: skipTo,
      countedGaps: new IntervalSet(),
      gapSinceMonoMs: undefined,
      ask: undefined,
      attempts: 0,
      emptyAnswers: 0,
      notBeforeMonoMs: 0,
      touchedMonoMs: nowMonoMs,
    };
    log.settled.add(1, skipTo);
    this.#logs.set(key, log);
    return log;
  }

  #forgetQuietest(): void {
    let quietest: LogState | undefined;
    for (const log of this.#logs.values()) {
      if (quietest === undefined || log.touchedMonoMs < quietest.touchedMonoMs) quietest = log;
    }
    if (quietest === undefined) return;
    this.#logs.delete(keyOf(quietest.node, quietest.epoch));
    quietest.records.clear();
    this.#counts.logsForgotten++;
  }

  #applyRecords(log: LogState, records: readonly LogRecord[], nowMonoMs: number): LogRecord[] {
    const fresh: LogRecord[] = [];
    for (const record of records) {
      if (log.settled.has(record.s)) {
        this.#counts.duplicates++;
        continue;
      }
      log.settled.add(record.s, record.s);
      this.#counts.received++;
      this.#keep(log, record);
      fresh.push(record);
    }
    const last = records.at(-1);
    if (last !== undefined) this.#applyKnown(log, last.s, nowMonoMs);
    return fresh;
  }

  #keep(log: LogState, record: LogRecord): void {
    if (this.#limits.recordsMax === 0) return;
    log.records.set(record.s, record);
    this.#kept.push({ log, seq: record.s });
    if (this.#kept.length - this.#keptFrom <= this.#limits.recordsMax) return;
    const oldest = this.#kept[this.#keptFrom++];
    oldest?.log.records.delete(oldest.seq);
    // Shifting one by one costs the length of the list each time; this costs it once per recordsMax records.
    if (this.#keptFrom > this.#limits.recordsMax) {
      this.#kept = this.#kept.slice(this.#keptFrom);
      this.#keptFrom = 0;
    }
  }

  #applyKnown(log: LogState, seq: number, nowMonoMs: number): void {
    log.knownSeq = Math.max(log.knownSeq, seq);
    const isWhole = log.settled.missing(1, log.knownSeq, 1).length === 0;
    if (isWhole) log.gapSinceMonoMs = undefined;
    else log.gapSinceMonoMs ??= nowMonoMs;
  }

  #applyFirst(log: LogState, first: number): void {
    const end = Math.min(first - 1, log.knownSeq);
    const gone = countOf(log.settled.missing(1, end, Number.POSITIVE_INFINITY));
    this.#counts.expired += gone;
    // Beyond what is known to exist nothing is missing yet; a later record below `first` is just a duplicate of nothing.
    if (end > 0) log.settled.add(1, end);
  }

  #planNeed(log: LogState, nowMonoMs: number): NeedToSend | undefined {
    if (log.ask !== undefined || log.gapSinceMonoMs === undefined) return undefined;
    if (nowMonoMs - log.gapSinceMonoMs < this.#limits.gapPatienceMs || nowMonoMs < log.notBeforeMonoMs)
      return undefined;
    const ranges = this.#missingRanges(log);
    if (ranges.length === 0) return undefined;
    this.#countGaps(log, ranges);
    const id = this.#makeId();
    const deadlineMonoMs = nowMonoMs + this.#limits.needTimeoutMs;
    log.ask = { id, ranges, parts: new Set(), lastPart: undefined, deadlineMonoMs, hasGiven: false };
    this.#counts.needsSent++;
    const mutableRanges = ranges.map(([from, to]): [number, number] => [from, to]);
    return {
      to: log.node,
      need: {
        v: SCHEMA_MINOR,
        id,
        of: log.node,
        e: log.epoch,
        ranges: mutableRanges,
        max: this.#limits.needRecords,
      },
    };
  }

  // At most 64 ranges and needRecords records of them: what one need may carry, and one answer give.
  #missingRanges(log: LogState): Interval[] {
    const ranges: Interval[] = [];
    let room = this.#limits.needRecords;
    for (const [from, to] of log.settled.missing(1, log.knownSeq, 64)) {
      if (room <= 0) break;
      const end = Math.min(to, from + room - 1);
      ranges.push([from, end]);
      room -= end - from + 1;
    }
    return ranges;
  }

  #countGaps(log: LogState, ranges: readonly Interval[]): void {
    for (const [from, to] of ranges) {
      this.#counts.gaps += countOf(log.countedGaps.missing(from, to, Number.POSITIVE_INFINITY));
      log.countedGaps.add(from, to);
    }
  }

  #noteAnswer(log: LogState, ask: Ask, fill: Fill, fresh: number, nowMonoMs: number): void {
    ask.parts.add(fill.part);
    ask.deadlineMonoMs = nowMonoMs + this.#limits.needTimeoutMs;
    if (fresh > 0) ask.hasGiven = true;
    if (!fill.more) ask.lastPart = fill.part;
    const isComplete = ask.lastPart !== undefined && ask.parts.size === ask.lastPart + 1;
    if (!isComplete) return;
    log.ask = undefined;
    log.attempts = 0;
    if (ask.hasGiven) {
      log.emptyAnswers = 0;
      return;
    }
    this.#noteEmptyAnswer(log, ask, nowMonoMs);
  }

  #noteEmptyAnswer(log: LogState, ask: Ask, nowMonoMs: number): void {
    log.emptyAnswers++;
    log.notBeforeMonoMs = nowMonoMs + this.#limits.retryFirstMs * 2 ** log.emptyAnswers;
    if (log.emptyAnswers < this.#limits.emptyAnswersMax) return;
    log.emptyAnswers = 0;
    for (const [from, to] of ask.ranges) {
      this.#counts.unavailable += countOf(log.settled.missing(from, to, Number.POSITIVE_INFINITY));
      log.settled.add(from, to);
    }
    this.#applyKnown(log, log.knownSeq, nowMonoMs);
  }

  #expireAsks(nowMonoMs: number): void {
    for (const log of this.#logs.values()) {
      if (log.ask === undefined || nowMonoMs < log.ask.deadlineMonoMs) continue;
      this.#counts.needsTimedOut++;
      this.#retryLater(log, nowMonoMs);
    }
  }

  #retryLater(log: LogState, nowMonoMs: number): void {
    log.ask = undefined;
    const delayMs = Math.min(this.#limits.retryMaxMs, this.#limits.retryFirstMs * 2 ** log.attempts);
    log.attempts = Math.min(log.attempts + 1, 16);
    log.notBeforeMonoMs = nowMonoMs + delayMs;
  }
}

function keyOf(node: string, epoch: string): string {
  return `${node}/${epoch}`;
}

function countOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}
