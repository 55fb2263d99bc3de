import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.js';
import { Board } from '../lab/board.js';
import { addressOf, BROKER_BOARD, NODES, type NodeName, passwordFile, unitOf } from '../lab/fleet-plan.js';
import { setup } from '../lab/install-fleet.js';
import { MonitorRun } from '../lab/monitor-run.js';
import { until } from '../system/demo-run.js';
import { BoardAudit } from './board-audit.js';
import { BoardBreaker } from './board-breaker.js';
import type { ChaosTimes } from './chaos-bounds.js';
import type { ChaosGround } from './chaos-ground.js';
import type { ChaosRules } from './chaos-plan.js';
import { ChaosWatch } from './chaos-watch.js';

const NAMES = ['cam2', 'cam3'] as const satisfies readonly NodeName[];

/** The monitor of the chapters (fleet-plan.ts), and what boards on two busy cores need. */
const LAB: ChaosTimes = {
  leaseMs: 3_500,
  settleMs: 5_000,
  graceMs: 8_000,
  verifyMs: 40_000,
  healthyMs: 20_000,
  wedgedMs: 8_000,
  startMs: 60_000,
  orderMs: 20_000,
  // A client's longest backoff, and its wait for an answer.
  returnMs: 45_000,
  repairMs: 60_000,
};

/** A run has more faults than a month of a fleet: budgets of an hour would be what is tested, and nothing else. */
const PLAN = { healthyMs: LAB.healthyMs, startMs: LAB.startMs, nodeRestartsPerHour: 100, fleetRestartsPerHour: 200 };

const WEIGHTS: ChaosRules['weights'] = {
  'node killed': 4,
  'node given up': 4,
  'node frozen': 3,
  'node stopped': 2,
  'vision killed': 1,
  'vision frozen': 3,
  'camera wedged': 2,
  'board cut off': 3,
  'board unplugged': 2,
  'broker killed': 2,
  'broker paused': 1,
  'monitor killed': 1,
};

/** The boards of the lab with the shipped units, the monitor's among them, and somebody who listens to them. */
export async function openLabGround(clock: Clock): Promise<ChaosGround> {
  await setup();
  for (const node of NAMES) await new Board(NODES[node]).forget(unitOf(node));
  const fromMs = clock.nowMs();
  const monitor = await MonitorRun.unit(PLAN);
  const password = readFileSync(passwordFile('anna'), 'utf8').trim();
  const watch = new ChaosWatch({ url: `mqtt://${addressOf(BROKER_BOARD)}:1883`, user: 'anna', password, clock });
  watch.open();
  const isHeard = (name: string) => watch.beats.some(({ node, frameAtMs }) => node === name && frameAtMs !== null);
  const isReady = () => watch.rosterAtMs.some((atMs) => atMs > fromMs) && NAMES.every(isHeard);
  await until('the monitor sees, and every node works', isReady, 120_000);
  const audit = new BoardAudit(fromMs);
  const breaker = new BoardBreaker(clock, audit);
  return {
    rules: { nodes: NAMES, weights: WEIGHTS, times: LAB },
    times: LAB,
    watch,
    targets: () => NAMES,
    isOver: false,
    inject: (next) => breaker.inject(next),
    boardLogs: async () => ({ restarts: await audit.restarts(), failures: [] }),
    end: async () => {
      await breaker.end();
      await monitor.end();
      await watch.close();
    },
  };
}
