import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { SOURCE } from '../../cli/demo/demo-plan.js';
import { DemoRun, field, until } from '../system/demo-run.js';
import { readBoardLog } from './board-log.js';
import { DEMO } from './chaos-bounds.js';
import type { ChaosGround } from './chaos-ground.js';
import type { ChaosRules } from './chaos-plan.js';
import { ChaosWatch } from './chaos-watch.js';
import { FaultInjector } from './fault-injector.js';

const START_MS = 120_000;

/** Deaths of whoever watches the shared source: with a will, and without. */
const OWNER_WEIGHTS: ChaosRules['weights'] = { 'node killed': 4, 'node frozen': 1 };

const WEIGHTS: ChaosRules['weights'] = {
  'node killed': 6,
  'node frozen': 4,
  'node paused': 3,
  'vision killed': 2,
  'vision frozen': 2,
  'camera wedged': 2,
  'broker killed': 2,
  'broker paused': 1,
  'monitor killed': 2,
};

export type DemoGroundOptions = {
  readonly nodeCount: number;
  readonly seed: string;
  readonly clock: Clock;
  /** Only nodes that watch the shared source are hit. */
  readonly onlyOwners: boolean;
};

/** A demo of its own, and somebody who listens to it. */
export async function openDemoGround({ nodeCount, seed, clock, onlyOwners }: DemoGroundOptions): Promise<ChaosGround> {
  const nodes = Array.from({ length: nodeCount }, (_, i) => `cam${i + 1}`);
  const demo = new DemoRun('--nodes', String(nodes.length), '--seed', seed);
  try {
    const status = await demo.status('every node is up', (one) => isRunning(one, nodes), START_MS);
    const password = readFileSync(join(demo.stateDir, 'credentials', 'operator.password'), 'utf8').trim();
    const url = String(field(status, 'broker', 'url'));
    const watch = new ChaosWatch({ url, user: 'operator', password, clock, source: SOURCE });
    watch.open();
    await until('the shared source is watched', () => watch.source.some(({ what, isSo }) => what === 'frames' && isSo));
    const injector = new FaultInjector(demo, clock);
    return {
      rules: { nodes, weights: onlyOwners ? OWNER_WEIGHTS : WEIGHTS, times: DEMO },
      times: DEMO,
      watch,
      targets: () => (onlyOwners ? watch.owners() : nodes),
      get isOver() {
        return demo.program.isOver;
      },
      inject: async (next) => injector.inject(next),
      boardLogs: async () => boardLogs(demo, nodes),
      end: async () => {
        await watch.close();
        await demo.remove();
      },
    };
  } catch (error) {
    await demo.remove();
    throw error;
  }
}

function boardLogs(demo: DemoRun, nodes: readonly string[]) {
  const boards = nodes.map((node) =>
    readBoardLog(node, readFileSync(join(demo.stateDir, 'logs', `${node}.log`), 'utf8')),
  );
  return {
    restarts: boards.flatMap(({ restarts }) => restarts),
    failures: boards.flatMap(({ failures }) => failures),
  };
}

function isRunning(status: unknown, nodes: readonly string[]): boolean {
  return (
    field(status, 'monitor', 'mode') === 'watching' &&
    nodes.every(
      (_, i) => field(status, 'nodes', i, 'monitor') === 'up' && field(status, 'nodes', i, 'cameraOk') === true,
    )
  );
}
