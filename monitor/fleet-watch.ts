import { massCount, massHoldMs, massWindowMs, type RosterTimings } from './timings.js';

/** A node as the inventory lists it. `site` names what it shares with others: a switch, a room, a power strip. */
export type InventoryEntry = { readonly node: string; readonly site?: string | undefined };

/** What the monitor knows of its own sight and of faults that hit many nodes at once. Pure data. */
export type FleetWatch = {
  readonly link: 'down' | 'up';
  /** The broker's life, when known. */
  readonly epoch: string | undefined;
  /** The broker said that it stops; wills are void until it is back or this time has come. */
  readonly stoppingUntilMonoMs: number;
  /** Nothing is decided before this time. */
  readonly settleUntilMonoMs: number;
  /** When the roster last looked at the clock. */
  readonly lookedMonoMs: number;
  /** Nodes that turned suspect within the mass window, oldest first. */
  readonly turns: readonly { readonly node: string; readonly atMonoMs: number }[];
  readonly mass: MassIncident | undefined;
};

export type MassIncident = {
  readonly openedMonoMs: number;
  /** Held nodes are released from here on, one at a time. */
  readonly releaseFromMonoMs: number;
  readonly held: readonly string[];
};

export type FleetEvent =
  | { readonly kind: 'link-up' | 'link-down' }
  | { readonly kind: 'epoch'; readonly epoch: string; readonly state: 'up' | 'stopping' }
  | { readonly kind: 'stall'; readonly lagMs: number }
  | { readonly kind: 'own-lag'; readonly lagMs: number };

export type FleetStep = {
  readonly fleet: FleetWatch;
  /** Set when the monitor could not see and all ages restart at the end of settling. */
  readonly settleWhy?: string;
};

export function newFleet(nowMonoMs: number): FleetWatch {
  return {
    link: 'down',
    epoch: undefined,
    stoppingUntilMonoMs: Number.NEGATIVE_INFINITY,
    settleUntilMonoMs: nowMonoMs,
    lookedMonoMs: nowMonoMs,
    turns: [],
    mass: undefined,
  };
}

/** M6: what an event says about the monitor's sight. Pure. */
export function reduceFleet(
  fleet: FleetWatch,
  event: FleetEvent,
  nowMonoMs: number,
  timings: RosterTimings,
): FleetStep {
  switch (event.kind) {
    case 'link-down':
      return { fleet: { ...fleet, link: 'down' } };
    case 'link-up':
      return settle({ ...fleet, link: 'up' }, 'connected to the broker', nowMonoMs, timings);
    case 'stall':
      return settle(fleet, `the broker stalled for ${Math.round(event.lagMs)} ms`, nowMonoMs, timings);
    case 'own-lag':
      return settle(fleet, `the monitor itself lagged ${Math.round(event.lagMs)} ms`, nowMonoMs, timings);
    case 'epoch':
      return onEpoch(fleet, event, nowMonoMs, timings);
  }
}

function onEpoch(
  fleet: FleetWatch,
  event: { readonly epoch: string; readonly state: 'up' | 'stopping' },
  nowMonoMs: number,
  timings: RosterTimings,
): FleetStep {
  if (event.state === 'stopping') {
    // A graceful stop makes a will for every healthy client. Bounded, in case the stop never comes.
    const stopping = { ...fleet, epoch: event.epoch, stoppingUntilMonoMs: nowMonoMs + timings.settleMs };
    return settle(stopping, 'the broker stops', nowMonoMs, timings);
  }
  const isNews = event.epoch !== fleet.epoch;
  const up = { ...fleet, epoch: event.epoch, stoppingUntilMonoMs: Number.NEGATIVE_INFINITY };
  return isNews ? settle(up, 'a new life of the broker', nowMonoMs, timings) : { fleet: up };
}

function settle(fleet: FleetWatch, settleWhy: string, nowMonoMs: number, timings: RosterTimings): FleetStep {
  return { fleet: { ...fleet, settleUntilMonoMs: nowMonoMs + timings.settleMs }, settleWhy };
}

/** True while the monitor may call a node suspect for silence, or confirmed. */
export function isDeciding(fleet: FleetWatch, nowMonoMs: number): boolean {
  return fleet.link === 'up' && nowMonoMs >= fleet.settleUntilMonoMs;
}

/** The wills of a broker that stops say nothing. */
export function areWillsVoid(fleet: FleetWatch, nowMonoMs: number): boolean {
  return nowMonoMs < fleet.stoppingUntilMonoMs;
}

/** Remembers that a node turned suspect; forgets turns older than the mass window. */
export function addTurn(fleet: FleetWatch, node: string, nowMonoMs: number, timings: RosterTimings): FleetWatch {
  const windowMs = massWindowMs(timings);
  const recent = fleet.turns.filter((turn) => turn.node !== node && nowMonoMs - turn.atMonoMs <= windowMs);
  return { ...fleet, turns: [...recent, { node, atMonoMs: nowMonoMs }] };
}

/**
 * M7: the nodes that turned suspect together, when they are too many for a coincidence: a share of the fleet, or
 * every node of one site; empty otherwise.
 */
export function massOf(fleet: FleetWatch, inventory: readonly InventoryEntry[], timings: RosterTimings): string[] {
  const turned = new Set(fleet.turns.map((turn) => turn.node));
  if (turned.size >= massCount(timings, inventory.length)) return [...turned];
  return wholeSites(turned, inventory);
}

function wholeSites(turned: ReadonlySet<string>, inventory: readonly InventoryEntry[]): string[] {
  const bySite = new Map<string, string[]>();
  for (const { node, site } of inventory) {
    if (site !== undefined) bySite.set(site, [...(bySite.get(site) ?? []), node]);
  }
  // One node alone at its site says nothing about the site.
  const cutOff = [...bySite.values()].filter((nodes) => nodes.length > 1 && nodes.every((node) => turned.has(node)));
  return cutOff.flat();
}

/** Opens a mass incident over these nodes, or adds them to the open one. */
export function holdBack(
  fleet: FleetWatch,
  nodes: readonly string[],
  nowMonoMs: number,
  timings: RosterTimings,
): FleetWatch {
  const held = [...new Set([...(fleet.mass?.held ?? []), ...nodes])];
  const releaseFromMonoMs = fleet.mass?.releaseFromMonoMs ?? nowMonoMs + massHoldMs(timings);
  return { ...fleet, mass: { openedMonoMs: fleet.mass?.openedMonoMs ?? nowMonoMs, releaseFromMonoMs, held } };
}

export type Release = { readonly fleet: FleetWatch; readonly node?: string; readonly isOver: boolean };

/**
 * What becomes of an open mass incident: nodes that are back leave it, and after the hold one node is released, then
 * the next a beat later. `isOver` when nobody is left.
 */
export function releaseOne(
  fleet: FleetWatch,
  stillSuspect: (node: string) => boolean,
  nowMonoMs: number,
  timings: RosterTimings,
): Release {
  if (fleet.mass === undefined) return { fleet, isOver: false };
  const held = fleet.mass.held.filter(stillSuspect);
  const [node, ...rest] = held;
  if (node === undefined) return { fleet: { ...fleet, mass: undefined }, isOver: true };
  if (!isDeciding(fleet, nowMonoMs) || nowMonoMs < fleet.mass.releaseFromMonoMs) {
    return {
      fleet: held.length === fleet.mass.held.length ? fleet : { ...fleet, mass: { ...fleet.mass, held } },
      isOver: false,
    };
  }
  if (rest.length === 0) return { fleet: { ...fleet, mass: undefined }, node, isOver: true };
  const mass = { ...fleet.mass, held: rest, releaseFromMonoMs: nowMonoMs + timings.beatMs };
  return { fleet: { ...fleet, mass }, node, isOver: false };
}
