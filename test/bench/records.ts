import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RecordListener } from '../../base/listener/record-listener.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { encodeLive } from '../../edge/records/live-batch.js';
import { localDisk } from '../../edge/records/record-disk.js';
import { RecordIndex } from '../../edge/records/record-index.js';
import { DEFAULT_RECORD_LIMITS } from '../../edge/records/record-limits.js';
import { RecordLog } from '../../edge/records/record-log.js';
import { RecordQuery } from '../../edge/records/record-query.js';
import { RecordStore } from '../../edge/records/record-store.js';
import { PlainBroker } from '../plain-broker.js';
import { numberOption, numbersOption, partsOption, scriptOptions } from '../script-options.js';
import { buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { measureNewcomer } from './bootstrap.js';
import { makeRoom, measureCard, measureCopies, measureJsonLines, measureSqlite } from './record-files.js';
import { measureReplication } from './replication.js';

const PARTS = ['log', 'files', 'wire', 'replication', 'bootstrap'] as const;
const WORDS = {
  call: 'npm run bench:records',
  about: `A node's log: appends a second, bytes of a record, the time from append to a listener over a plain Aedes in the same
process, NeDB inserts in their worker, and an empty listener that asks for the whole log. The same lines in a plain file
and in an SQLite file. The copies of three other nodes: appends, size, what opening takes, what reaches the card in a day.
Parts replication and bootstrap run once, with a broker and nodes as processes: time from an append to the copy at
another node, by rate, and an empty node among two that hold --bootstrap records. Without --only, all parts.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  runs: { type: 'string', default: '3' },
  records: { type: 'string', default: '20000' },
  copies: { type: 'string', default: '100000' },
  only: { type: 'string', default: PARTS.join(',') },
  rates: { type: 'string', default: '1,10,100' },
  seconds: { type: 'string', default: '12' },
  bootstrap: { type: 'string', default: '100000' },
});
const only = partsOption('--only', args.only, PARTS);
const runs = numberOption('--runs', args.runs, 1);
const count = numberOption('--records', args.records, 1);
const copies = numberOption('--copies', args.copies, 1);
const clock = new SystemClock();
const random = new Random('bench');
const opening = () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] });

function track(id: number) {
  const x = random.int(500);
  const y = random.int(500);
  return { k: 'track', c: 'front', ev: 'update', id, l: 'person', p: random.int(1000), b: [x, y, x + 200, y + 400] };
}

async function openLog(dir: string): Promise<RecordLog> {
  const records = new RecordLog({
    dir,
    node: 'cam1',
    disk: localDisk,
    clock,
    log: silentLog,
    limits: DEFAULT_RECORD_LIMITS,
    opening,
    isClockSynchronised: () => true,
    onAppended: () => {},
    onSegmentClosed: () => {},
    onDisk: () => {},
    onExpired: () => {},
  });
  await records.open();
  return records;
}

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'vedette-bench-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function perSecond(things: number, work: () => Promise<void>): Promise<number> {
  const startedMonoMs = performance.now();
  await work();
  return (things * 1000) / (performance.now() - startedMonoMs);
}

const measured = {
  oneByOne: [] as number[],
  bursts: [] as number[],
  segmentBytes: [] as number[],
  liveLone: [] as number[],
  liveFull: [] as number[],
  inserts: [] as number[],
  latest: [] as number[],
  p50: [] as number[],
  p99: [] as number[],
  bootstrap: [] as number[],
  jsonOneByOne: [] as number[],
  jsonGrouped: [] as number[],
  jsonBytes: [] as number[],
  sqlOneByOne: [] as number[],
  sqlGrouped: [] as number[],
  sqlBytes: [] as number[],
  copyAppends: [] as number[],
  copyBytes: [] as number[],
  copyOpenMs: [] as number[],
  copyHeap: [] as number[],
  cardMb: [] as number[],
  cardSyncs: [] as number[],
};

async function measureLog(): Promise<void> {
  await inFolder(async (dir) => {
    const records = await openLog(dir);
    const few = Math.ceil(count / 10);
    measured.oneByOne.push(
      await perSecond(few, async () => {
        for (let i = 0; i < few; i++) await records.append(track(i + 1));
      }),
    );
    measured.bursts.push(
      await perSecond(count, async () => {
        for (let i = 0; i < count; i += 64) {
          await Promise.all(Array.from({ length: 64 }, (_, n) => records.append(track(i + n + 1))));
        }
      }),
    );
    await records.flush();
    const closed = [...records.segmentsNewestFirst()].map(({ meta }) => meta);
    const sum = (pick: (meta: { bytes: number; count: number }) => number) =>
      closed.reduce((total, meta) => total + pick(meta), 0);
    measured.segmentBytes.push(sum((meta) => meta.bytes) / sum((meta) => meta.count));
    const epoch = records.liveEpoch ?? '';
    const lines = await records.read(epoch, 2, 32);
    measured.liveLone.push(encodeLive(epoch, lines.slice(0, 1)).byteLength);
    measured.liveFull.push(encodeLive(epoch, lines).byteLength / lines.length);
    await measureIndex(records);
    await records.close();
  });
}

async function measureIndex(records: RecordLog): Promise<void> {
  const index = new RecordIndex({ records, clock, log: silentLog, documentsMax: 50_000 });
  const query = RecordQuery.parse({ camera: 'front', limit: 50 });
  measured.inserts.push(
    await perSecond(count, async () => {
      index.open();
      await index.find(query);
    }),
  );
  measured.latest.push(1000 / (await perSecond(1, async () => void (await index.find(query)))));
  await index.close();
}

/** Lines as a log makes them. */
function recordLines(records: number): string[] {
  const startMs = clock.nowMs();
  return Array.from({ length: records }, (_, i) =>
    JSON.stringify({ s: i + 1, t: startMs + 1_000 * i, ...track(i + 1) }),
  );
}

async function measureFiles(): Promise<void> {
  const lines = recordLines(count);
  await inFolder(async (dir) => {
    const json = await measureJsonLines(dir, lines);
    measured.jsonOneByOne.push(json.oneByOne);
    measured.jsonGrouped.push(json.grouped);
    measured.jsonBytes.push(json.bytes);
    const sql = await measureSqlite(dir, lines);
    measured.sqlOneByOne.push(sql.oneByOne);
    measured.sqlGrouped.push(sql.grouped);
    measured.sqlBytes.push(sql.bytes);
    const kept = await measureCopies(await makeRoom(dir, 'kept'), recordLines(copies));
    measured.copyAppends.push(kept.appends);
    measured.copyBytes.push(kept.bytes);
    measured.copyOpenMs.push(kept.openMs);
    measured.copyHeap.push(kept.heapMiB);
    const card = await measureCard(await makeRoom(dir, 'card'), lines);
    measured.cardMb.push(card.mbPerDay);
    measured.cardSyncs.push(card.syncsPerDay);
  });
}

async function measureWire(): Promise<void> {
  const broker = await PlainBroker.open();
  const openLink = (clientId: string) => {
    const link = new Link({ url: broker.url, clientId, root: 'vedette', clock, random, log: silentLog });
    link.open();
    return link;
  };
  const links = [openLink('cam1'), openLink('near'), openLink('late')] as const;
  await inFolder(async (stateDir) => {
    const store = new RecordStore({
      stateDir,
      node: 'cam1',
      link: links[0],
      clock,
      random,
      log: silentLog,
      opening,
      indexDocumentsMax: 0,
    });
    await store.open();
    await measureLatency(store, links[1]);
    await measureBootstrap(store, links[2]);
    await store.close();
  });
  for (const link of links) await link.close();
  await broker.close();
}

async function measureLatency(store: RecordStore, link: Link): Promise<void> {
  const appendedMonoMs = new Map<number, number>();
  const latencies: number[] = [];
  const listener = new RecordListener({
    link,
    clock,
    log: silentLog,
    onRecord: ({ record, receivedMonoMs }) => {
      const startedMonoMs = appendedMonoMs.get(record.s);
      if (startedMonoMs !== undefined) latencies.push(receivedMonoMs - startedMonoMs);
    },
  });
  listener.open();
  await clock.sleep(300);
  await store.append(track(1));
  for (let i = 0; i < 200; i++) {
    const startedMonoMs = performance.now();
    // The seq is known only afterwards, the arrival may come first: the next one is this one's.
    appendedMonoMs.set(i + 3, startedMonoMs);
    await store.append(track(i + 2));
    await clock.sleep(5);
  }
  await clock.sleep(300);
  listener.close();
  latencies.sort((a, b) => a - b);
  measured.p50.push(latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN);
  measured.p99.push(latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN);
}

async function measureBootstrap(store: RecordStore, link: Link): Promise<void> {
  for (let i = 0; i < count; i += 64) {
    await Promise.all(Array.from({ length: 64 }, (_, n) => store.append(track(i + n + 1))));
  }
  await store.flush();
  while ((store.stats().queues.recordsUnpublished ?? 0) > 0) await clock.sleep(10);
  const listener = new RecordListener({ link, clock, log: silentLog, wantHistory: true });
  measured.bootstrap.push(
    await perSecond(count, async () => {
      listener.open();
      while (listener.counts().received < count) await clock.sleep(10);
    }),
  );
  listener.close();
}

for (let i = 0; i < runs; i++) {
  if (only.includes('log')) await measureLog();
  if (only.includes('files')) await measureFiles();
  if (only.includes('wire')) await measureWire();
}
const rates = numbersOption('--rates', args.rates, 1);
const seconds = numberOption('--seconds', args.seconds, 1);
const late = numberOption('--bootstrap', args.bootstrap, 1);
const between = [
  ...(only.includes('replication') ? await measureReplication({ rates, seconds }) : []),
  ...(only.includes('bootstrap') ? await measureNewcomer(late) : []),
];

const oneByOne = summarise('append, one by one', 'records/s', measured.oneByOne);
const bursts = summarise('append, 64 at a time', 'records/s', measured.bursts);
const segmentBytes = summarise('bytes of a record in a segment', 'B', measured.segmentBytes);
const next = (
  name: string,
  unit: string,
  values: readonly number[],
  base: typeof bursts,
  baseValues: readonly number[],
) => withRatio(summarise(name, unit, values), values, base, baseValues);
const results = [
  oneByOne,
  next('plain JSON lines, one by one', 'records/s', measured.jsonOneByOne, oneByOne, measured.oneByOne),
  next('SQLite, one by one', 'records/s', measured.sqlOneByOne, oneByOne, measured.oneByOne),
  bursts,
  next('plain JSON lines, 64 and an fsync', 'records/s', measured.jsonGrouped, bursts, measured.bursts),
  next('SQLite, 64 in a transaction', 'records/s', measured.sqlGrouped, bursts, measured.bursts),
  segmentBytes,
  next('bytes of a record in plain JSON lines', 'B', measured.jsonBytes, segmentBytes, measured.segmentBytes),
  next('bytes of a record in SQLite', 'B', measured.sqlBytes, segmentBytes, measured.segmentBytes),
  summarise('bytes of a record in live, alone', 'B', measured.liveLone),
  summarise('bytes of a record in live, 32 together', 'B', measured.liveFull),
  summarise('append to listener, p50', 'ms', measured.p50),
  summarise('append to listener, p99', 'ms', measured.p99),
  summarise('an empty listener fills itself', 'records/s', measured.bootstrap),
  summarise('index made from the log', 'records/s', measured.inserts),
  summarise('newest 50 of a camera from the index', 'ms', measured.latest),
  summarise('copies of three logs, 32 lines at a time', 'records/s', measured.copyAppends),
  summarise('bytes of a record in copies, open ends included', 'B', measured.copyBytes),
  summarise('opening the copies', 'ms', measured.copyOpenMs),
  summarise('memory of the opened copies', 'MiB', measured.copyHeap),
  summarise('written for three copies at a record a second', 'MB/day', measured.cardMb),
  summarise('fsyncs for three copies at a record a second', 'fsyncs/day', measured.cardSyncs),
  ...between,
].filter((result) => result.runs > 0);
const settings = { only: args.only, records: count, copies, runs, rates: args.rates, seconds, bootstrap: late };
const packages = ['mqtt', 'aedes', 'nedb-promises', 'node-sqlite3-wasm'];
printReport(buildReport('records', settings, packages, results), args.json);
