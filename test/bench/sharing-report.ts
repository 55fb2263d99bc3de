import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../../base/terminal/table.js';
import { jainIndex, type ScaleRow } from '../sim/offers/offer-scale.js';
import { type BenchResult, summarise } from './bench-report.js';
import { drawPlot } from './plot.js';

export const WAYS = ['sharing off', 'sharing', 'spread by hand', 'central queue'] as const;
export type Way = (typeof WAYS)[number];

/** What was counted of one fleet while it was watched. */
export type Counted = {
  /** Frames/s looked at, by camera, wherever that was. */
  readonly cameraFps: readonly number[];
  /** Frames/s the detectors looked at, by node, whosever cameras they were of. */
  readonly nodeFps: readonly number[];
  /** From capture to track event. */
  readonly latenciesMs: readonly number[];
  /** Of pictures and boxes on the wire, per frame looked at. */
  readonly bytesPerFrame: number;
  /** What offers came to. */
  readonly counters: Readonly<Record<string, number>>;
};

/** By way, then by size; one for each run. */
export type Findings = ReadonlyMap<Way, ReadonlyMap<number, readonly Counted[]>>;

const FIGURES: readonly (readonly [name: string, unit: string, of: (counted: Counted) => number])[] = [
  ['frames/s', 'frames/s', fpsOf],
  ['fairness of cameras', '', ({ cameraFps }) => jainIndex(cameraFps)],
  ['fairness of nodes', '', ({ nodeFps }) => jainIndex(nodeFps)],
  ['latency p50', 'ms', ({ latenciesMs }) => quantileOf(latenciesMs, 0.5)],
  ['latency p99', 'ms', ({ latenciesMs }) => quantileOf(latenciesMs, 0.99)],
  ['bytes a frame', 'B', ({ bytesPerFrame }) => bytesPerFrame],
];
const COUNTERS = ['sent', 'done', 'busy', 'late', 'none', 'full'].map((name) => `offer-${name}`);

/** All that was found, one result for each figure of each way and size. */
export function resultsOf(findings: Findings, capacitiesFps: readonly number[]): BenchResult[] {
  const results = [summarise('one board', 'frames/s', capacitiesFps)];
  for (const way of WAYS) {
    for (const [size, runs] of findings.get(way) ?? []) {
      const even = findings.get('spread by hand')?.get(size);
      for (const [name, unit, of] of FIGURES) results.push(summarise(nameOf(size, way, name), unit, runs.map(of)));
      if (even !== undefined) {
        const shares = runs.map((run, i) => (100 * fpsOf(run)) / fpsOf(even[i] ?? run));
        results.push(summarise(nameOf(size, way, 'of the even spread'), '%', shares));
      }
      if (way !== 'sharing') continue;
      for (const name of COUNTERS) {
        const counts = runs.map(({ counters }) => counters[name] ?? 0);
        results.push(summarise(nameOf(size, way, name), 'times', counts));
      }
    }
  }
  return results;
}

type Row = { readonly size: number; readonly way: Way; readonly of: (name: string) => number | undefined };

/** A line for each way and size among the results. */
export function rowsOf(results: readonly BenchResult[]): Row[] {
  const medians = new Map(results.map(({ name, median }) => [name, median]));
  return sizesOf(results).flatMap((size) =>
    WAYS.filter((way) => medians.has(nameOf(size, way, 'frames/s'))).map((way) => ({
      ...{ size, way, of: (name: string) => medians.get(nameOf(size, way, name)) },
    })),
  );
}

export const COLUMNS: readonly Column<Row>[] = [
  { title: 'nodes', cell: ({ size }) => String(size), align: 'right' },
  { title: 'way', cell: ({ way }) => way },
  column('frames/s', 1),
  column('of the even spread', 0, ' %'),
  column('latency p50', 0, ' ms'),
  column('latency p99', 0, ' ms'),
  column('fairness of cameras', 2),
  column('fairness of nodes', 2),
  column('bytes a frame', 0),
];

/** Draws the figures by size, and what a simulation says of larger fleets where that was asked for. */
export async function writePlots(
  folder: string,
  results: readonly BenchResult[],
  scale: readonly ScaleRow[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const rows = rowsOf(results);
  const plot = async (file: string, title: string, yLabel: string, name: string) => {
    const lines = WAYS.map((way) => ({
      name: way,
      points: rows.flatMap((row): [number, number][] => {
        const value = row.of(name);
        return row.way !== way || value === undefined ? [] : [[row.size, value]];
      }),
    })).filter(({ points }) => points.length > 0);
    await writeFile(join(folder, file), drawPlot({ title, xLabel: 'nodes', yLabel, lines }));
  };
  const rate = 'Frames looked at by a fleet with its cameras at a quarter of it';
  await plot('sharing-rate.svg', rate, 'frames/s', 'frames/s');
  await plot('sharing-latency.svg', 'From capture to track event, 99th percentile', 'ms', 'latency p99');
  await plot('sharing-bytes.svg', 'Pictures and boxes on the wire', 'bytes a frame', 'bytes a frame');
  await plot('sharing-fairness.svg', "Jain's index of the cameras' rates", '1: all alike', 'fairness of cameras');
  await plot('sharing-work.svg', "Jain's index of the boards' work", '1: all alike', 'fairness of nodes');
  if (scale.length > 0) await writeFile(join(folder, 'sharing-scale.svg'), drawScale(scale));
}

function drawScale(rows: readonly ScaleRow[]): string {
  const lines = [
    { name: 'sharing', points: rows.map(({ nodes, sharedFps }): [number, number] => [nodes, sharedFps]) },
    { name: 'sharing off', points: rows.map(({ nodes, aloneFps }): [number, number] => [nodes, aloneFps]) },
    { name: 'spread by hand', points: rows.map(({ nodes, evenFps }): [number, number] => [nodes, evenFps]) },
  ];
  const of = { title: 'The same by simulation', xLabel: 'nodes', yLabel: 'frames/s', xLog: true, yLog: true };
  return drawPlot({ ...of, lines });
}

function column(name: string, digits: number, unit = ''): Column<Row> {
  const cell = ({ of }: Row) => {
    const value = of(name);
    return value === undefined ? '' : `${value.toFixed(digits)}${unit}`;
  };
  return { title: name, cell, align: 'right' };
}

function nameOf(size: number, way: Way, name: string): string {
  return `${size} nodes, ${way}: ${name}`;
}

function sizesOf(results: readonly BenchResult[]): number[] {
  const sizes = results.flatMap(({ name }) => /^(\d+) nodes, /.exec(name)?.[1] ?? []);
  return [...new Set(sizes.map(Number))].sort((a, b) => a - b);
}

function fpsOf({ cameraFps }: Counted): number {
  return cameraFps.reduce((total, fps) => total + fps, 0);
}

function quantileOf(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}
