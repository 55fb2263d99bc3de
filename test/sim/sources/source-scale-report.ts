import { type Column, renderTable } from '../../../base/terminal/table.js';
import type { Terminal } from '../../../base/terminal/terminal.js';
import {
  measureSourceScale,
  ROUND_MS,
  type SourceScalePart,
  type SourceScaleRow,
  type Unwatched,
} from './source-scale.js';

/** Fleets that are measured. */
const SIZES = [10, 30, 100, 300, 1_000];

export type SourceScaleOptions = {
  readonly seed: number;
  readonly nodesMax: number;
  /** Virtual time in which nothing happens; then as many minutes in which nodes end and come back. */
  readonly calmMs: number;
  readonly json: boolean;
  readonly terminal: Terminal;
};

/** Measures fleets of several sizes and shows what came of it, and what it cost a node. @returns the exit code. */
export function showSourceScale({ seed, nodesMax, calmMs, json, terminal }: SourceScaleOptions): number {
  const rows = SIZES.filter((nodes) => nodes <= nodesMax).map((nodes) =>
    measureSourceScale(seed, nodes, { calmMs, rounds: Math.max(1, Math.round(calmMs / ROUND_MS)) }),
  );
  if (json) terminal.writeJson({ rows });
  else for (const text of sourceScaleTables(terminal, rows)) terminal.writeLine(text);
  return 0;
}

/** Two tables: of the fleets, and of one node of each. */
export function sourceScaleTables(terminal: Terminal, rows: readonly SourceScaleRow[]): string[] {
  return [FLEET, NODE].map((columns) => renderTable(terminal, columns, rows));
}

const SIZE = number('nodes', ({ nodes }) => String(nodes));

const FLEET: readonly Column<SourceScaleRow>[] = [
  SIZE,
  number('sources', ({ sources }) => String(sources)),
  number('s to an owner: p50, max', ({ firstP50Ms, firstMaxMs }) => seconds(firstP50Ms, firstMaxMs)),
  number('s unwatched, owner killed: p50, p99, max', ({ killed }) => unwatched(killed)),
  number('cut off', ({ cutOff }) => unwatched(cutOff)),
  both('taken an hour: calm, churn', 0, ({ takesPerHour }) => takesPerHour),
  both('lost an hour', 0, ({ lostPerHour }) => lostPerHour),
  number('fairness: load', ({ fairness }) => fairness.toFixed(2)),
  number('sources by weight', ({ fairnessByWeight }) => fairnessByWeight.toFixed(2)),
];

const NODE: readonly Column<SourceScaleRow>[] = [
  SIZE,
  both('claims/s: calm, churn', 1, ({ claims }) => claims),
  both('kB/s', 1, ({ claimsBytes }) => claimsBytes / 1_000),
  both('looks/s', 1, ({ looks }) => looks),
  both('ms a look: p50', 3, ({ lookP50Ms }) => lookP50Ms),
  both('p99', 2, ({ lookP99Ms }) => lookP99Ms),
  both('max', 1, ({ lookMaxMs }) => lookMaxMs),
  both('ms of work/s', 2, ({ workMs }) => workMs),
  number('MB of books', ({ bookBytes }) => (bookBytes / 1e6).toFixed(2)),
];

function number(title: string, cell: (row: SourceScaleRow) => string): Column<SourceScaleRow> {
  return { title, cell, align: 'right' };
}

function both(title: string, digits: number, of: (part: SourceScalePart) => number): Column<SourceScaleRow> {
  return number(title, ({ calm, churn }) => `${of(calm).toFixed(digits)}, ${of(churn).toFixed(digits)}`);
}

function seconds(...timesMs: readonly number[]): string {
  return timesMs.map((ms) => (ms / 1_000).toFixed(1)).join(', ');
}

function unwatched({ sources, p50Ms, p99Ms, maxMs }: Unwatched): string {
  return sources === 0 ? '-' : seconds(p50Ms, p99Ms, maxMs);
}
