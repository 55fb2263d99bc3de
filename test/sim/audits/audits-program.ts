import type { Clock } from '../../../base/clock.js';
import { ProgressBar } from '../../../base/terminal/progress-bar.js';
import { renderTable } from '../../../base/terminal/table.js';
import type { Terminal } from '../../../base/terminal/terminal.js';
import { type AuditHistory, runAuditHistory } from './audit-history.js';
import { AUDIT_RULES } from './audit-rules.js';

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
      process.stderr.write(`seed ${history.seed} breaks ${first.invariant}: ${first.detail}; ${again}\n`);
    }
    histories.push(history);
    progress.update({ done: i + 1, total: seeds });
  }
  progress.end();
  return show(options, histories);
}

/** How late the wrong nodes of some histories were found, as parts of the expected number of results, ascending. */
export function lateness(histories: readonly AuditHistory[]): readonly number[] {
  const parts = histories.flatMap(({ foundAfter, expected }) =>
    foundAfter === undefined ? [] : [foundAfter / expected],
  );
  return parts.sort((a, b) => a - b);
}

function show({ json, terminal }: AuditsProgramOptions, histories: readonly AuditHistory[]): number {
  const violations = histories.reduce((sum, { broken }) => sum + broken, 0);
  const audits = histories.reduce((sum, history) => sum + history.audits, 0);
  const late = lateness(histories);
  const quantile = (share: number) => late[Math.min(late.length - 1, Math.floor(share * late.length))];
  const found = { found: late.length, p50: quantile(0.5), p95: quantile(0.95), max: late.at(-1) };
  const inTime = late.filter((part) => part <= 2).length;
  const checks = new Map<string, number>();
  for (const history of histories) {
    for (const [name, count] of history.checks) checks.set(name, (checks.get(name) ?? 0) + count);
  }
  const facts = { histories: histories.length, audits, violations, inTime, ...found };
  if (json) {
    const broken = histories.filter((history) => history.broken > 0);
    const told = broken.map(({ seed, violations: [first] }) => ({ seed, ...first }));
    terminal.writeJson({ ...facts, checks: Object.fromEntries(checks), broken: told });
  } else {
    const columns = [
      { title: 'invariant', cell: ([name]: readonly [string, number]) => name },
      { title: 'looked at', cell: ([, count]: readonly [string, number]) => String(count), align: 'right' as const },
    ];
    terminal.writeLine(renderTable(terminal, columns, [...checks]));
    const parts = [quantile(0.5), quantile(0.95), late.at(-1)].map((part) => part?.toFixed(2) ?? 'none');
    terminal.writeLine(
      `${late.length} wrong nodes found, ${inTime} within twice the expected results; parts of these: p50 ${parts[0]}, p95 ${parts[1]}, max ${parts[2]}`,
    );
    terminal.writeLine(`${histories.length} histories, ${audits} audits asked, ${violations} violations`);
  }
  return violations === 0 ? 0 : 1;
}
