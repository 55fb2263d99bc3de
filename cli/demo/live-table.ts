import { type Column, renderTable } from '../../base/terminal/table.js';
import type { Colour, Terminal } from '../../base/terminal/terminal.js';
import { printable } from '../../base/terminal/terminal.js';
import type { AuditStatus, CameraStatus, DemoStatus, SensorStatus, SourceStatus } from './demo-status.js';
import { tryLines } from './try-lines.js';

const COLUMNS: readonly Column<CameraStatus>[] = [
  { title: 'node', cell: ({ node }) => node },
  { title: 'camera', cell: ({ camera }) => camera },
  { title: 'state', cell: stateCell, colour: (row) => stateColour(row.state) },
  { title: 'monitor', cell: ({ monitor }) => monitor, colour: ({ monitor }) => stateColour(monitor) },
  { title: 'fps', cell: ({ fps }) => (fps === null ? '-' : fps.toFixed(1)), align: 'right' },
  { title: 'in view', cell: ({ objects }) => objectsCell(objects) },
  { title: 'last event', cell: eventCell, colour: (row) => (isAlertNewer(row) ? 'yellow' : undefined) },
  {
    title: 'latency',
    cell: ({ latencyMs }) => (latencyMs === null ? '-' : `${Math.round(latencyMs)} ms`),
    align: 'right',
  },
  { title: 'records', cell: ({ records }) => String(records), align: 'right' },
  { title: 'replica', cell: ({ replica }) => replicaCell(replica), colour: ({ replica }) => replicaColour(replica) },
  { title: 'drops', cell: ({ drops }) => String(drops), align: 'right' },
  {
    title: 'restarts',
    cell: ({ restarts }) => String(restarts),
    align: 'right',
    colour: ({ restarts }) => (restarts > 0 ? 'yellow' : undefined),
  },
];

/** The demo at one moment as lines of text, the last of them the lines to try. */
export function renderDemo(terminal: Terminal, status: DemoStatus, notice: string): string {
  const { broker, monitor, sensorBoard } = status;
  const link = broker.connected ? terminal.paint('green', 'up') : terminal.paint('red', 'not reached');
  const restarted = broker.restarts > 0 ? `, restarts ${broker.restarts}` : '';
  const p50 = status.latencyMs === null ? '' : `  latency p50 ${Math.round(status.latencyMs.p50)} ms`;
  const lines = [
    `${terminal.paint('bold', 'Vedette demo')}  ${elapsed(status.elapsedS)}  broker ${broker.url} ${link}${restarted}  ` +
      `monitor ${monitor.mode}  ${status.messages} messages${p50}`,
    '',
    renderTable(terminal, COLUMNS, status.nodes).trimEnd(),
    '',
    `${sensorBoard.node}  ${sensorBoard.state}, monitor says ${sensorBoard.monitor}: ${sensorsLine(terminal, status.sensors)}`,
    ...status.sources.map((source) => sourceLine(terminal, source)),
    ...(status.audits === null ? [] : [auditLine(terminal, status.audits)]),
    '',
    ...alertLines(terminal, status.nodes),
    ...incidentLines(terminal, status.nodes),
    ...failureLines(terminal, status.nodes),
    ...(notice === '' ? [] : [terminal.paint('yellow', printable(notice)), '']),
    ...tryLines(status),
    terminal.paint('dim', 'Ctrl-C stops everything.'),
  ];
  return `${lines.join('\n')}\n`;
}

function failureLines(terminal: Terminal, nodes: readonly CameraStatus[]): string[] {
  const lines = nodes.flatMap(({ node, failure }) =>
    failure === null ? [] : [`${terminal.paint('red', `${node}: cannot run`)}: ${printable(failure)}`],
  );
  return lines.length === 0 ? [] : [...lines, ''];
}

function incidentLines(terminal: Terminal, nodes: readonly CameraStatus[]): string[] {
  const lines = nodes.flatMap(({ node, incident }) => {
    if (incident === null) return [];
    const { cause, state, isOpen, last } = incident;
    const head = isOpen ? terminal.paint('yellow', `${node}: ${cause}, ${state}`) : `${node}: ${cause}, over`;
    return [`${head}: ${printable(last)}`];
  });
  return lines.length === 0 ? [] : [...lines, ''];
}

/** Draws over what it drew before. Only for terminals. */
export class InPlace {
  readonly #terminal: Terminal;
  readonly #rows: () => number | undefined;
  #drawn = 0;

  /** @param rows height of the window, lines, if known: what is drawn over must not have scrolled away. */
  constructor(terminal: Terminal, rows: () => number | undefined) {
    this.#terminal = terminal;
    this.#rows = rows;
  }

  draw(text: string): void {
    const height = Math.max(4, (this.#rows() ?? 40) - 1);
    const lines = text.trimEnd().split('\n').slice(0, height);
    // CSI n F: up n lines, to their beginning; CSI J: erase from there. Lines do not wrap (DECAWM off) while we draw.
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}F` : '';
    this.#terminal.write(`\u001b[?7l${up}\u001b[J${lines.join('\n')}\n\u001b[?7h`);
    this.#drawn = lines.length;
  }
}

function stateCell({ state, cameraOk, reason }: CameraStatus): string {
  return cameraOk === false && state === 'online' ? `camera ${reason ?? 'not ok'}` : state;
}

/** Records the copies lack; in brackets own ones that no other board has durably yet. */
function replicaCell(replica: CameraStatus['replica']): string {
  if (replica === null) return '-';
  const lag = replica.missing === 0 ? replica.state : `${replica.state} -${replica.missing}`;
  return replica.unacked === 0 ? lag : `${lag} (${replica.unacked})`;
}

function replicaColour(replica: CameraStatus['replica']): Colour | undefined {
  if (replica === null) return 'dim';
  return replica.state === 'active' && replica.missing === 0 ? 'green' : 'yellow';
}

function stateColour(state: string): Colour | undefined {
  if (state === 'online' || state === 'up') return 'green';
  return state === 'lost' || state === 'failed' || state === 'confirmed'
    ? 'red'
    : state === 'starting' || state === 'unknown'
      ? 'dim'
      : 'yellow';
}

function objectsCell(objects: Readonly<Record<string, number>>): string {
  const parts = Object.entries(objects).map(([label, count]) => `${count} ${label}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}

// What was last: a track, or an alert of the node's rules.
function eventCell(row: CameraStatus): string {
  const { lastEvent, lastAlert } = row;
  if (lastAlert !== null && isAlertNewer(row)) {
    return `${lastAlert.rule} ${lastAlert.event === 'raise' ? 'raised' : 'cleared'}, ${seconds(lastAlert.agoMs)} s ago`;
  }
  if (lastEvent === null) return '-';
  return `${lastEvent.event} ${lastEvent.label} #${lastEvent.id}, ${seconds(lastEvent.agoMs)} s ago`;
}

function isAlertNewer({ lastEvent, lastAlert }: CameraStatus): boolean {
  return lastAlert !== null && (lastEvent === null || lastAlert.agoMs <= lastEvent.agoMs);
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

function alertLines(terminal: Terminal, nodes: readonly CameraStatus[]): string[] {
  const lines = nodes.flatMap(({ node, alerts }) =>
    alerts.map(({ rule, severity, text }) => {
      const head = `${node}: ${rule}`;
      return `${severity === 'info' ? head : terminal.paint('yellow', head)}: ${printable(text)}`;
    }),
  );
  return lines.length === 0 ? [] : ['alerts', ...lines.map((line) => `  ${line}`), ''];
}

function sensorsLine(terminal: Terminal, sensors: readonly SensorStatus[]): string {
  if (sensors.length === 0) return 'no reading yet';
  return sensors
    .map(({ sensor, value, unit, ok, reason }) =>
      ok && value !== null
        ? `${sensor} ${rounded(value)} ${printable(unit)}`
        : terminal.paint('yellow', `${sensor} ${printable(reason ?? 'no reading')}`),
    )
    .join('  ');
}

function sourceLine(terminal: Terminal, { source, owner, standby, fps, objects }: SourceStatus): string {
  if (owner === null)
    return `${source}  a camera without a detector: ${terminal.paint('yellow', 'nobody watches it yet')}`;
  const next = standby === null ? '' : `, ${standby} is next`;
  const rate = fps === null ? '' : `, ${fps.toFixed(1)} frames/s`;
  return `${source}  a camera without a detector: ${terminal.paint('green', `watched by ${owner}`)}${next}${rate}: ${objectsCell(objects)}`;
}

function auditLine(terminal: Terminal, { verdicts, doubted }: AuditStatus): string {
  const counts = Object.entries(verdicts).filter(([, count]) => count > 0);
  const found = counts.map(([verdict, count]) => `${count} ${verdict}`).join(', ') || 'no verdict yet';
  const doubts = doubted.length === 0 ? '' : `, ${terminal.paint('red', `doubted: ${doubted.join(', ')}`)}`;
  return `results  some are checked by two other nodes each: ${found}${doubts}`;
}

function rounded(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function elapsed(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
