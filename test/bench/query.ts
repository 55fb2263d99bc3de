import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { SystemClock } from '../../base/clock.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { planAnswer } from '../../edge/query/answer-plan.js';
import { OwnLogReader } from '../../edge/query/own-log-reader.js';
import { DEFAULT_QUERY_LIMITS } from '../../edge/query/query-limits.js';
import { ScanThread } from '../../edge/query/scan-thread.js';
import { localDisk } from '../../edge/records/record-disk.js';
import { RecordIndex } from '../../edge/records/record-index.js';
import { DEFAULT_RECORD_LIMITS } from '../../edge/records/record-limits.js';
import { RecordLog } from '../../edge/records/record-log.js';
import { RecordQuery } from '../../edge/records/record-query.js';
import { QuerySpec } from '../../protocol/query.js';
import { numberOption, scriptOptions } from '../script-options.js';
import { buildReport, printReport, summarise } from './bench-report.js';

const WORDS = {
  call: 'npm run bench:query',
  about: `A replica's answers over a log on disk: the first query after a start, which reads every segment, and later ones, which
find them as columns, by the clock and by the time of all cores; the lag of the main thread's event loop meanwhile; and NeDB over its window for comparison.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  runs: { type: 'string', default: '20' },
  records: { type: 'string', default: '100000' },
});
const runs = numberOption('--runs', args.runs, 1);
const count = numberOption('--records', args.records, 1);
const clock = new SystemClock();
const random = new Random('bench');
const START_MS = 1_789_000_000_000;

const specs = {
  'count all': { shape: 'count' },
  'count one label': { shape: 'count', filter: { label: 'car', scoreMin: 0.5 } },
  'newest 100 of a camera': { shape: 'list', filter: { camera: 'front' } },
  'newest 10,000': { shape: 'list', limit: 10_000 },
  'histogram by hour': { shape: 'histogram' },
  'one hour of many': { shape: 'count', filter: { fromMs: START_MS, toMs: START_MS + 3_600_000 } },
} as const;

async function openLog(dir: string): Promise<RecordLog> {
  const records = new RecordLog({
    dir,
    node: 'cam1',
    disk: localDisk,
    clock,
    log: silentLog,
    limits: { ...DEFAULT_RECORD_LIMITS, retentionMs: Number.MAX_SAFE_INTEGER },
    opening: () => ({ sw: '0.1.0', model: null, labels: ['person', 'car'], cameras: ['front', 'yard'] }),
    isClockSynchronised: () => true,
    onAppended: () => {},
    onSegmentClosed: () => {},
    onDisk: () => {},
    onExpired: () => {},
  });
  await records.open();
  return records;
}

async function fill(records: RecordLog): Promise<void> {
  for (let i = 0; i < count; i += 64) {
    const appends = Array.from({ length: Math.min(64, count - i) }, (_, n) => {
      const x = random.int(500);
      const track = { k: 'track', c: random.pick(['front', 'yard']), ev: 'update', id: i + n + 1 };
      const seen = { l: random.pick(['person', 'car']), p: random.int(1000), b: [x, x, x + 200, x + 400], z: ['gate'] };
      return records.append({ ...track, ...seen }, START_MS + (i + n) * 1_000);
    });
    await Promise.all(appends);
  }
  await records.flush();
}

function openScan(): ScanThread {
  const scan = new ScanThread({ clock, log: silentLog, limits: DEFAULT_QUERY_LIMITS });
  scan.open();
  return scan;
}

type Cost = { readonly wallMs: number; readonly cpuMs: number };

async function answer(scan: ScanThread, records: RecordLog, asked: unknown): Promise<Cost> {
  const spec = QuerySpec.parse(asked);
  const epoch = records.liveEpoch ?? '';
  const reader = new OwnLogReader(records, 'cam1', clock);
  const startedMonoMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const { slices, missing } = planAnswer({ cut: [['cam1', epoch, records.publishableSeq(epoch)]] }, spec, reader);
  const header = () => ({ id: 'q', want: 'full' as const, missing, also: [], tookMs: 0 });
  const reply = await scan.scan({ spec, slices, isFresh: false, header });
  if (reply.kind !== 'done' || reply.unread.length + missing.length > 0)
    throw new Error(`no answer to ${JSON.stringify(asked)}`);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallMs: performance.now() - startedMonoMs, cpuMs: (user + system) / 1_000 };
}

const dir = await mkdtemp(join(tmpdir(), 'vedette-bench-'));
try {
  const records = await openLog(dir);
  await fill(records);
  const first: Cost[] = [];
  const later = new Map<string, Cost[]>(Object.keys(specs).map((name) => [name, []]));
  const lag = monitorEventLoopDelay({ resolution: 1 });
  for (let i = 0; i < Math.max(3, Math.ceil(runs / 5)); i++) {
    const scan = openScan();
    // The thread is loaded long before anybody asks.
    await answer(scan, records, { shape: 'count', filter: { toMs: 0 } });
    lag.enable();
    first.push(await answer(scan, records, specs['count one label']));
    for (let k = 0; k < 5; k++) {
      for (const [name, spec] of Object.entries(specs)) later.get(name)?.push(await answer(scan, records, spec));
    }
    lag.disable();
    await scan.close();
  }
  const nedb = await measureIndex(records);
  await records.close();
  const results = [
    summarise('first query after a start, every segment read', 'ms', wallOf(first)),
    summarise(
      'first query, time of all cores',
      'ms',
      first.map(({ cpuMs }) => cpuMs),
    ),
    ...[...later].flatMap(([name, times]) => [
      summarise(`${name}, p50`, 'ms', [quantile(wallOf(times), 0.5)]),
      summarise(`${name}, p99`, 'ms', [quantile(wallOf(times), 0.99)]),
      summarise(
        `${name}, time of all cores`,
        'ms',
        times.map(({ cpuMs }) => cpuMs),
      ),
    ]),
    summarise('event loop of the main thread meanwhile, p99', 'ms', [lag.percentile(99) / 1e6]),
    summarise('NeDB, newest 100 of a camera of its 50,000', 'ms', nedb),
  ];
  printReport(buildReport('query', { records: count, runs }, ['nedb-promises'], results), args.json);
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function measureIndex(records: RecordLog): Promise<number[]> {
  const index = new RecordIndex({ records, clock, log: silentLog, documentsMax: 50_000 });
  index.open();
  const query = RecordQuery.parse({ camera: 'front', limit: 100 });
  const times: number[] = [];
  await index.find(query);
  for (let i = 0; i < runs; i++) {
    const startedMonoMs = performance.now();
    await index.find(query);
    times.push(performance.now() - startedMonoMs);
  }
  await index.close();
  return times;
}

function wallOf(costs: readonly Cost[]): number[] {
  return costs.map(({ wallMs }) => wallMs);
}

function quantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
