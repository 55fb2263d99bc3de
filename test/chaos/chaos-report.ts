import { type Column, renderTable } from '../../base/terminal/table.js';
import type { Terminal } from '../../base/terminal/terminal.js';
import { type ChaosVerdict, type KindVerdict, type Quantiles, quantiles } from './chaos-judge.js';
import { type SourceVerdict, UNWATCHED_MAX_MS } from './chaos-sources.js';

const COLUMNS: readonly Column<KindVerdict>[] = [
  { title: 'fault', cell: ({ kind }) => kind },
  { title: 'times', align: 'right', cell: ({ faults }) => String(faults) },
  { title: 'back', align: 'right', cell: ({ recovered }) => String(recovered) },
  {
    title: 'late',
    align: 'right',
    cell: ({ late }) => String(late),
    colour: ({ late }) => (late > 0 ? 'red' : undefined),
  },
  { title: 'p50', align: 'right', cell: ({ recoveryMs }) => seconds(recoveryMs?.p50) },
  { title: 'p99', align: 'right', cell: ({ recoveryMs }) => seconds(recoveryMs?.p99) },
  { title: 'max', align: 'right', cell: ({ recoveryMs }) => seconds(recoveryMs?.max) },
];

/** A verdict for a person. */
export function writeVerdict(terminal: Terminal, verdict: ChaosVerdict, context: string): void {
  const { restarts, records } = verdict;
  const total = restarts.dead + restarts.frozen + restarts.wedged + restarts.false;
  terminal.writeLine(renderTable(terminal, COLUMNS, verdict.byKind));
  terminal.writeLine(
    `deaths ${verdict.deaths}, seen ${verdict.deathsSeen}, missed ${verdict.missedDeaths}; back ${spread(verdict.recoveryMs)}`,
  );
  terminal.writeLine(
    `restarts ${total}: ${restarts.dead} dead, ${restarts.frozen} frozen, ${restarts.wedged} wedged, ${restarts.false} false`,
  );
  terminal.writeLine(
    `records ${records.appended} appended, ${records.missing} missing, ${records.filled} asked for, ${records.duplicates} duplicates`,
  );
  if (verdict.source !== undefined) writeSource(terminal, verdict.source);
  if (verdict.ownFailures > 0) terminal.writeLine(`${verdict.ownFailures} services ended by themselves`);
  for (const problem of verdict.problems) terminal.writeLine(terminal.paint('red', problem));
  terminal.writeLine(`${verdict.faults} faults, ${verdict.isGood ? 'good' : 'NOT good'}; ${context}`);
}

function writeSource(terminal: Terminal, { ownersLost, claimedMs, seenMs, gapsMs }: SourceVerdict): void {
  const known = (times: readonly (number | undefined)[]) => quantiles(times.filter((ms) => ms !== undefined));
  const soon = claimedMs.filter((ms) => ms !== undefined && ms <= 1_000).length;
  terminal.writeLine(
    `source: ${ownersLost} owners lost; claimed after a kill ${spread(known(claimedMs))}, ${soon} of ${claimedMs.length} within a second`,
  );
  terminal.writeLine(
    `source: frames at another node ${spread(known(seenMs))}; unwatched ${gapsMs.length} times, longest ${seconds(gapsMs[0] ?? 0)} (bound ${seconds(UNWATCHED_MAX_MS)})`,
  );
}

function spread(recoveryMs: Quantiles | null): string {
  if (recoveryMs === null) return 'never';
  return `p50 ${seconds(recoveryMs.p50)}, p99 ${seconds(recoveryMs.p99)}, max ${seconds(recoveryMs.max)}`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`;
}
