import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { numberOption, scriptOptions } from '../script-options.js';
import { field, type Program } from '../system/demo-run.js';
import { childrenOf, Site, visionOf } from '../system/site.js';
import { rssMiB } from './process-cost.js';
import { SoakProgress } from './soak-progress.js';
import { type Sample, type Trend, trendOf } from './trend.js';

const WORDS = {
  call: 'npm run soak',
  about: `A broker and a node with simulated cameras, left alone: memory, open files, size of the state folder, bytes written.
Exit code 1 when memory, open files or threads grow. What it cannot show in less than half an hour it says.`,
};

const args = scriptOptions(WORDS, {
  minutes: { type: 'string', default: '60' },
  cameras: { type: 'string', default: '3' },
  json: { type: 'boolean', default: false },
});

const minutes = numberOption('--minutes', args.minutes, 0.1);
const cameras = numberOption('--cameras', args.cameras, 1);
const SAMPLE_MS = Math.max(1000, Math.min(10_000, (minutes * 60_000) / 60));
const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
/** Growth per hour that is no noise; memory wanders by some MiB with what the cameras see. */
const GROWTH_MAX = { 'memory, MiB': 6, 'open files': 2, threads: 1 } as const;
/** Less than this shows a leak of tens of MiB an hour only. */
const TELLING_MINUTES = 30;

const series = new Map<string, Sample[]>();

function note(name: string, value: number): void {
  const samples = series.get(name) ?? [];
  samples.push({ atMonoMs: performance.now(), value });
  series.set(name, samples);
}

function watch(who: string, pid: number): void {
  note(`${who}: memory, MiB`, rssMiB(pid));
  note(`${who}: open files`, readdirSync(`/proc/${pid}/fd`).length);
  note(`${who}: threads`, readdirSync(`/proc/${pid}/task`).length);
}

/** Bytes a process has caused to be written to disks so far. */
function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}

function folderBytes(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    try {
      return entry.isFile() ? sum + statSync(join(entry.parentPath, entry.name)).size : sum;
    } catch {
      // It went while we looked.
      return sum;
    }
  }, 0);
}

function isGrowing(name: string, { perHour }: Trend): boolean {
  const kind = Object.entries(GROWTH_MAX).find(([ending]) => name.endsWith(ending));
  return kind !== undefined && perHour > kind[1];
}

const progress = new SoakProgress(minutes, process.stderr);
const site = await Site.open('cam1');
try {
  const listener = site.listen();
  const sources = Object.fromEntries(
    Array.from({ length: cameras }, (_, i) => [`camera${i + 1}`, { source: { driver: 'sim', seed: `soak-${i}` } }]),
  );
  const edge: Program = site.edge('cam1', sources, { timing: { beatMs: 10_000, healthMs: 60_000 } });
  let vision = await visionOf(edge);
  let visionStarts = 1;
  const [main, broker] = [edge.child.pid ?? 0, site.broker?.child.pid ?? 0];
  const startedMs = performance.now();
  const before = writtenBytes(main);
  const untilMs = startedMs + minutes * 60_000;
  while (performance.now() < untilMs) {
    await new Promise((done) => setTimeout(done, SAMPLE_MS));
    watch('node', main);
    const now = childrenOf(edge, 'vision-child')[0];
    if (now !== undefined && now !== vision) visionStarts++;
    if (now !== undefined) watch('vision', now);
    vision = now ?? vision;
    watch('broker', broker);
    note('state folder, MiB', folderBytes(site.path('state')) / MIB);
    const memoryMiB = { node: rssMiB(main), vision: rssMiB(vision), broker: rssMiB(broker) };
    progress.tell(performance.now() - startedMs, { memoryMiB, records: listener.records('cam1').length });
  }
  progress.end();
  const elapsedMs = performance.now() - startedMs;
  const records = listener.records('cam1').length;
  const writtenMiBPerDay = ((writtenBytes(main) - before) / MIB / elapsedMs) * DAY_MS;
  const load = field(listener.last('health', { node: 'cam1' }), 'load');
  const trends = Object.fromEntries([...series].map(([name, samples]) => [name, trendOf(samples)]));
  const growing = Object.entries(trends).flatMap(([name, trend]) => (isGrowing(name, trend) ? [name] : []));
  const summary = {
    ...{ minutes, cameras, records, recordsPerS: (records * 1000) / elapsedMs, writtenMiBPerDay },
    ...{ visionStarts, load, growing, isTelling: minutes >= TELLING_MINUTES },
  };
  if (args.json) console.log(JSON.stringify({ soak: true, ...summary, trends }));
  else {
    const table = new Table({ head: ['what', 'first', 'last', 'max', 'per hour'], style: { head: [], border: [] } });
    for (const [name, { first, last, max, perHour }] of Object.entries(trends)) {
      table.push([name, first.toFixed(1), last.toFixed(1), max.toFixed(1), perHour.toFixed(1)]);
    }
    console.log(table.toString());
    console.log(
      `${records} records (${summary.recordsPerS.toFixed(2)}/s), ${writtenMiBPerDay.toFixed(0)} MiB written a day, ${visionStarts} vision processes, load ${load}`,
    );
    if (!summary.isTelling) console.log(`less than ${TELLING_MINUTES} minutes: only a large leak would show`);
    console.log(growing.length === 0 ? 'nothing grows' : `growing: ${growing.join(', ')}`);
  }
  process.exitCode = growing.length > 0 && summary.isTelling ? 1 : 0;
} finally {
  await site.close();
}
