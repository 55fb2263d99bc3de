import type { Answer, Cut, Missing, Query, QueryRow, QuerySpec, UnaskedLog } from '../../protocol/query.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import { byNewest } from './answer-digest.js';
import { AnswerParts } from './answer-parts.js';
import type { Doubtful } from './doubtful.js';
import type { FleetKnowledge, KnownLog, Standing } from './fleet-knowledge.js';
import { type LogBounds, type LogPosition, logKey } from './log-bounds.js';
import {
  type Ask,
  CONFIDENCES,
  type Confidence,
  type Finding,
  type GroupOutcome,
  QueryGroup,
  type ReplicaNote,
  type Want,
} from './query-group.js';
import type { AskLimits } from './query-limits.js';
import { cutOf, groupsOf, type LogGroup, type QueryMode, rankCandidates } from './query-scope.js';
import type { SessionToken } from './session-token.js';

/** A query message and whom it goes to. */
export type QueryToSend = { readonly replica: string; readonly query: Query };

/** Records up to the cut that are not in the answer. `no-head`: nothing is known of the logs of a node that records. */
export type Lack =
  | Missing
  | { readonly n: string; readonly why: 'no-head' }
  | (Omit<Missing, 'why'> & { readonly why: 'unreachable' });

/** Why a node did not take part: as it was known before, or as it turned out. */
export type Absence = { readonly node: string; readonly why: ReplicaNote['why'] | Standing; readonly message?: string };

/** What a query gives, with all that it does not promise. */
export type QueryResult = {
  readonly shape: QuerySpec['shape'];
  readonly count: number;
  readonly rows: readonly QueryRow[];
  readonly bars: readonly (readonly [startMs: number, count: number])[];
  /** Of `count`, records of sources that tell what another one tells, as far as one replica saw both. */
  readonly again: number;
  readonly confidence: Confidence;
  /** Every record that matches, up to the cut and still kept, is in it. */
  readonly complete: boolean;
  readonly missing: readonly Lack[];
  /** Replicas that answered exactly so. */
  readonly replicas: readonly string[];
  readonly absent: readonly Absence[];
  /** Where answers differed at first: the digests and who gave them. */
  readonly digests: GroupOutcome['digests'];
  /** Replicas whose first answer was not this one, where it is settled that this one holds. */
  readonly lost: readonly string[];
  /** What replicas found that read their files again: because answers differed, or because that was asked for. */
  readonly findings: readonly Finding[];
  readonly cut: readonly LogBounds[];
  /** When the head of each node was made that the cut follows, by that node's wall clock. */
  readonly asOf: readonly { readonly node: string; readonly headAtMs: number }[];
  readonly token: SessionToken;
  /** What of it is doubtful; absent where nobody is doubted whose records were asked about. */
  readonly doubtful?: Doubtful;
};

export type QueryCoordinatorOptions = {
  readonly spec: QuerySpec;
  readonly mode: QueryMode;
  /** Replicas that are to agree. */
  readonly replicas: number | 'all';
  readonly token: SessionToken;
  readonly knowledge: FleetKnowledge;
  readonly limits: AskLimits;
  /** Replicas are to read their files again before they answer. */
  readonly verify?: boolean;
  /** Draws in [0, 1). */
  readonly random: () => number;
  /** Makes the id of a query message, never the same twice. */
  readonly makeId: () => string;
};

type Part = LogGroup & { readonly machine: QueryGroup; readonly passedOver: readonly Absence[] };
type Outstanding = { readonly part: Part; readonly replica: string; readonly parts: AnswerParts };

/**
 * One query from its cut to its answer. Pure: it is told what arrives and what time it is, and says what to send. What it
 * knows of the fleet it takes at its beginning, so that its cut stands still.
 */
export class QueryCoordinator {
  readonly #options: QueryCoordinatorOptions;
  readonly #startedMonoMs: number;
  readonly #known: readonly KnownLog[];
  readonly #headTimes: ReadonlyMap<string, number>;
  readonly #outstanding = new Map<string, Outstanding>();
  /** Replicas that have answered. What they hold beyond the cut counts the first time: a log that grows has no end. */
  readonly #heard = new Set<string>();
  /** What is held beyond the cut, and not asked for yet; at the end, what became known too late to be asked for. */
  readonly #beyond = new Map<string, LogBounds>();
  #cut: LogBounds[];
  #parts: Part[] = [];
  #extensions = 0;

  constructor(options: QueryCoordinatorOptions, nowMonoMs: number) {
    this.#options = options;
    this.#startedMonoMs = nowMonoMs;
    this.#known = options.knowledge.logs();
    this.#headTimes = new Map(
      options.knowledge.nodes.map((node) => [node, options.knowledge.headAtMs(node) ?? 0] as const),
    );
    this.#cut = cutOf(options.spec, this.#known, options.token, options.mode);
  }

  begin(nowMonoMs: number): QueryToSend[] {
    const { knowledge, random, limits, verify = false } = this.#options;
    this.#outstanding.clear();
    this.#parts = groupsOf(this.#cut, knowledge.keepers()).map((group) => {
      const { candidates: ranked, passedOver } = rankCandidates(
        group.assigned,
        (node) => knowledge.standing(node),
        random,
      );
      // Asked again with a longer cut, those who have answered already come first.
      const isHeard = (node: string) => this.#heard.has(node);
      const candidates = [...ranked.filter(isHeard), ...ranked.filter((node) => !isHeard(node))];
      const wanted = this.#options.replicas === 'all' ? candidates.length : this.#options.replicas;
      return {
        ...group,
        passedOver,
        machine: new QueryGroup(candidates, group.assigned.length, wanted, { ...limits, isVerifying: verify }),
      };
    });
    return this.#parts.flatMap((part) => this.#send(part, part.machine.begin(nowMonoMs)));
  }

  /** A part of an answer came; one to a question that was not asked, or not any more, is passed over. */
  applyAnswer(replica: string, answer: Answer, nowMonoMs: number): QueryToSend[] {
    const asked = this.#outstanding.get(answer.id);
    if (asked === undefined || asked.replica !== replica) return [];
    const outcome = asked.parts.add(answer);
    if (outcome.kind === 'more') return [];
    this.#outstanding.delete(answer.id);
    const { part } = asked;
    if (outcome.kind !== 'answer') {
      const why = outcome.kind === 'refusal' ? outcome.code : 'failed';
      return this.#goOn(part, part.machine.failed(replica, why, outcome.message, nowMonoMs), nowMonoMs);
    }
    this.#noteBeyond(outcome.answer.also, !this.#heard.has(replica));
    this.#heard.add(replica);
    return this.#goOn(part, part.machine.answered(replica, outcome.answer, nowMonoMs), nowMonoMs);
  }

  /** A query message could not be sent. */
  sendFailed(id: string, message: string, nowMonoMs: number): QueryToSend[] {
    const asked = this.#outstanding.get(id);
    if (asked === undefined) return [];
    this.#outstanding.delete(id);
    return this.#goOn(asked.part, asked.part.machine.failed(asked.replica, 'failed', message, nowMonoMs), nowMonoMs);
  }

  /** Time passes. Call it often: hedging depends on it alone. */
  tick(nowMonoMs: number): QueryToSend[] {
    const asks = this.#parts.map((part) => ({ part, asks: part.machine.isDone ? [] : part.machine.tick(nowMonoMs) }));
    if (this.#isLongerDue(nowMonoMs)) return this.#beginLonger(nowMonoMs);
    return asks.flatMap(({ part, asks }) => this.#send(part, asks));
  }

  isDone(nowMonoMs: number): boolean {
    if (nowMonoMs - this.#startedMonoMs >= this.#options.limits.deadlineMs) return true;
    return this.#parts.every(({ machine }) => machine.isDone);
  }

  /** Replicas that have answered or refused, and those asked: for a person who waits. */
  progress(): { readonly done: number; readonly total: number } {
    const outcomes = this.#parts.map(({ machine }) => machine.outcome());
    const silent = outcomes.flatMap(({ notes }) => notes.filter(({ why }) => why === 'silent')).length;
    const heard = outcomes.reduce(
      (sum, { notes, agreeing }) => sum + new Set([...agreeing, ...notes.map(({ node }) => node)]).size,
      0,
    );
    return { done: heard - silent, total: heard };
  }

  result(): QueryResult {
    const { spec, knowledge, token } = this.#options;
    const outcomes = this.#parts.map((part) => ({ part, outcome: part.machine.outcome() }));
    const lacks = outcomes.flatMap(({ part, outcome }) => this.#lackOf(part, outcome));
    const expired = expiredLogs(lacks, this.#known, this.#cut);
    const missing: Lack[] = [
      ...lacks.filter((lack) => !expired.has(logKey({ node: lack.n, epoch: lack.e }))),
      ...[...this.#beyond.values()].map(unreachable),
      ...knowledge
        .headless()
        .filter((node) => spec.filter.node === undefined || spec.filter.node === node)
        .map((n) => ({ n, why: 'no-head' as const })),
    ];
    const contents = outcomes.flatMap(({ outcome }) => outcome.answer?.content ?? []);
    return {
      shape: spec.shape,
      count: contents.reduce((sum, { count }) => sum + count, 0),
      rows: mergedRows(
        contents.flatMap(({ rows }) => rows),
        spec.limit,
      ),
      bars: mergedBars(contents.flatMap(({ bars }) => bars)),
      again: contents.reduce((sum, { again }) => sum + again, 0),
      confidence: leastSure(outcomes.map(({ outcome }) => outcome.confidence)),
      complete: missing.length === 0,
      missing,
      replicas: unique(outcomes.flatMap(({ outcome }) => outcome.agreeing)),
      absent: absences(outcomes.flatMap(({ part, outcome }) => [...part.passedOver, ...outcome.notes])),
      digests: outcomes.flatMap(({ outcome }) => (outcome.digests.length > 1 ? outcome.digests : [])),
      lost: unique(outcomes.flatMap(({ outcome }) => outcome.lost)),
      findings: mergedFindings(outcomes.flatMap(({ outcome }) => outcome.findings)),
      cut: this.#cut,
      asOf: this.#asOf(),
      token: token.advance(this.#seen(lacks), expired),
    };
  }

  #goOn(part: Part, asks: readonly Ask[], nowMonoMs: number): QueryToSend[] {
    return this.#isLongerDue(nowMonoMs) ? this.#beginLonger(nowMonoMs) : this.#send(part, asks);
  }

  // What replicas hold and the cut does not name: old epochs, for which no head has room, and what a log has grown by
  // since its newest head. A log that is known grows on while it is asked for: what a replica held first is enough.
  #noteBeyond(also: readonly UnaskedLog[], isFirst: boolean): void {
    const { spec, mode, token } = this.#options;
    if (mode === 'fast' && token.size > 0) return;
    const ends = new Map(this.#cut.map((log) => [logKey(log), log.to]));
    const firsts = new Map(this.#known.map((log) => [logKey(log), log.first]));
    for (const [node, epoch, first, last] of also) {
      const key = logKey({ node, epoch });
      const end = ends.get(key);
      const from = end === undefined ? Math.max(first, firsts.get(key) ?? 1) : end + 1;
      const to = Math.max(last, this.#beyond.get(key)?.to ?? 0);
      const isAsked = spec.filter.node === undefined || spec.filter.node === node;
      if (isAsked && to >= from && (isFirst || end === undefined)) this.#beyond.set(key, { node, epoch, from, to });
    }
  }

  // Once all were heard who do not take too long, so that everybody's word counts and nobody is asked twice at a time; and
  // while there is time. What becomes known later is named as missing.
  #isLongerDue(nowMonoMs: number): boolean {
    const { deadlineMs, extensions } = this.#options.limits;
    if (this.#beyond.size === 0 || this.#extensions >= extensions) return false;
    if (nowMonoMs - this.#startedMonoMs > deadlineMs / 2) return false;
    return this.#parts.every(({ machine }) => machine.isDone || !machine.isHearing);
  }

  #beginLonger(nowMonoMs: number): QueryToSend[] {
    this.#extensions++;
    const cut = new Map(this.#cut.map((log) => [logKey(log), log]));
    for (const [key, log] of this.#beyond) cut.set(key, { ...log, from: cut.get(key)?.from ?? log.from });
    this.#cut = [...cut.values()];
    this.#beyond.clear();
    return this.begin(nowMonoMs);
  }

  #send(part: Part, asks: readonly Ask[]): QueryToSend[] {
    return asks.map(({ replica, want, verify }) => {
      const id = this.#options.makeId();
      this.#outstanding.set(id, { part, replica, parts: new AnswerParts(this.#options.spec, want) });
      const query = this.#query(id, part, want);
      return { replica, query: verify === true ? { ...query, verify } : query };
    });
  }

  #query(id: string, { logs }: Part, want: Want): Query {
    const { spec, mode, limits } = this.#options;
    const cut: Cut = logs.map(({ node, epoch, to }) => [node, epoch, to]);
    const floor: Cut = logs.filter(({ from }) => from > 1).map(({ node, epoch, from }) => [node, epoch, from]);
    return {
      v: SCHEMA_MINOR,
      id,
      q: { ...spec },
      cut,
      ...(floor.length === 0 ? {} : { floor }),
      want,
      waitMs: mode === 'fast' ? 0 : limits.waitMs,
    };
  }

  #lackOf({ logs }: Part, { answer }: GroupOutcome): Exclude<Lack, { why: 'no-head' }>[] {
    if (answer?.content !== undefined) return [...answer.missing];
    return logs.map(unreachable);
  }

  #asOf(): { readonly node: string; readonly headAtMs: number }[] {
    return unique(this.#cut.map(({ node }) => node)).flatMap((node) => {
      const headAtMs = this.#headTimes.get(node);
      return headAtMs === undefined || headAtMs === 0 ? [] : [{ node, headAtMs }];
    });
  }

  // A reader has seen the prefix up to the cut, or up to where the end of it is missing.
  #seen(lacks: readonly Exclude<Lack, { why: 'no-head' }>[]): LogPosition[] {
    return this.#cut.map(({ node, epoch, to }) => {
      const tail = lacks.find((lack) => lack.n === node && lack.e === epoch && lack.to >= to);
      return { node, epoch, seq: tail === undefined ? to : tail.from - 1 };
    });
  }
}

/** Logs that no head lists any more and that whoever answered knows to have expired as a whole. */
function expiredLogs(
  lacks: readonly Exclude<Lack, { why: 'no-head' }>[],
  known: readonly KnownLog[],
  cut: readonly LogBounds[],
): ReadonlySet<string> {
  const listed = new Set(known.map(logKey));
  const ends = new Map(cut.map((log) => [logKey(log), log.to]));
  const keys = lacks
    .filter(({ why }) => why === 'expired')
    .map(({ n, e, to }) => ({ key: logKey({ node: n, epoch: e }), to }))
    .filter(({ key, to }) => !listed.has(key) && to >= (ends.get(key) ?? 0));
  return new Set(keys.map(({ key }) => key));
}

function unreachable({ node, epoch, from, to }: LogBounds) {
  return { n: node, e: epoch, from, to, why: 'unreachable' as const };
}

function leastSure(confidences: readonly Confidence[]): Confidence {
  return CONFIDENCES.find((confidence) => confidences.includes(confidence)) ?? 'single';
}

function mergedRows(rows: readonly QueryRow[], limit: number): QueryRow[] {
  const positioned = rows.map((row) => ({ row, t: row.r.t, node: row.n, epoch: row.e, s: row.r.s }));
  return positioned
    .sort(byNewest)
    .slice(0, limit)
    .map(({ row }) => row);
}

function mergedBars(bars: readonly (readonly [number, number])[]): [number, number][] {
  const merged = new Map<number, number>();
  for (const [startMs, count] of bars) merged.set(startMs, (merged.get(startMs) ?? 0) + count);
  return [...merged].sort(([a], [b]) => a - b);
}

function mergedFindings(findings: readonly Finding[]): Finding[] {
  const merged = new Map<string, Finding>();
  for (const { node, segments, rotten, mended } of findings) {
    const known = merged.get(node) ?? { segments: 0, rotten: 0, mended: 0 };
    const sum = { segments: known.segments + segments, rotten: known.rotten + rotten, mended: known.mended + mended };
    merged.set(node, { node, ...sum });
  }
  return [...merged.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

// One reason a node is enough, the first that was found.
function absences(all: readonly Absence[]): Absence[] {
  const byNode = new Map<string, Absence>();
  for (const absence of all) if (!byNode.has(absence.node)) byNode.set(absence.node, absence);
  return [...byNode.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
}
