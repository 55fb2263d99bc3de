import type { Clock } from '../../../base/clock.js';
import { ProgressBar } from '../../../base/terminal/progress-bar.js';
import { renderTable } from '../../../base/terminal/table.js';
import type { Terminal } from '../../../base/terminal/terminal.js';
import { type AuditHistory, runAuditHistory } from './audit-history.js';
import { AUDIT_RULES } from './audit-rules.js';
import { foundBy, type Watched } from './detection-time.js';

export type AuditsProgramOptions = {
  readonly firstSeed: number;
  readonly seeds: number;
  /** A rule that is left out. */
  readonly without: string | undefined;
  readonly json: boolean;
  readonly terminal: Terminal;
  readonly clock: Clock;
};

/** Histories of nodes that audit each other. @returns the exit code, 0 when nothing was violated; 2: no such rule. */
export function runAuditsProgram(options: AuditsProgramOptions): number {
  const { firstSeed, seeds, terminal, clock } = options;
  const without = AUDIT_RULES.find((rule) => rule === options.without);
  if (options.without !== undefined && without === undefined) {
    process.stderr.write(`--without: no rule "${options.without}"; there are: ${AUDIT_RULES.join(', ')}\n`);
    return 2;
  }
  const progress = new ProgressBar(terminal, clock, 'histories', 'count');
  const histories: AuditHistory[] = [];
  for (let i = 0; i < seeds; i++) {
    const history = runAuditHistory(firstSeed + i, without);
    const [first] = history.violations;
    if (first !== undefined) {
      const again = `npm run sim -- --program audits --seed ${history.seed}`;
      process.stderr.write(
        `seed ${history.seed} (${history.cast}) breaks ${first.invariant}: ${first.detail}; ${again}\n`,
      );
    }
    histories.push(history);
    progress.update({ done: i + 1, total: seeds });
  }
  progress.end();
  return show(options, histories);
}

/** How late the wrong nodes of some histories were found, or for how long not, as parts of the expected number of results. */
export function watchedIn(histories: readonly AuditHistory[]): readonly Watched[] {
  return histories
    .filter(({ cast }) => cast !== 'most are wrong alike')
    .flatMap(({ wrong }) => wrong.map(({ results, expected, isFound }) => ({ part: results / expected, isFound })));
}

function show({ json, terminal }: AuditsProgramOptions, histories: readonly AuditHistory[]): number {
  const sumOf = (count: (history: AuditHistory) => number) => histories.reduce((sum, one) => sum + count(one), 0);
  const violations = sumOf(({ broken }) => broken);
  const watched = watchedIn(histories);
  const found = watched.filter(({ isFound }) => isFound).length;
  const facts = {
    ...{ histories: histories.length, faults: sumOf(({ faults }) => faults), violations },
    ...{ audits: sumOf(({ audits }) => audits) / 2, records: sumOf(({ records }) => records) },
    ...{ wrong: watched.length, found },
    foundWithin: Object.fromEntries([0.25, 0.5, 1, 2].map((part) => [part, foundBy(part, watched)])),
    latest: Math.max(0, ...watched.filter(({ isFound }) => isFound).map(({ part }) => part)),
  };
  const checks = new Map<string, number>();
  const casts = new Map<string, number>();
  for (const history of histories) {
    casts.set(history.cast, (casts.get(history.cast) ?? 0) + 1);
    for (const [name, count] of history.checks) checks.set(name, (checks.get(name) ?? 0) + count);
  }
  if (json) {
    const broken = histories.filter((history) => history.broken > 0);
    const told = broken.map(({ seed, cast, violations: [first] }) => ({ seed, cast, ...first }));
    const counts = { casts: Object.fromEntries(casts), checks: Object.fromEntries(checks) };
    terminal.writeJson({ ...facts, ...counts, broken: told });
  } else {
    const columns = [
      { title: 'histories of, invariant', cell: ([name]: readonly [string, number]) => name },
      { title: 'times', cell: ([, count]: readonly [string, number]) => String(count), align: 'right' as const },
    ];
    terminal.writeLine(renderTable(terminal, columns, [...casts, ...[...checks].sort()]));
    const within = Object.entries(facts.foundWithin).map(([part, share]) => `${part}: ${(100 * share).toFixed(1)} %`);
    terminal.writeLine(
      `${watched.length} wrong nodes, ${found} found; within parts of the expected results ${within.join(', ')}; latest ${facts.latest.toFixed(2)}`,
    );
    terminal.writeLine(
      `${histories.length} histories, ${facts.faults} faults, ${facts.audits} audits, ${violations} violations`,
    );
  }
  return violations === 0 ? 0 : 1;
}
