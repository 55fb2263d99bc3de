import type { AnswerContent } from '../../../base/query/answer-digest.js';
import { FleetKnowledge } from '../../../base/query/fleet-knowledge.js';
import { logKey } from '../../../base/query/log-bounds.js';
import { QueryCoordinator, type QueryResult, type QueryToSend } from '../../../base/query/query-coordinator.js';
import { DEFAULT_ASK_LIMITS } from '../../../base/query/query-limits.js';
import type { SessionToken } from '../../../base/query/session-token.js';
import type { Random } from '../../../base/random.js';
import { encodeAnswer, encodeRefusal } from '../../../edge/query/answer-encoding.js';
import { planAnswer } from '../../../edge/query/answer-plan.js';
import type { HeldLog, LogReader, LogSlice } from '../../../edge/query/log-reader.js';
import { decodePayload } from '../../../protocol/codec.js';
import type { Answer, Checked, Query, QuerySpec } from '../../../protocol/query.js';
import { routes } from '../../../protocol/routes.js';
import { evaluatedAnswer, type TestRecord } from '../../edge/query/record-lines.js';

/** One log of the fleet as it really is: its records, and what its writer has given up or told in a head. */
export type TrueLog = {
  readonly node: string;
  readonly epoch: string;
  readonly records: TestRecord[];
  headSeq: number;
  /** False for an old epoch that heads have no room for. */
  isListed: boolean;
};

/** How a replica behaves. All of it may change at any time. */
export type Manners = {
  isUp: boolean;
  /** Neither its answers arrive nor the questions to it. */
  isCutOff: boolean;
  isLiar: boolean;
  /** Says what never was until it reads its files again; then it has mended them, or knows what it lacks. */
  rot: 'none' | 'mendable' | 'lost';
  state: 'active' | 'syncing' | 'overloaded' | 'quarantined';
  /** How long an answer takes, ms. */
  delayMs: number;
  /** How long fetching what it lacks takes; infinite when nobody can give it. */
  fetchMs: number;
};

export class SimulatedReplica implements LogReader {
  readonly name: string;
  readonly manners: Manners = {
    ...{ isUp: true, isCutOff: false, isLiar: false, rot: 'none' },
    ...{ state: 'active', delayMs: 5, fetchMs: 50 },
  };
  /** Largest seq held, by log. */
  readonly held = new Map<string, number>();
  readonly #logs: () => readonly TrueLog[];

  constructor(name: string, allLogs: () => readonly TrueLog[]) {
    this.name = name;
    this.#logs = allLogs;
  }

  logs(): readonly HeldLog[] {
    return this.#logs().flatMap((log) => {
      const frontier = this.held.get(logKey(log)) ?? 0;
      return frontier === 0 ? [] : [{ node: log.node, epoch: log.epoch, first: 1, frontier }];
    });
  }

  slice(node: string, epoch: string, from: number, to: number): LogSlice | undefined {
    const log = this.#logs().find((one) => one.node === node && one.epoch === epoch);
    const frontier = this.held.get(logKey({ node, epoch })) ?? 0;
    if (log === undefined || frontier === 0) return undefined;
    const lines = log.records
      .slice(from - 1, Math.min(to, frontier))
      .map((record) => ({ s: record.s, text: JSON.stringify(record) }));
    return { node, epoch, from, to, segments: [], lines };
  }

  isForgotten(): boolean {
    return false;
  }

  async catchUp(): Promise<void> {}

  async noteRot(): Promise<void> {}

  noteDoubt(): void {}

  /** Takes in all that is there up to a cut. */
  fetch(cut: Query['cut']): void {
    for (const log of this.#logs()) {
      const to = cut.find(([node, epoch]) => node === log.node && epoch === log.epoch)?.[2] ?? 0;
      const key = logKey(log);
      this.held.set(key, Math.max(this.held.get(key) ?? 0, Math.min(to, log.records.length)));
    }
  }

  isBehind(query: Query, spec: QuerySpec): boolean {
    return planAnswer(query, spec, this).missing.length > 0;
  }

  /** The payloads of its answer, as they would travel. */
  answer(query: Query, spec: QuerySpec): Uint8Array[] {
    const { manners } = this;
    if (manners.state !== 'active') return [encodeRefusal(query.id, manners.state, 'not now', 0)];
    const checked = query.verify === true ? this.#readAgain() : undefined;
    const { slices, missing, also } = planAnswer(query, spec, this);
    const runs = slices.flatMap(({ node, epoch, lines }) => {
      const first = lines[0]?.s;
      return first === undefined ? [] : [{ node, epoch, first, lines: lines.map(({ text }) => text) }];
    });
    const truth = evaluatedAnswer(runs, spec);
    const content = manners.isLiar || manners.rot !== 'none' ? lieOf(this.name, truth) : truth;
    const header = { id: query.id, want: query.want, missing, also, tookMs: 1 };
    // Small parts, so that answers have several.
    return encodeAnswer(content, checked === undefined ? header : { ...header, checked }, 600);
  }

  #readAgain(): Checked {
    const { rot } = this.manners;
    this.manners.rot = 'none';
    // What nobody can give is missing from now on.
    if (rot === 'lost') for (const [key, seq] of this.held) this.held.set(key, seq >> 1);
    return { segments: 1, rotten: rot === 'none' ? 0 : 1, mended: rot === 'mendable' ? 1 : 0 };
  }
}

// Each liar has a lie of its own: two that lie alike are not told from honest ones by any vote.
function lieOf(name: string, truth: AnswerContent): AnswerContent {
  const extra = 1 + Number(name.replace(/\D/g, ''));
  return { ...truth, count: truth.count + extra, rows: truth.rows.slice(1) };
}

type Event = { readonly atMs: number; readonly order: number; readonly fire: () => void };

/** A fleet, and one asker that queries it over a network that delays, repeats and reorders. */
export class SimulatedFleet {
  readonly logs: TrueLog[] = [];
  readonly replicas: readonly SimulatedReplica[];
  readonly #random: Random;
  #events: Event[] = [];
  #order = 0;
  #nowMs = 0;
  #ids = 0;

  constructor(names: readonly string[], random: Random) {
    this.#random = random;
    this.replicas = names.map((name) => new SimulatedReplica(name, () => this.logs));
  }

  /** What the asker knows from retained documents right now. */
  knowledge(): FleetKnowledge {
    const knowledge = new FleetKnowledge();
    const counts = { logs: 0, records: 0, bytes: 0, missing: 0, unacked: 0, unackedMs: 0, mended: 0 };
    for (const { name, manners } of this.replicas) {
      knowledge.applyReplica(name, { v: 0, state: manners.state, ...counts, lagMs: 0, counters: {} });
      const state = manners.isUp ? 'online' : 'lost';
      knowledge.applyStatus(name, { v: 0, state, gen: 1, sid: 's', inv: 'i', boot: 'b', version: '0' });
      const listed = this.logs.filter((log) => log.node === name && log.isListed && log.headSeq > 0);
      if (listed.length === 0) continue;
      const logs = listed.map(({ epoch: e, headSeq: seq }) => ({
        e,
        st: 'live' as const,
        first: 1,
        seq,
        H: '',
        seg: 0,
      }));
      knowledge.applyHead({ v: 0, node: name, inst: 'i', t: 1, logs, sig: '' });
    }
    return knowledge;
  }

  /** Runs one query to its end. */
  ask(
    spec: QuerySpec,
    token: SessionToken,
    replicas: number | 'all',
    mode: 'normal' | 'fast' = 'normal',
    verify = false,
  ): QueryResult {
    this.#events = [];
    const makeId = () => `q${++this.#ids}`;
    const random = () => this.#random.next();
    const limits = DEFAULT_ASK_LIMITS;
    const options = { spec, mode, replicas, token, knowledge: this.knowledge(), limits, verify, random, makeId };
    const startedMs = this.#nowMs;
    const coordinator = new QueryCoordinator(options, startedMs);
    const send = (queries: readonly QueryToSend[]) => {
      for (const query of queries)
        this.#deliver(query, spec, (name, part) => send(coordinator.applyAnswer(name, part, this.#nowMs)));
    };
    send(coordinator.begin(startedMs));
    for (let tickMs = startedMs + 25; !coordinator.isDone(this.#nowMs); tickMs += 25) {
      this.#runUntil(tickMs, () => coordinator.isDone(this.#nowMs));
      send(coordinator.tick(this.#nowMs));
    }
    return coordinator.result();
  }

  #deliver(
    { replica: name, query }: QueryToSend,
    spec: QuerySpec,
    onAnswer: (name: string, part: Answer) => void,
  ): void {
    const replica = this.replicas.find((one) => one.name === name);
    if (replica === undefined) throw new Error(`asked ${name}, who does not exist`);
    const { manners } = replica;
    const isBehind = replica.isBehind(query, spec) && manners.state === 'active';
    const fetches = isBehind && manners.fetchMs <= query.waitMs;
    const delayMs = manners.delayMs + (isBehind ? Math.min(manners.fetchMs, query.waitMs) : 0);
    this.#at(delayMs, () => {
      if (!manners.isUp || manners.isCutOff) return;
      if (fetches) replica.fetch(query.cut);
      for (const payload of replica.answer(query, spec)) {
        const part = decodePayload(routes.answer, payload);
        const times = this.#random.chance(0.1) ? 2 : 1;
        for (let i = 0; i < times; i++) this.#at(this.#random.int(8), () => onAnswer(name, part));
      }
    });
  }

  #at(delayMs: number, fire: () => void): void {
    this.#events.push({ atMs: this.#nowMs + delayMs, order: this.#order++, fire });
  }

  #runUntil(untilMs: number, isOver: () => boolean): void {
    while (!isOver()) {
      const next = this.#events.reduce<Event | undefined>((best, event) => {
        if (event.atMs > untilMs) return best;
        const isEarlier =
          best === undefined || event.atMs < best.atMs || (event.atMs === best.atMs && event.order < best.order);
        return isEarlier ? event : best;
      }, undefined);
      if (next === undefined) break;
      this.#events = this.#events.filter((event) => event !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    if (!isOver()) this.#nowMs = untilMs;
  }
}
