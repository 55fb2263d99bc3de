import type { Clock } from '../../../base/clock.js';
import { ProgressBar } from '../../../base/terminal/progress-bar.js';
import { renderTable } from '../../../base/terminal/table.js';
import type { Terminal } from '../../../base/terminal/terminal.js';
import { ABLATIONS, type OfferHistory, RULES, runOfferHistory } from './offer-history.js';
import { measureScale, type ScaleRow, scaleColumns } from './offer-scale.js';

export type OffersProgramOptions = {
  readonly firstSeed: number;
  readonly seeds: number;
  /** Virtual seconds of a history. */
  readonly steps: number;
  /** A rule that is left out. */
  readonly without: string | undefined;
  /** Largest fleet of which is measured how sharing scales; no histories then. */
  readonly nodes: number | undefined;
  readonly json: boolean;
  readonly terminal: Terminal;
  readonly clock: Clock;
};

/** Failures that are told; the others are only counted. */
const TOLD_MAX = 5;
const SCALES = [4, 8, 32, 100, 320, 1_000];

/** Histories of nodes that take looks off each other. @returns the exit code, 0 when nothing was violated; 2: no such rule. */
export function runOffersProgram(options: OffersProgramOptions): number {
  const { without, nodes } = options;
  if (nodes !== undefined) return showScale(options, nodes);
  const rules = without === undefined ? RULES : Object.entries(ABLATIONS).find(([rule]) => rule === without)?.[1];
  if (rules === undefined) {
    process.stderr.write(`--without: no rule "${without}"; there are: ${Object.keys(ABLATIONS).join(', ')}\n`);
    return 2;
  }
  const { firstSeed, seeds, steps, terminal, clock } = options;
  const progress = new ProgressBar(terminal, clock, 'histories', 'count');
  const histories: OfferHistory[] = [];
  for (let i = 0; i < seeds; i++) {
    const history = runOfferHistory(firstSeed + i, steps * 1_000, rules);
    const [first] = history.violations;
    if (first !== undefined) {
      const again = `npm run sim -- --program offers --seed ${history.seed} --steps ${steps}`;
      process.stderr.write(`seed ${history.seed} breaks ${first.invariant}: ${first.detail}; ${again}\n`);
    }
    histories.push(history);
    progress.update({ done: i + 1, total: seeds });
  }
  progress.end();
  return show(options, histories);
}

function show({ json, terminal }: OffersProgramOptions, histories: readonly OfferHistory[]): number {
  const violations = histories.reduce((sum, { broken }) => sum + broken, 0);
  const faults = histories.reduce((sum, { plan }) => sum + plan.faults.length, 0);
  const figures = added(histories.map((history) => Object.entries(history.figures)));
  const checks = added(histories.map((history) => [...history.checks]));
  const broken = histories.filter((history) => history.broken > 0);
  if (json) {
    const told = broken.slice(0, TOLD_MAX).map(({ seed, violations: [first] }) => ({ seed, ...first }));
    terminal.writeJson({ histories: histories.length, faults, violations, figures, checks, broken: told });
  } else {
    const rows = [...Object.entries(checks), ...Object.entries(figures)];
    const columns = [
      { title: 'invariant, or sum', cell: ([name]: readonly [string, number]) => name },
      { title: 'times', cell: ([, count]: readonly [string, number]) => String(count), align: 'right' as const },
    ];
    terminal.writeLine(renderTable(terminal, columns, rows));
    terminal.writeLine(`${histories.length} histories, ${faults} faults, ${violations} violations`);
  }
  return violations === 0 ? 0 : 1;
}

function showScale({ json, terminal, firstSeed, steps }: OffersProgramOptions, nodesMax: number): number {
  const rows: ScaleRow[] = SCALES.filter((nodes) => nodes <= nodesMax).map((nodes) =>
    measureScale(firstSeed, nodes, steps * 1_000),
  );
  if (json) terminal.writeJson({ rows });
  else terminal.writeLine(renderTable(terminal, scaleColumns(), rows));
  return 0;
}

function added(counts: readonly (readonly (readonly [string, number])[])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of counts.flat()) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
