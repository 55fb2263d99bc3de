import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import { describeIssues } from '../../protocol/codec.js';
import { type Answer, type Checked, type Missing, type Query, QuerySpec } from '../../protocol/query.js';
import type { ReplicaState } from '../../protocol/replica.js';
import { routes } from '../../protocol/routes.js';
import { encodeRefusal } from './answer-encoding.js';
import { type AnswerPlan, planAnswer } from './answer-plan.js';
import type { LogReader } from './log-reader.js';
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from './query-limits.js';
import type { ScanReply } from './scan-message.js';
import { ScanThread } from './scan-thread.js';
import { VerifyBudget } from './verify-budget.js';

export type QueryServerOptions = {
  readonly link: Link;
  readonly node: string;
  readonly reader: LogReader;
  /** How the replica fares: it answers when `active` alone. */
  readonly state: () => ReplicaState['state'];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<QueryLimits>;
  /** Compiled scan thread, for tests that run from sources. */
  readonly workerUrl?: URL;
};

type Asked = { readonly asker: string; readonly query: Query; readonly receivedMonoMs: number };
type Done = Extract<ScanReply, { kind: 'done' }>;
type Unread = Done['unread'];
type Refused = Exclude<ScanReply, Done>;
/** Whether files are read again, and what is known of them by then. */
type Care = { readonly isFresh: boolean; readonly checked: Checked | undefined };
type Refusal = { readonly code: NonNullable<Answer['code']>; readonly message: string };

const COUNTER_NAMES = [
  'queries',
  'answered',
  'refused',
  'bad',
  'partial',
  'caughtUp',
  'mended',
  'verified',
  'verifyDelayed',
  'stale',
  'failures',
] as const;

const REFUSALS: Readonly<Record<Exclude<ReplicaState['state'], 'active'>, Refusal>> = {
  syncing: { code: 'syncing', message: 'this replica still fetches what others have' },
  overloaded: { code: 'overloaded', message: 'this replica has more to do than it can' },
  quarantined: { code: 'quarantined', message: 'this replica kept rotting and has no vote' },
};

/**
 * Answers queries from what this node holds: on exactly the prefix at the query's cut, whatever newer records it has.
 * Behind the cut it waits for its replica to fetch, then names what it lacks. Every query gets an answer or a refusal.
 */
export class QueryServer {
  readonly #options: QueryServerOptions;
  readonly #limits: QueryLimits;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #scan: ScanThread;
  readonly #verifying = new VerifyBudget();
  readonly #underWay = new Map<string, Asked>();
  readonly #stop = new AbortController();
  #unsubscribe: (() => void) | undefined;
  #cancelWarm: (() => void) | undefined;

  constructor(options: QueryServerOptions) {
    this.#options = options;
    const { clock, log, workerUrl } = options;
    this.#limits = { ...DEFAULT_QUERY_LIMITS, ...options.limits };
    const url = workerUrl === undefined ? {} : { workerUrl };
    this.#scan = new ScanThread({ clock, log, limits: this.#limits, ...url });
  }

  open(): void {
    const { link, node } = this.#options;
    this.#cancelWarm = this.#options.clock.after(this.#limits.warmAfterMs, () => this.#warm());
    this.#unsubscribe = link.subscribe(routes.query, { recipient: node }, (message) => {
      // What a broker kept was asked by somebody who is long gone.
      if (message.retained) return;
      this.#take({ asker: message.params.sender, query: message.payload, receivedMonoMs: message.receivedMonoMs });
    });
  }

  /** Queries taken and not answered yet. */
  get waiting(): number {
    return this.#underWay.size;
  }

  counters(): Record<string, number> {
    return { ...this.#counters.snapshot(), ...this.#scan.counters() };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#unsubscribe?.();
    this.#cancelWarm?.();
    await this.#scan.close();
  }

  // The newest first, as many as the thread keeps.
  #warm(): void {
    const { reader } = this.#options;
    const slices = reader.logs().map(({ node, epoch, first, frontier }) => reader.slice(node, epoch, first, frontier));
    const files = slices.flatMap((slice) => slice?.segments ?? []).sort((a, b) => b.t1 - a.t1);
    let room = this.#limits.columnsRecords;
    const kept = files.filter(({ count }) => {
      room -= count;
      return room >= 0;
    });
    this.#scan.warm(kept);
  }

  #take(asked: Asked): void {
    const key = `${asked.asker}/${asked.query.id}`;
    // QoS 1 delivers twice.
    if (this.#underWay.has(key)) return;
    this.#counters.add('queries');
    const refusal = this.#refusalOf(asked);
    if (refusal !== undefined) {
      void this.#refuse(asked, refusal);
      return;
    }
    this.#underWay.set(key, asked);
    void this.#serve(asked).finally(() => this.#underWay.delete(key));
  }

  #refusalOf({ asker }: Asked): Refusal | undefined {
    const state = this.#options.state();
    if (state !== 'active') return REFUSALS[state];
    const ofAsker = [...this.#underWay.values()].filter((other) => other.asker === asker).length;
    const isFull = this.#underWay.size >= this.#limits.waiting || ofAsker >= this.#limits.waitingPerAsker;
    return isFull ? { code: 'overloaded', message: `${this.#underWay.size} queries wait already` } : undefined;
  }

  async #serve(asked: Asked): Promise<void> {
    try {
      const spec = QuerySpec.safeParse(asked.query.q);
      const fault = spec.success ? faultOf(spec.data) : describeIssues(spec.error);
      if (!spec.success || fault !== undefined) {
        this.#counters.add('bad');
        await this.#refuse(asked, { code: 'bad-query', message: fault ?? '' });
        return;
      }
      await this.#answer(asked, spec.data);
    } catch (error) {
      this.#counters.add('failures');
      this.#options.log.debug('query not answered', { asker: asked.asker, error: messageOf(error) });
      if (!this.#stop.signal.aborted) await this.#refuse(asked, { code: 'failed', message: messageOf(error) });
    }
  }

  async #answer(asked: Asked, spec: QuerySpec): Promise<void> {
    const { reader } = this.#options;
    const { query } = asked;
    let plan = planAnswer(query, spec, reader);
    if (plan.missing.some(({ why }) => why === 'behind' || why === 'unknown')) {
      // Also where nobody waits: only so the replica learns how much it lacks.
      await reader.catchUp(query.cut, query.waitMs, this.#stop.signal);
      plan = planAnswer(query, spec, reader);
      this.#counters.add('caughtUp', plan.missing.length === 0 ? 1 : 0);
      // The cut may have told of more than was known to exist: whoever lacks much answers nothing.
      const state = this.#options.state();
      if (state !== 'active') {
        await this.#refuse(asked, REFUSALS[state]);
        return;
      }
    }
    const isVerifying = query.verify === true && this.#mayVerify();
    const reply = await this.#search(asked, spec, plan, isVerifying).finally(() => {
      if (isVerifying) this.#verifying.end(this.#options.clock.monoMs());
    });
    if (reply.kind === 'refused') {
      this.#counters.add(reply.code === 'bad-query' ? 'bad' : 'failures');
      await this.#refuse(asked, reply);
      return;
    }
    for (const { node, epoch, n, reason } of reply.unread) await reader.noteRot(node, epoch, n, reason);
    await this.#send(asked, reply.parts);
    this.#counters.add('answered');
    if (reply.isPartial) this.#counters.add('partial');
  }

  #mayVerify(): boolean {
    const mayBegin = this.#verifying.begin(this.#options.clock.monoMs());
    this.#counters.add(mayBegin ? 'verified' : 'verifyDelayed');
    return mayBegin;
  }

  async #search(
    asked: Asked,
    spec: QuerySpec,
    plan: AnswerPlan,
    isVerifying: boolean,
  ): Promise<Refused | (Done & { readonly isPartial: boolean })> {
    const { reader } = this.#options;
    const { query } = asked;
    const segments = plan.slices.reduce((sum, slice) => sum + slice.segments.length, 0);
    const clean = isVerifying ? { segments, rotten: 0, mended: 0 } : undefined;
    const first = await this.#look(asked, spec, plan, { isFresh: isVerifying, checked: clean });
    if (first.kind === 'refused') return first;
    if (first.unread.length === 0) {
      if (isVerifying) reader.noteDoubt(query.cut);
      return { ...first, isPartial: plan.missing.length > 0 };
    }
    // Rot, which others have whole; and files that went while we looked: retention, or a segment that was fetched anew.
    const rotten = first.unread.filter(({ isGone }) => !isGone);
    await this.#mend(query, rotten);
    const now = planAnswer(query, spec, reader);
    const mended = rotten.filter((segment) => !now.missing.some((lack) => overlaps(lack, segment))).length;
    const checked = isVerifying ? { segments, rotten: rotten.length, mended } : undefined;
    const second = await this.#look(asked, spec, now, { isFresh: false, checked });
    return second.kind === 'refused' ? second : { ...second, isPartial: now.missing.length + second.unread.length > 0 };
  }

  // Put aside at once; the asker says how long it waits for what others have of it. A file that went may have been rotten,
  // too, and found by a poll just before.
  async #mend({ cut, waitMs }: Query, rotten: Unread): Promise<void> {
    const { reader } = this.#options;
    await Promise.all(rotten.map(({ node, epoch, n, reason }) => reader.noteRot(node, epoch, n, reason)));
    if (waitMs > 0) await reader.catchUp(cut, waitMs, this.#stop.signal);
    this.#counters.add('mended', rotten.length > 0 ? 1 : 0);
  }

  #look(asked: Asked, spec: QuerySpec, plan: AnswerPlan, { isFresh, checked }: Care): Promise<ScanReply> {
    const { id, want } = asked.query;
    const header = () => {
      const tookMs = this.#ageOf(asked);
      if (tookMs > this.#limits.staleMs) {
        this.#counters.add('stale');
        throw new Error(`it waited ${Math.round(tookMs)} ms for its turn`);
      }
      const found = checked === undefined ? {} : { checked };
      return { id, want, missing: plan.missing, also: plan.also, ...found, tookMs };
    };
    return this.#scan.scan({ spec, slices: plan.slices, isFresh, header });
  }

  async #refuse(asked: Asked, { code, message }: Refusal): Promise<void> {
    this.#counters.add('refused');
    const tookMs = Math.round(this.#ageOf(asked));
    await this.#send(asked, [encodeRefusal(asked.query.id, code, message, tookMs)]).catch((error) => {
      // Nothing is owed to an asker that cannot be reached: it has a deadline.
      this.#options.log.debug('refusal not sent', { asker: asked.asker, error: messageOf(error) });
    });
  }

  async #send({ asker }: Asked, parts: readonly Uint8Array[]): Promise<void> {
    const { link, node } = this.#options;
    for (const part of parts) {
      await link.publishEncoded(routes.answer, { recipient: asker, sender: node }, part);
    }
  }

  #ageOf({ receivedMonoMs }: Asked): number {
    return this.#options.clock.monoMs() - receivedMonoMs;
  }
}

function overlaps({ n, e, from, to }: Missing, { node, epoch, first, last }: Unread[number]): boolean {
  return n === node && e === epoch && from <= last && to >= first;
}

function faultOf({ filter: { fromMs, toMs } }: QuerySpec): string | undefined {
  const isBackwards = fromMs !== undefined && toMs !== undefined && fromMs > toMs;
  return isBackwards ? `filter: fromMs ${fromMs} is later than toMs ${toMs}` : undefined;
}
