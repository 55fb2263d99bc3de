import { Random } from '../../base/random.js';
import { type History, type HistoryOptions, runHistory } from './history.js';
import type { Scenario } from './scenario.js';
import { shrink } from './shrink.js';

/** A history that broke an invariant, and the fewest of its faults that still do. */
export type Failure = {
  readonly history: History;
  readonly shrunk: readonly number[];
  readonly shrunkHistory: History;
};

/** Sums over histories. */
export class Campaign {
  readonly faults = new Map<string, number>();
  readonly checks = new Map<string, number>();
  readonly figures = new Map<string, number>();
  readonly convergedMs: number[] = [];
  readonly failures: Failure[] = [];
  /** Every seed that broke an invariant, told or not, with the first one it broke. */
  readonly broken: { readonly seed: number; readonly invariant: string }[] = [];
  histories = 0;
  violations = 0;
  virtualMs = 0;
  events = 0;

  add(history: History): void {
    this.histories++;
    this.violations += history.broken;
    const [first] = history.violations;
    if (first !== undefined) this.broken.push({ seed: history.options.seed, invariant: first.invariant });
    this.virtualMs += history.virtualMs;
    this.events += history.events;
    addAll(this.faults, history.faults);
    addAll(this.checks, history.checks);
    addAll(this.figures, Object.entries(history.figures));
    if (history.convergedMs !== undefined) this.convergedMs.push(history.convergedMs);
  }

  get faultsTotal(): number {
    return [...this.faults.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Time from the end of the faults to agreement that a share of the histories kept, ms. */
  convergedQuantileMs(share: number): number | undefined {
    const sorted = [...this.convergedMs].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }
}

/** How many nodes a history has unless told: from the seed, 2 to 10. */
export function nodesOf(seed: number): number {
  return 2 + new Random(`nodes ${seed}`).int(9);
}

/** Runs of a failing history that shrinking may cost. */
const SHRINK_RUNS_MAX = 150;

/** Finds the fewest faults of a failing history that still break the invariant that broke first. */
export function shrinkFailure(scenario: Scenario, history: History): Failure {
  const invariant = history.violations[0]?.invariant;
  const { options, planned } = history;
  const given = options.only ?? planned.map(({ id }) => id);
  const rerun = (only: readonly number[]): History => runHistory(scenario, { ...options, only });
  const breaks = (only: readonly number[]) =>
    rerun(only).violations.some((violation) => violation.invariant === invariant);
  const shrunk = shrink(given, breaks, SHRINK_RUNS_MAX);
  return { history, shrunk, shrunkHistory: rerun(shrunk) };
}

/** The command that runs a history again. */
export function commandFor({ seed, steps, nodes, only }: HistoryOptions, more: readonly string[] = []): string {
  const faults = only === undefined ? [] : ['--faults', only.length === 0 ? 'none' : only.join(',')];
  return ['npm run sim --', '--seed', seed, '--steps', steps, '--nodes', nodes, ...more, ...faults].join(' ');
}

function addAll(sums: Map<string, number>, counts: Iterable<readonly [string, number]>): void {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count);
}
