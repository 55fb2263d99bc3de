import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { Roster, type RosterEffect, type RosterEvent } from '../../monitor/roster.js';
import { deriveTimings, massHoldMs } from '../../monitor/timings.js';
import { SimulatedFleet, type SimulatedNode, STEP_MS } from './simulated-fleet.js';

const TIMINGS = deriveTimings({ checkMs: STEP_MS });
const HISTORIES = 2_000;
/** Faults are injected for this long; then the world is left alone until everything must be known. */
const FAULTS_MS = 6 * 60_000;

// Worst case of the rules: a reconnect that settles, the lease, grace, and one mass incident released a beat apart.
function quietMs(nodes: number): number {
  return TIMINGS.settleMs + TIMINGS.leaseMs + TIMINGS.graceMs + massHoldMs(TIMINGS) + (nodes + 3) * TIMINGS.beatMs;
}

// A healthy node is heard again this long after its last trouble: detection of the dead session (1.5 x keep alive),
// backoff (30 s), and two heartbeats, the first of which may be lost.
const RECOVERY_MS = 15_000 + 30_000 + 20_000;

function injectFault(fleet: SimulatedFleet, random: Random): void {
  const node = random.pick(fleet.nodes);
  const backMs = random.chance(0.6)
    ? random.range(1_000, 25_000)
    : random.chance(0.5)
      ? random.range(30_000, 200_000)
      : undefined;
  const faults: (() => void)[] = [
    () => fleet.crash(node, backMs),
    () => fleet.crash(node, backMs),
    () => fleet.powerCut(node, backMs),
    () => fleet.freeze(node, random.range(1_000, 120_000)),
    () => fleet.cut(node, random.range(1_000, 120_000)),
    () => fleet.blip(node),
    () => fleet.blip(node),
    () => fleet.stop(node, backMs),
    () => fleet.replaceDisk(node),
    () => fleet.stall(random.range(500, 25_000)),
    () => fleet.killBroker(random.range(500, 40_000)),
    () => fleet.stopBroker(random.range(500, 40_000)),
    () => fleet.freezeMonitor(random.range(1_000, 60_000)),
    () => fleet.cutMonitor(),
    // A switch dies: half the fleet at once.
    () => {
      const forMs = random.range(5_000, 90_000);
      for (const other of fleet.nodes) if (random.chance(0.5)) fleet.cut(other, forMs);
    },
  ];
  random.pick(faults)();
}

type Outcome = { readonly wrongly: string[]; readonly confirmed: number; readonly mass: number };

function runHistory(seed: number): Outcome {
  const random = new Random(`roster-history/${seed}`);
  const count = 2 + random.int(9);
  const fleet = new SimulatedFleet(count, random.fork('fleet'));
  const inventory = fleet.nodes.map(({ node }) => ({ node }));
  const roster = new Roster(inventory, TIMINGS, 0);
  const wrongly: string[] = [];
  const witnessed: Witnessed = { heldMs: new Map(), wrongly };
  let confirmed = 0;
  let reconcileAtMs = TIMINGS.reconcileMs;
  const faultGapMs = random.range(4_000, 60_000);
  let faultAtMs = random.range(0, 90_000);

  const take = (event: RosterEvent) => {
    for (const effect of roster.apply(event, fleet.nowMs)) {
      confirmed += checkEffect(effect, fleet, witnessed);
    }
  };

  const endMs = FAULTS_MS + 200_000 + quietMs(count);
  while (fleet.nowMs < endMs) {
    if (fleet.nowMs >= faultAtMs && fleet.nowMs < FAULTS_MS) {
      injectFault(fleet, random);
      faultAtMs = fleet.nowMs + faultGapMs * random.range(0.2, 1.8);
    }
    for (const event of fleet.step()) if (event.kind !== 'camera') take(event);
    if (fleet.isMonitorFrozen) continue;
    take({ kind: 'check' });
    if (fleet.nowMs >= reconcileAtMs) {
      reconcileAtMs = fleet.nowMs + TIMINGS.reconcileMs;
      const statuses = fleet.readRetained();
      if (statuses !== undefined) take({ kind: 'reconcile', statuses });
    }
  }
  for (const node of fleet.nodes) checkEnd(node, roster, fleet.isLossless, wrongly);
  return { wrongly, confirmed, mass: roster.counters.get('massIncidents') };
}

/** What is known of one history besides its world. */
type Witnessed = { readonly heldMs: Map<string, number>; readonly wrongly: string[] };

function checkEffect(effect: RosterEffect, fleet: SimulatedFleet, witnessed: Witnessed): number {
  // Who joins later waits for the rest of the hold only.
  if (effect.kind === 'mass' && effect.incident.openedMonoMs === fleet.nowMs) {
    for (const held of effect.nodes) witnessed.heldMs.set(held, fleet.nowMs);
  }
  if (effect.kind !== 'state') return 0;
  const node = fleet.nodes.find((other) => other.node === effect.node);
  if (node === undefined) return 0;
  if (effect.to === 'suspect') checkSuspicion(node, fleet, witnessed.wrongly);
  else if (effect.to === 'confirmed') checkConfirmation(node, fleet, witnessed);
  else witnessed.heldMs.delete(node.node);
  return effect.to === 'confirmed' ? 1 : 0;
}

function checkSuspicion(node: SimulatedNode, fleet: SimulatedFleet, wrongly: string[]): void {
  if (fleet.isMonitorCatchingUp) return;
  const at = `${node.node} suspect at ${fleet.nowMs}`;
  if (fleet.nowMs - fleet.stoppedMs <= STEP_MS && fleet.isLossless)
    wrongly.push(`${at} by a will of a broker that stops`);
  if (node.hasNewDisk) return;
  // Its session was born some time ago and lives: only an older session's will can have come.
  const isWell = node.process === 'running' && !node.isCut && node.isConnected && fleet.isMonitorConnected;
  const isBornLongAgo = fleet.nowMs - Math.max(node.connectedMs, fleet.disturbedMs, node.healthySinceMs ?? 0) > 2_000;
  if (isWell && isBornLongAgo && fleet.isLossless) wrongly.push(`${at} though connected since ${node.connectedMs}`);
}

function checkConfirmation(node: SimulatedNode, fleet: SimulatedFleet, witnessed: Witnessed): void {
  const at = `${node.node} confirmed at ${fleet.nowMs}`;
  const healthyMs = node.healthySinceMs === undefined ? 0 : fleet.nowMs - node.healthySinceMs;
  // While broker and node have both been well for so long, the node beats and the monitor hears it.
  if (Math.min(healthyMs, fleet.nowMs - fleet.disturbedMs) > RECOVERY_MS) {
    witnessed.wrongly.push(`${at} though healthy for ${healthyMs} ms`);
  }
  if (!fleet.isMonitorConnected) witnessed.wrongly.push(`${at} while blind`);
  const isSettling = fleet.nowMs - fleet.disturbedMs < TIMINGS.settleMs;
  if (isSettling && fleet.isLossless) witnessed.wrongly.push(`${at} before the monitor settled`);
  const heldMs = witnessed.heldMs.get(node.node);
  if (heldMs !== undefined && fleet.nowMs - heldMs < massHoldMs(TIMINGS) && fleet.isLossless) {
    witnessed.wrongly.push(`${at} while held back since ${heldMs}`);
  }
}

function checkEnd(node: SimulatedNode, roster: Roster, isLossless: boolean, wrongly: string[]): void {
  const state = roster.states().get(node.node);
  // A stop that reached nobody looks like a death, and a life that reached nobody never was: the probe tells them apart.
  const silent = node.isStopTold ? ['stopped', 'confirmed'] : ['confirmed'];
  // Three heartbeats in a row that were lost make a suspect of anybody; the next one clears it.
  const alive = isLossless ? ['up'] : ['up', 'suspect'];
  const expected = { running: alive, frozen: silent, dead: silent, stopped: silent }[node.process];
  if (state === undefined || !expected.includes(state))
    wrongly.push(`${node.node} is ${node.process}, believed ${state}`);
}

describe(`the roster over ${HISTORIES} seeded histories of crashes, stale wills, takeovers, stalls and restarts`, () => {
  it('never confirms a node that beats, and confirms every one that is dead', () => {
    let confirmed = 0;
    let mass = 0;
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const outcome = runHistory(seed);
      expect(outcome.wrongly, `seed ${seed}`).toEqual([]);
      confirmed += outcome.confirmed;
      mass += outcome.mass;
    }
    // The histories must hold what they are about: deaths by the hundred, and mass incidents.
    expect(confirmed).toBeGreaterThan(HISTORIES / 4);
    expect(mass).toBeGreaterThan(HISTORIES / 10);
  }, 240_000);
});
