import type { Random } from '../../../base/random.js';

/** How a node deceives others; `honest` does not. */
export const MANNERS = ['honest', 'boaster', 'silent', 'garbler', 'laggard', 'modest', 'flooder'] as const;
export type Manner = (typeof MANNERS)[number];

/** What a node of a history is. Rates in frames/s, times in ms. */
export type NodePlan = {
  readonly name: string;
  readonly manner: Manner;
  /** One frame or look at the detector, and the work of making an offer. */
  readonly workMs: number;
  readonly prepareMs: number;
  readonly places: number;
  readonly share: number;
  readonly cameras: readonly { readonly periodMs: number; readonly phaseMs: number }[];
};

export type FaultKind = 'cut' | 'slow' | 'crash' | 'freeze';
/** Something that befalls nodes from one time to another. */
export type FaultPlan = {
  readonly kind: FaultKind;
  readonly nodes: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
};

export type FleetPlan = {
  readonly nodes: readonly NodePlan[];
  readonly faults: readonly FaultPlan[];
  /** Between any two nodes by way of the broker. */
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /** Of messages, 0..1. */
  readonly lost: number;
  readonly repeated: number;
};

/** A fleet and what befalls it, from a seed: some nodes have more to see than they can, some less, some lie. */
export function planFleet(random: Random, durationMs: number): FleetPlan {
  const count = 2 + random.int(9);
  const liars = random.chance(0.5) ? random.range(0, 0.5) : 0;
  const nodes = Array.from({ length: count }, (_, i) => planNode(random, `cam${i + 1}`, liars));
  const names = nodes.map(({ name }) => name);
  const faults = random.chance(0.7)
    ? Array.from({ length: random.int(8) }, () => planFault(random, names, durationMs))
    : [];
  return {
    nodes,
    faults,
    delayMs: random.range(1, 40),
    jitterMs: random.range(1, 60),
    bytesPerMs: random.pick([125, 1_250, 12_500]),
    lost: random.chance(0.5) ? random.range(0, 0.05) : 0,
    repeated: random.chance(0.5) ? random.range(0, 0.05) : 0,
  };
}

function planNode(random: Random, name: string, liars: number): NodePlan {
  const workMs = Math.round(20 * 50 ** random.next());
  const share = random.chance(0.7) ? 1 : random.range(0.25, 1);
  const capacityFps = (1_000 * share) / workMs;
  const load = random.pick([0, 0.3, 0.6, 1, 2, 3]);
  // A camera gives no more than the node could take of it alone: what else is replaced is no matter of turns.
  const fps = capacityFps * random.range(0.2, 0.6);
  const cameras = Array.from({ length: Math.ceil((load * capacityFps) / fps) }, () => ({
    periodMs: Math.max(20, Math.round(1_000 / fps)),
    phaseMs: random.int(1_000),
  }));
  return {
    name,
    manner: random.chance(liars) ? random.pick(MANNERS.slice(1)) : 'honest',
    workMs,
    prepareMs: Math.max(1, Math.round(workMs * random.range(0.03, 0.15))),
    places: 2,
    share,
    cameras,
  };
}

function planFault(random: Random, names: readonly string[], durationMs: number): FaultPlan {
  const kind = random.pick<FaultKind>(['cut', 'slow', 'crash', 'freeze']);
  const some = names.filter(() => random.chance(0.4));
  const fromMs = Math.round(random.range(0, durationMs * 0.9));
  return {
    kind,
    nodes: some.length > 0 ? some : [random.pick(names)],
    fromMs,
    untilMs: Math.round(Math.min(durationMs, fromMs + random.range(500, 40_000))),
  };
}
