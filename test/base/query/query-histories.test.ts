import { describe, expect, it } from 'vitest';
import { logKey } from '../../../base/query/log-bounds.js';
import type { QueryResult } from '../../../base/query/query-coordinator.js';
import { SessionToken } from '../../../base/query/session-token.js';
import { Random } from '../../../base/random.js';
import { type QueryFilter, QuerySpec } from '../../../protocol/query.js';
import { plainAnswer } from '../../edge/query/record-lines.js';
import { SimulatedFleet, type SimulatedReplica, type TrueLog } from './simulated-fleet.js';

// Seeded histories of a fleet whose replicas are behind, lying, silent, slow, cut off, or back from an older state, and of
// one reader that keeps its token. The invariants are I6, I7 and I8 of the replication rules.

const HISTORIES = Number(process.env.VEDETTE_QUERY_HISTORIES ?? 500);
const FIRST_SEED = Number(process.env.VEDETTE_QUERY_SEED ?? 1);
const QUERIES = 5;

const EPOCHS = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc'];

type Tally = Record<QueryResult['confidence'] | 'complete' | 'partial' | 'extended' | 'longer', number>;

function growFleet(fleet: SimulatedFleet, random: Random): void {
  for (const log of fleet.logs) {
    for (let i = random.int(6); i > 0; i--) {
      const t = (log.records.at(-1)?.t ?? 0) + random.int(50);
      const l = random.pick(['person', 'car']);
      log.records.push({ s: log.records.length + 1, t, k: 'track', c: 'front', l, p: random.int(1_000) });
    }
    // A head may lag; it never goes back.
    log.headSeq = Math.max(log.headSeq, log.records.length - random.int(3));
  }
}

function replicate(fleet: SimulatedFleet, random: Random): void {
  for (const replica of fleet.replicas) {
    const isUpToDate = random.chance(0.6);
    for (const log of fleet.logs) {
      const key = logKey(log);
      const isOwn = log.node === replica.name;
      const to = isOwn || isUpToDate || random.chance(0.5) ? log.records.length : random.int(log.records.length + 1);
      replica.held.set(key, Math.max(replica.held.get(key) ?? 0, to));
    }
  }
}

function disturb(fleet: SimulatedFleet, random: Random, liars: number): void {
  for (const [i, replica] of fleet.replicas.entries()) {
    const { manners } = replica;
    manners.isUp = random.chance(0.9);
    manners.isCutOff = random.chance(0.1);
    manners.isLiar = i < liars;
    manners.rot = random.chance(0.85) ? 'none' : random.pick(['mendable', 'lost']);
    manners.state = random.chance(0.85) ? 'active' : random.pick(['syncing', 'overloaded', 'quarantined']);
    manners.delayMs = random.chance(0.8) ? random.int(50) : random.int(4_000);
    manners.fetchMs = random.pick([20, 400, 2_000, Number.POSITIVE_INFINITY]);
    // Back from an older state of its disk: copies of others are shorter than they were.
    if (random.chance(0.1)) {
      for (const [key, seq] of replica.held)
        if (!key.startsWith(`${replica.name}/`)) replica.held.set(key, random.int(seq + 1));
    }
  }
}

function drawSpec(random: Random): QuerySpec {
  const filter: QueryFilter = {};
  if (random.chance(0.3)) filter.label = 'person';
  if (random.chance(0.2)) filter.node = 'cam1';
  if (random.chance(0.2)) filter.fromMs = random.int(200);
  const shape = random.pick(['count', 'list', 'histogram'] as const);
  return QuerySpec.parse({ shape, filter, limit: random.pick([5, 10_000]) });
}

/** What is right to say on the cut of a result, without what it says is missing. */
function rightAnswer(logs: readonly TrueLog[], spec: QuerySpec, { cut, missing }: QueryResult) {
  const visible = cut.map(({ node, epoch, from, to }) => {
    const log = logs.find((one) => one.node === node && one.epoch === epoch);
    const lacked = missing.filter((lack) => lack.why !== 'no-head' && lack.n === node && lack.e === epoch);
    const isSeen = (s: number) =>
      s >= from && s <= to && !lacked.some((lack) => 'from' in lack && s >= lack.from && s <= lack.to);
    return { node, epoch, records: (log?.records ?? []).filter(({ s }) => isSeen(s)) };
  });
  return plainAnswer(visible, spec, () => Number.MAX_SAFE_INTEGER);
}

/** Names of replicas that say at first what never was. */
type Deceived = ReadonlySet<string>;

function isTrustworthy(result: QueryResult, deceived: Deceived): boolean {
  const isSure = ['confirmed', 'majority', 'verified'].includes(result.confidence);
  return isSure || !result.replicas.some((name) => deceived.has(name));
}

function checkAnswer(
  fleet: SimulatedFleet,
  spec: QuerySpec,
  result: QueryResult,
  token: SessionToken,
  deceived: Deceived,
): void {
  const isAsked = (node: string) => spec.filter.node === undefined || spec.filter.node === node;
  // I6: the cut covers what the reader has seen, and the token never falls.
  for (const { node, epoch, seq } of token.positions()) {
    expect(result.token.seqOf(node, epoch)).toBeGreaterThanOrEqual(seq);
    if (isAsked(node))
      expect(result.cut.find((log) => log.node === node && log.epoch === epoch)?.to ?? 0).toBeGreaterThanOrEqual(seq);
  }
  // I7: an answer that does not name what it lacks has it all; one that does has the rest.
  expect(result.complete).toBe(result.missing.length === 0);
  if (result.confidence === 'conflict') {
    expect(result.digests.length).toBeGreaterThan(1);
    return;
  }
  if (!isTrustworthy(result, deceived)) return;
  const right = rightAnswer(fleet.logs, spec, result);
  expect(result.count).toBe(right.count);
  expect(result.rows.map(idOf)).toEqual(right.rows.map(idOf));
  expect(result.bars).toEqual(right.bars);
}

// Two honest replicas that hold all and answer at once are enough for a sure and complete answer.
function checkLiveness(
  fleet: SimulatedFleet,
  result: QueryResult,
  wanted: number | 'all',
  isOneGroup: boolean,
  deceived: Deceived,
): void {
  if (!isOneGroup || wanted === 1 || deceived.size > 0) return;
  const well = fleet.replicas.filter((replica) => isWell(replica) && result.cut.every((log) => holds(replica, log)));
  if (well.length === 0) return;
  // What a slow one told of too late to be asked for is named, and no fault of those who answered.
  const ends = new Map(result.cut.map((log) => [logKey(log), log.to]));
  const lacked = result.missing.filter(
    (lack) => 'e' in lack && lack.from <= (ends.get(logKey({ node: lack.n, epoch: lack.e })) ?? 0),
  );
  expect(lacked).toEqual([]);
  if (well.length >= 2) expect(['confirmed', 'verified']).toContain(result.confidence);
}

// What somebody holds who gave the answer is in it, or named as missing: a head is older than what it was made of.
function checkNewness(fleet: SimulatedFleet, spec: QuerySpec, result: QueryResult, isBoundToToken: boolean): void {
  if (isBoundToToken) return;
  const ends = new Map(result.cut.map((log) => [logKey(log), log.to]));
  const lacks = result.missing.flatMap((lack) => ('e' in lack ? [lack] : []));
  for (const replica of fleet.replicas.filter(({ name }) => result.replicas.includes(name))) {
    for (const { node, epoch, frontier } of replica.logs()) {
      if (spec.filter.node !== undefined && spec.filter.node !== node) continue;
      const isNamed = lacks.some((lack) => lack.n === node && lack.e === epoch && lack.to >= frontier);
      if (!isNamed) expect(ends.get(logKey({ node, epoch })) ?? 0).toBeGreaterThanOrEqual(frontier);
    }
  }
}

function isWell({ manners }: SimulatedReplica): boolean {
  return manners.isUp && !manners.isCutOff && manners.state === 'active' && manners.delayMs < 100;
}

// Where nobody lies and everybody answers, rot that is met is settled, and the answer says who was wrong.
function checkSettling(fleet: SimulatedFleet, result: QueryResult, isOneGroup: boolean, deceived: Deceived): void {
  if (!isOneGroup || !fleet.replicas.every((replica) => isWell(replica) && !replica.manners.isLiar)) return;
  expect(result.confidence).not.toBe('conflict');
  expect(result.lost.every((name) => deceived.has(name))).toBe(true);
  if (result.confidence !== 'verified') return;
  for (const name of result.replicas) {
    expect(fleet.replicas.find((replica) => replica.name === name)?.manners.rot).toBe('none');
  }
}

function holds(replica: SimulatedReplica, log: QueryResult['cut'][number]): boolean {
  return (replica.held.get(logKey(log)) ?? 0) >= log.to;
}

function checkDigests(result: QueryResult, isOneGroup: boolean, deceived: Deceived): void {
  // I8: honest replicas that answer on the same cut give one digest.
  const honest = result.digests.filter(({ replicas }) => replicas.some((name) => !deceived.has(name)));
  if (isOneGroup) expect(honest.length).toBeLessThanOrEqual(1);
}

function idOf({ n, e, r }: QueryResult['rows'][number]): string {
  return `${n}/${e}/${r.s}`;
}

function runHistory(seed: number, tally: Tally): void {
  const random = new Random(seed);
  const nodes = Array.from({ length: random.chance(0.1) ? 12 : 1 + random.int(5) }, (_, i) => `cam${i + 1}`);
  const fleet = new SimulatedFleet(nodes, random.fork('fleet'));
  for (const node of nodes) {
    for (const epoch of EPOCHS.slice(0, 1 + random.int(3))) {
      fleet.logs.push({ node, epoch, records: [], headSeq: 0, isListed: random.chance(0.8) });
    }
  }
  const liars = random.chance(0.3) ? 1 + random.int(2) : 0;
  const spec = drawSpec(random);
  let token = new SessionToken();
  let before: QueryResult | undefined;
  for (let i = 0; i < QUERIES; i++) {
    growFleet(fleet, random);
    replicate(fleet, random);
    disturb(fleet, random, liars);
    const replicas = random.pick([1, 2, 2, 3, 'all'] as const);
    const isFast = random.chance(0.15);
    const verify = random.chance(0.1);
    const deceived = new Set(
      fleet.replicas.filter(({ manners }) => manners.isLiar || manners.rot !== 'none').map(({ name }) => name),
    );
    const known = fleet.knowledge().logs().length;
    const result = fleet.ask(spec, token, replicas, isFast ? 'fast' : 'normal', verify);
    const isOneGroup = nodes.length <= 10;
    checkAnswer(fleet, spec, result, token, deceived);
    checkNewness(fleet, spec, result, isFast && token.size > 0);
    checkDigests(result, isOneGroup, deceived);
    checkLiveness(fleet, result, replicas, isOneGroup, deceived);
    checkSettling(fleet, result, isOneGroup, deceived);
    checkMonotone(spec, before, result, deceived);
    tally[result.confidence]++;
    tally[result.complete ? 'complete' : 'partial']++;
    if (result.cut.length > known) tally.extended++;
    if (result.cut.some((log) => log.to > Math.max(headSeq(fleet, log), token.seqOf(log.node, log.epoch)))) {
      tally.longer++;
    }
    if (isSound(result, deceived)) before = result;
    token = SessionToken.decode(result.token.encode());
  }
}

function headSeq(fleet: SimulatedFleet, log: QueryResult['cut'][number]): number {
  return fleet.logs.find((one) => logKey(one) === logKey(log))?.headSeq ?? 0;
}

function isSound(result: QueryResult, deceived: Deceived): boolean {
  return result.complete && result.confidence !== 'conflict' && isTrustworthy(result, deceived);
}

// Nothing expires in these histories: whoever has seen a record sees it again.
function checkMonotone(
  spec: QuerySpec,
  before: QueryResult | undefined,
  result: QueryResult,
  deceived: Deceived,
): void {
  if (before === undefined || !isSound(result, deceived)) return;
  expect(result.count).toBeGreaterThanOrEqual(before.count);
  if (spec.shape !== 'list' || spec.limit < 10_000) return;
  const now = new Set(result.rows.map(idOf));
  for (const row of before.rows) expect(now).toContain(idOf(row));
}

describe('queries against replicas that fail in every way', () => {
  it(`hold I6, I7 and I8 in ${HISTORIES} seeded histories`, { timeout: 600_000 }, () => {
    const tally: Tally = {
      ...{ conflict: 0, single: 0, majority: 0, confirmed: 0, verified: 0 },
      ...{ complete: 0, partial: 0, extended: 0, longer: 0 },
    };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
      try {
        runHistory(seed, tally);
      } catch (error) {
        throw new Error(`history ${seed} (VEDETTE_QUERY_SEED=${seed} VEDETTE_QUERY_HISTORIES=1)`, { cause: error });
      }
    }
    console.log(JSON.stringify(tally));
    // A run that never met one of these would prove nothing about it.
    if (HISTORIES >= 500)
      for (const [name, times] of Object.entries(tally)) expect(`${name} ${times > 10}`).toBe(`${name} true`);
  });
});
