import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import Table from 'cli-table3';
import { z } from 'zod';

/** One measured quantity: median, minimum and maximum over the runs, and its ratio to another of the same bench. */
export type BenchResult = {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  readonly ratioTo?: string;
  readonly ratio?: number;
};

export type BenchReport = {
  readonly bench: string;
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly results: readonly BenchResult[];
};

/** Sums up the values of several runs. */
export function summarise(name: string, unit: string, values: readonly number[]): BenchResult {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    name,
    unit,
    median: round(medianOf(sorted)),
    min: round(sorted[0] ?? Number.NaN),
    max: round(sorted.at(-1) ?? Number.NaN),
    runs: sorted.length,
  };
}

/** Adds the ratio of two results, taken run by run, so that a machine whose speed drifts does not bend it. */
export function withRatio(
  result: BenchResult,
  values: readonly number[],
  base: BenchResult,
  baseValues: readonly number[],
): BenchResult {
  const ratios = values.map((value, i) => value / (baseValues[i] ?? Number.NaN)).sort((a, b) => a - b);
  return { ...result, ratioTo: base.name, ratio: round(medianOf(ratios)) };
}

// Of two the upper one would flatter.
function medianOf(sorted: readonly number[]): number {
  const half = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(half)] ?? Number.NaN) + (sorted[Math.ceil(half)] ?? Number.NaN)) / 2;
}

export function buildReport(
  bench: string,
  settings: BenchReport['settings'],
  packages: readonly string[],
  results: readonly BenchResult[],
): BenchReport {
  const versions = Object.fromEntries(packages.map((name) => [name, packageVersion(name)]));
  return { bench, commit: commitId(), versions: { node: process.version, ...versions }, settings, results };
}

/** One JSON object with `--json`, else a table a person reads. */
export function printReport(report: BenchReport, asJson: boolean): void {
  if (asJson) {
    console.log(JSON.stringify(report));
    return;
  }
  const table = new Table({
    head: ['what', 'median', 'min .. max', 'unit', 'runs', 'ratio'],
    style: { head: [], border: [] },
  });
  for (const { name, median, min, max, unit, runs, ratio, ratioTo } of report.results) {
    const share = ratio === undefined ? '' : `${ratio} of ${ratioTo}`;
    table.push([name, median, `${min} .. ${max}`, unit, runs, share]);
  }
  const settings = Object.entries(report.settings).map(([key, value]) => `${key}=${value}`);
  console.log(`${report.bench} at ${report.commit} on ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`);
  console.log(settings.join(' '));
  console.log(table.toString());
}

const Report = z.object({
  bench: z.string(),
  commit: z.string(),
  versions: z.record(z.string(), z.string()),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  results: z.array(
    z.object({
      ...{ name: z.string(), unit: z.string(), median: z.number(), min: z.number(), max: z.number(), runs: z.int() },
      ...{ ratioTo: z.string().exactOptional(), ratio: z.number().exactOptional() },
    }),
  ),
});

/** A report as `--json` wrote it. @throws what is wrong with it. */
export function readReport(text: string): BenchReport {
  return Report.parse(JSON.parse(text));
}

const PackageFile = z.looseObject({ version: z.string() });

function packageVersion(name: string): string {
  const text = readFileSync(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), 'utf8');
  return PackageFile.parse(JSON.parse(text)).version;
}

function commitId(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
