import { type Column, renderTable } from '../../base/terminal/table.js';
import type { Terminal } from '../../base/terminal/terminal.js';
import { type Campaign, commandFor, type Failure } from './campaign.js';
import type { Fault } from './faults/fault.js';

export type ReportContext = {
  readonly commit: string;
  readonly realMs: number;
  readonly processorMs: number;
  readonly arguments: readonly string[];
};

type Count = { readonly name: string; readonly count: number };

/** What a campaign found, for a person. */
export function writeReport(terminal: Terminal, campaign: Campaign, context: ReportContext): void {
  terminal.writeLine(renderTable(terminal, countColumns('fault', 'times'), counted(campaign.faults)));
  terminal.writeLine(renderTable(terminal, countColumns('invariant', 'looked at'), counted(campaign.checks)));
  const { virtualMs, histories, events } = campaign;
  const { realMs, processorMs } = context;
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => seconds(campaign.convergedQuantileMs(share)));
  const figures = [...campaign.figures].map(([name, sum]) => `${sum} ${name}`).join(', ');
  terminal.writeLine(figures);
  terminal.writeLine(`converged after the last fault: p50 ${p50}, p99 ${p99}, max ${max}`);
  terminal.writeLine(
    `${((histories * 1_000) / realMs).toFixed(1)} histories/s, ${Math.round(events / realMs)}k events/s, ${Math.round(virtualMs / realMs)} times real time (${Math.round(virtualMs / processorMs)} times processor time), commit ${context.commit}`,
  );
  for (const failure of campaign.failures) writeFailure(terminal, failure, context);
}

/** One history that broke an invariant: what broke, the faults it takes, and how to run it again. */
export function writeFailure(terminal: Terminal, failure: Failure, context: ReportContext): void {
  const { history, shrunk, shrunkHistory } = failure;
  const { options, planned, violations } = history;
  terminal.writeLine('');
  terminal.writeLine(
    terminal.paint('red', `seed ${options.seed} at commit ${context.commit} breaks: ${violations[0]?.invariant ?? ''}`),
  );
  for (const { invariant, atMs, detail } of shrunkHistory.violations.slice(0, 5)) {
    terminal.writeLine(`  at ${seconds(atMs)}: ${invariant}: ${detail}`);
  }
  terminal.writeLine(`  ${shrunk.length} of ${planned.length} faults are enough:`);
  for (const fault of planned.filter(({ id }) => shrunk.includes(id)))
    terminal.writeLine(`    ${describeFault(fault)}`);
  terminal.writeLine(`  ${commandFor({ ...options, only: shrunk }, context.arguments)}`);
}

export function describeFault({ id, kind, atMs, untilMs, targets }: Fault): string {
  const lasts = untilMs > atMs ? ` until ${seconds(untilMs)}` : '';
  return `${id}: ${kind} of ${targets.join(' ')} at ${seconds(atMs)}${lasts}`;
}

/** The last line: what a script looks at. */
export function summaryLine(campaign: Campaign): string {
  return `${campaign.histories} histories, ${campaign.faultsTotal} faults, ${campaign.violations} violations`;
}

function countColumns(name: string, count: string): Column<Count>[] {
  return [
    { title: name, cell: (row) => row.name },
    { title: count, cell: (row) => String(row.count), align: 'right' },
  ];
}

function counted(counts: ReadonlyMap<string, number>): Count[] {
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => a.name.localeCompare(b.name));
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : `${(ms / 1_000).toFixed(1)} s`;
}
