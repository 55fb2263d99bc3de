import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PeerBook } from '../../../edge/sharing/peer-book.js';
import { weightOf } from '../../../edge/sharing/sources/rendezvous.js';
import { KNOWN_MAX } from '../../../edge/sharing/sources/source-limits.js';
import { SourceOwnership } from '../../../edge/sharing/sources/source-ownership.js';
import { Watchers } from '../../../edge/sharing/sources/watchers.js';
import { Claims } from '../../../protocol/sharing.js';
import { jainIndex } from '../offers/offer-scale.js';
import { SourceFleet } from './source-fleet.js';

/** What sharing sources costs a node of a fleet of one size, and what comes of it. Two sources a node. */
export type SourceScaleRow = {
  readonly nodes: number;
  readonly sources: number;
  /** From the start of the fleet until a source has an owner, ms. */
  readonly firstP50Ms: number;
  readonly firstMaxMs: number;
  /** Jain's index of the loads of the nodes, each relative to what it can do: 1, when all are alike. */
  readonly fairness: number;
  /** The same of the numbers of their sources, each relative to the weight of the node when it has none. */
  readonly fairnessByWeight: number;
  /** Where nothing happens, and where a hundredth of the nodes ends each minute, two at least, and comes back. */
  readonly calm: SourceScalePart;
  readonly churn: SourceScalePart;
  /** Of what nodes ended had: how long nobody watched it, ms. */
  readonly killed: Unwatched;
  readonly cutOff: Unwatched;
  /** What one node keeps of the others, and of sources. */
  readonly bookBytes: number;
};

export type Unwatched = {
  readonly sources: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
};

export type SourceScalePart = {
  /** Of the fleet, an hour: sources taken, and sources whose owner ended. */
  readonly takesPerHour: number;
  readonly lostPerHour: number;
  /** Claims heard by a node, a second, and their bytes. */
  readonly claims: number;
  readonly claimsBytes: number;
  /** Looks at what to watch, a second and node, and how long one takes on this machine, whatever else that does. */
  readonly looks: number;
  readonly lookP50Ms: number;
  readonly lookP99Ms: number;
  readonly lookMaxMs: number;
  /** Time of a processor of this machine that a node needs for all of it, a second. */
  readonly workMs: number;
};

/** How long a fleet is looked at: when nothing happens, and in how many rounds of a minute in which some end and come back. */
export type SourceScaleSpan = { readonly calmMs: number; readonly rounds: number };

const SOURCES_PER_NODE = 2;
const SETTLED_MS = 60_000;
/** Of a round of churn: some end, some come back. */
export const ROUND_MS = 60_000;
const BACK_MS = 30_000;
const CHURN = 0.01;
/** One that is killed, and one that is cut off. */
const ENDING_MIN = 2;
const HOUR_MS = 3_600_000;
const SELF: Parameters<Watchers['of']>[1] = {
  node: 'me',
  claims: { state: 'active', model: null, doubts: [], shares: { audits: false } },
};

export function measureSourceScale(seed: number, nodes: number, { calmMs, rounds }: SourceScaleSpan): SourceScaleRow {
  const fleet = new SourceFleet({ seed, nodes, sources: SOURCES_PER_NODE * nodes });
  const { queue } = fleet;
  queue.runUntil(SETTLED_MS);
  const { unwatched, doubles } = fleet;
  if (unwatched + doubles > 0) throw new Error(`of ${nodes} nodes: ${unwatched} sources unwatched, ${doubles} twice`);
  const calm = part(fleet, nodes, () => queue.runUntil(SETTLED_MS + calmMs));
  const fairness = jainIndex(fleet.members.map(({ node, capacityFps }) => (node?.demandFps ?? 0) / capacityFps));
  const fairnessByWeight = jainIndex(
    fleet.members.map(({ node, capacityFps }) => (node?.owned.length ?? 0) / weightOf(capacityFps)),
  );
  const churn = part(fleet, nodes, () => {
    for (let round = 0; round < rounds; round++) runRound(fleet, round);
  });
  return {
    ...{ nodes, sources: SOURCES_PER_NODE * nodes, fairness, fairnessByWeight, calm, churn },
    ...{ firstP50Ms: quantile(fleet.firstMs, 0.5), firstMaxMs: quantile(fleet.firstMs, 1) },
    ...{ killed: unwatchedOf(fleet.unwatchedMs.killed), cutOff: unwatchedOf(fleet.unwatchedMs['cut off']) },
    bookBytes: bookBytes(fleet),
  };
}

// One half of those that end is killed, the other loses its power.
function runRound(fleet: SourceFleet, round: number): void {
  const { members, queue } = fleet;
  const startMs = queue.nowMs;
  const count = Math.max(ENDING_MIN, Math.round(CHURN * members.length));
  const chosen = Array.from({ length: count }, (_, i) => members[(round * 37 + i * 101) % members.length]);
  chosen.forEach((member, i) => {
    if (member === undefined) return;
    const how = (i + round) % 2 === 0 ? 'killed' : 'cut off';
    fleet.end(member, how);
    queue.after(BACK_MS, () => fleet.start(member));
  });
  queue.runUntil(startMs + ROUND_MS);
}

function part(fleet: SourceFleet, nodes: number, run: () => void): SourceScalePart {
  const before = { ...fleet.counts, hearMs: fleet.hearMs, nowMs: fleet.queue.nowMs };
  fleet.lookMs.length = 0;
  run();
  const { counts, lookMs, hearMs } = fleet;
  const forMs = fleet.queue.nowMs - before.nowMs;
  const perHour = (count: number) => (count * HOUR_MS) / forMs;
  const perNodeSecond = (count: number) => (count * 1_000) / forMs / nodes;
  const lookTotalMs = lookMs.reduce((sum, ms) => sum + ms, 0);
  return {
    takesPerHour: perHour(counts.takes - before.takes),
    lostPerHour: perHour(counts.lost - before.lost),
    claims: perNodeSecond(counts.claimsHeard - before.claimsHeard),
    claimsBytes: perNodeSecond(counts.claimsBytes - before.claimsBytes),
    looks: perNodeSecond(counts.looks - before.looks),
    lookP50Ms: quantile(lookMs, 0.5),
    lookP99Ms: quantile(lookMs, 0.99),
    lookMaxMs: quantile(lookMs, 1),
    workMs: perNodeSecond(lookTotalMs + hearMs - before.hearMs),
  };
}

/** Heap that the books of one node take, with claims of its own as it parses them from the wire. */
function bookBytes(fleet: SourceFleet): number {
  const texts = [...fleet.retained('claims')].map(([node, message]): [string, string] => [
    node,
    JSON.stringify(message),
  ]);
  const before = heapBytes();
  const nowMs = 0;
  const book = new PeerBook('me');
  for (const [node, text] of texts) {
    book.applyStatus(node, { state: 'online', gen: 1 }, nowMs);
    book.applyClaims(node, Claims.parse(JSON.parse(text).claims), nowMs);
  }
  const watchers = new Watchers();
  const ownership = new SourceOwnership({ node: 'me', ownedMax: 16, knownMax: KNOWN_MAX });
  ownership.linkUp(nowMs);
  for (let ms = 0; ms <= 20_000; ms += 500) {
    ownership.setPeers(watchers.of(book.peers(nowMs), SELF).others);
    ownership.plan(ms);
  }
  const bytes = heapBytes() - before;
  // All of it is used here, so that it was there when the heap was measured.
  ownership.setPeers(watchers.of(book.peers(nowMs), SELF).others);
  return ownership.plan(30_000).owned.length >= 0 ? bytes : 0;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

function unwatchedOf(times: readonly number[]): Unwatched {
  const [p50Ms, p99Ms, maxMs] = [quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1)];
  return { sources: times.length, p50Ms, p99Ms, maxMs };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
