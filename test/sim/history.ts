import { Random } from '../../base/random.js';
import { BOARD_FAULTS } from './faults/board-faults.js';
import { BROKER_FAULTS } from './faults/broker-faults.js';
import type { Fault } from './faults/fault.js';
import { planFaults } from './faults/fault-plan.js';
import { FaultSchedule } from './faults/fault-schedule.js';
import { NETWORK_FAULTS } from './faults/network-faults.js';
import { InvariantBook, type Violation } from './invariant-book.js';
import { World } from './kernel/world.js';
import type { Scenario } from './scenario.js';

export type HistoryOptions = {
  readonly seed: number;
  /** Virtual seconds in which faults happen. */
  readonly steps: number;
  readonly nodes: number;
  /** Ids of the planned faults that are inflicted; all of them when absent. */
  readonly only?: readonly number[];
};

export type History = {
  readonly options: HistoryOptions;
  readonly planned: readonly Fault[];
  /** Faults that befell something, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  readonly checks: ReadonlyMap<string, number>;
  readonly violations: readonly Violation[];
  readonly broken: number;
  /** Virtual time from the end of the faults until all was as it must be; undefined: it never was. */
  readonly convergedMs: number | undefined;
  readonly virtualMs: number;
  readonly events: number;
  readonly figures: Readonly<Record<string, number>>;
};

/** Virtual time that all has to come right in after the last fault. */
export const CONVERGE_MAX_MS = 120_000;
/** Faultless time at the start: half of the histories begin in order. */
const WARM_UP_MS = 5_000;
const POLL_MS = 500;
const BROKERS = ['broker-a', 'broker-b'];
const NEWCOMERS = ['new1', 'new2'];

/** Runs one history: the same options give the same history, event for event. */
export function runHistory(scenario: Scenario, options: HistoryOptions): History {
  const { seed, steps, nodes, only } = options;
  const world = new World<unknown>({ seed });
  const book = new InvariantBook(() => world.nowMs);
  const boards = Array.from({ length: nodes }, (_, i) => `cam${i + 1}`);
  const kinds = [...BOARD_FAULTS, ...NETWORK_FAULTS, ...BROKER_FAULTS, ...scenario.faultKinds];
  const random = new Random(`history ${seed}`);
  const healMs = steps * 1_000;
  const planned = planFaults({
    random: random.fork('plan'),
    kinds,
    cast: { boards, brokers: BROKERS, newcomers: NEWCOMERS },
    fromMs: random.chance(0.5) ? WARM_UP_MS : 0,
    untilMs: healMs,
  });
  const run = scenario.begin({ world, book, boards, brokers: BROKERS });
  const schedule = new FaultSchedule(
    {
      world,
      beforeDestruction: (board, kind) => run.beforeDestruction(board, kind),
      join: (name) => run.join(name),
      clone: (node, name) => run.clone(node, name),
      mayRot: (path) => run.mayRot(path),
    },
    kinds,
    random.fork('faults'),
  );
  schedule.arm(only === undefined ? planned : planned.filter(({ id }) => only.includes(id)));
  for (let atMs = 1_000; atMs <= healMs; atMs += 1_000) {
    world.queue.runUntil(atMs);
    run.watch();
  }
  schedule.healAll();
  run.settle();
  const convergedMs = converge(world, run);
  book.check('I5 converges', convergedMs !== undefined, () => run.whyNotConverged() ?? 'too late');
  run.finish();
  for (const { board, error, atMs } of world.faults) {
    book.check('no program ends by its own fault', false, () => `${board} at ${atMs} ms: ${describe(error)}`);
  }
  return {
    options,
    planned,
    faults: schedule.counts,
    checks: book.checks,
    violations: book.violations,
    broken: book.broken,
    convergedMs,
    virtualMs: world.nowMs,
    events: world.queue.executed,
    figures: run.figures(),
  };
}

function converge(world: World<unknown>, run: { watch(): void; whyNotConverged(): string | undefined }) {
  const startMs = world.nowMs;
  while (world.nowMs - startMs <= CONVERGE_MAX_MS) {
    world.queue.runUntil(world.nowMs + POLL_MS);
    run.watch();
    if (run.whyNotConverged() === undefined) return world.nowMs - startMs;
  }
  return undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ') : String(error);
}
