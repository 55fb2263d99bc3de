import type { Column } from '../../../base/terminal/table.js';
import { OfferFleet } from './offer-fleet.js';
import { RULES } from './offer-history.js';
import type { FleetPlan, NodePlan } from './offer-plan.js';

/** What a fleet of one size did, a quarter of it with three times the cameras it can take, the others idle. */
export type ScaleRow = {
  readonly nodes: number;
  /** Frames/s of the fleet: with sharing, without, and with the cameras spread evenly. */
  readonly sharedFps: number;
  readonly aloneFps: number;
  readonly evenFps: number;
  /** Jain's index of the rates of the overloaded nodes: 1, when all are alike. */
  readonly fairness: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Per second and node, and bytes on the wire per frame that was looked at elsewhere. */
  readonly offersPerNode: number;
  readonly bytesPerOffered: number;
  readonly busyShare: number;
};

/** What all boards of a fleet are, and how often its cameras have a frame. */
export type ScaleBoard = Pick<NodePlan, 'workMs' | 'prepareMs' | 'share'> & { readonly cameraPeriodMs: number };

/** A board that does ten frames/s, at a fleet's broker on the same network. */
const BOARD: ScaleBoard = { workMs: 100, prepareMs: 10, share: 1, cameraPeriodMs: 300 };
const CAMERAS = 9;
/** Looked away from: the fleet finds its rhythm. */
const WARM_UP_MS = 20_000;

export function measureScale(seed: number, nodes: number, durationMs: number, board = BOARD): ScaleRow {
  const overloaded = Math.max(1, Math.round(nodes / 4));
  const shared = run(seed, planOf(nodes, overloaded, false, board), true, durationMs);
  const alone = run(seed, planOf(nodes, overloaded, false, board), false, durationMs);
  const even = run(seed, planOf(nodes, overloaded, true, board), false, durationMs);
  const sorted = shared.latenciesMs.sort((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return {
    nodes,
    sharedFps: shared.fps,
    aloneFps: alone.fps,
    evenFps: even.fps,
    fairness: jainIndex(shared.rates),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    offersPerNode: (shared.sent * 1_000) / durationMs / nodes,
    bytesPerOffered: shared.bytes / Math.max(1, shared.elsewhere),
    busyShare: shared.busy / Math.max(1, shared.sent),
  };
}

/** "A Quantitative Measure of Fairness and Discrimination" (Jain, Chiu, Hawe 1984): 1/n to 1. */
export function jainIndex(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate * rate, 0);
  return squares === 0 ? 1 : (sum * sum) / (rates.length * squares);
}

export function scaleColumns(): Column<ScaleRow>[] {
  const number = (title: string, cell: (row: ScaleRow) => string): Column<ScaleRow> => ({
    title,
    cell,
    align: 'right',
  });
  return [
    number('nodes', ({ nodes }) => String(nodes)),
    number('frames/s alone', ({ aloneFps }) => aloneFps.toFixed(0)),
    number('shared', ({ sharedFps }) => sharedFps.toFixed(0)),
    number('spread evenly', ({ evenFps }) => evenFps.toFixed(0)),
    number('of it', ({ sharedFps, evenFps }) => `${((100 * sharedFps) / evenFps).toFixed(0)} %`),
    number('fairness', ({ fairness }) => fairness.toFixed(3)),
    number('p50 ms', ({ p50Ms }) => p50Ms.toFixed(0)),
    number('p99 ms', ({ p99Ms }) => p99Ms.toFixed(0)),
    number('offers/s a node', ({ offersPerNode }) => offersPerNode.toFixed(1)),
    number('kB an offered frame', ({ bytesPerOffered }) => (bytesPerOffered / 1_000).toFixed(1)),
    number('busy', ({ busyShare }) => `${(100 * busyShare).toFixed(1)} %`),
  ];
}

function planOf(nodes: number, overloaded: number, isEven: boolean, board: ScaleBoard): FleetPlan {
  const total = overloaded * CAMERAS;
  const { cameraPeriodMs, ...work } = board;
  const camerasOf = (node: number) => {
    if (!isEven) return node < overloaded ? CAMERAS : 0;
    return Math.floor(total / nodes) + (node < total % nodes ? 1 : 0);
  };
  return {
    nodes: Array.from({ length: nodes }, (_, i): NodePlan => {
      const cameras = Array.from({ length: camerasOf(i) }, (_, camera) => ({
        periodMs: cameraPeriodMs,
        phaseMs: (37 * i + 113 * camera) % cameraPeriodMs,
      }));
      return { name: `cam${i + 1}`, manner: 'honest', places: 2, ...work, cameras };
    }),
    faults: [],
    ...{ delayMs: 2, jitterMs: 6, bytesPerMs: 12_500, lost: 0, repeated: 0 },
  };
}

function run(seed: number, plan: FleetPlan, isSharing: boolean, durationMs: number) {
  const fleet = new OfferFleet(seed, plan, RULES, isSharing);
  const looked = () => fleet.members.map(({ counts }) => counts.lookedHere + counts.lookedElsewhere);
  const sum = (list: readonly number[]) => list.reduce((total, value) => total + value, 0);
  const offers = (name: string) => sum(fleet.members.map(({ sharer }) => sharer?.offering.counters[name] ?? 0));
  const elsewhere = () => sum(fleet.members.map(({ counts }) => counts.lookedElsewhere));
  fleet.queue.runUntil(WARM_UP_MS);
  const before = { looked: looked(), bytes: fleet.network.bytes, elsewhere: elsewhere() };
  const beforeOffers = { sent: offers('offer-sent'), busy: offers('offer-busy') };
  fleet.latenciesMs.length = 0;
  fleet.queue.runUntil(WARM_UP_MS + durationMs);
  const after = looked();
  const withCameras = plan.nodes.flatMap(({ cameras }, i) => (cameras.length > 0 ? [i] : []));
  const rates = withCameras.map((i) => (((after[i] ?? 0) - (before.looked[i] ?? 0)) * 1_000) / durationMs);
  return {
    fps: sum(rates),
    rates,
    latenciesMs: fleet.latenciesMs,
    bytes: fleet.network.bytes - before.bytes,
    elsewhere: elsewhere() - before.elsewhere,
    sent: offers('offer-sent') - beforeOffers.sent,
    busy: offers('offer-busy') - beforeOffers.busy,
  };
}
