import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock, SystemClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { IndexStore } from '../../../edge/records/index-store.js';
import { localDisk } from '../../../edge/records/record-disk.js';
import { buildDocument, RecordIndex } from '../../../edge/records/record-index.js';
import { DEFAULT_RECORD_LIMITS } from '../../../edge/records/record-limits.js';
import { RecordLog } from '../../../edge/records/record-log.js';
import { type IndexDocument, meetsQuery, RecordQuery } from '../../../edge/records/record-query.js';
import { scanSegments } from '../../../edge/records/segment-scan.js';
import { compiledUrl } from '../../compiled.js';
import { eventually } from '../../eventually.js';

const EPOCH = 'aaaaaaaaaaaa';

function makeDocuments(count: number): IndexDocument[] {
  return Array.from({ length: count }, (_, i) => ({
    _id: `${EPOCH}/${i + 1}`,
    e: EPOCH,
    s: i + 1,
    t: 1_000 + i * 10,
    k: i % 10 === 0 ? 'sensor' : 'track',
    c: i % 2 === 0 ? 'front' : 'back',
    l: i % 3 === 0 ? 'car' : 'person',
    text: '{}',
  }));
}

describe('RecordQuery', () => {
  it.each([
    [{ camera: { $ne: null } }],
    [{ 'constructor.prototype.x': 1 }],
    [{ $where: 'x' }],
    [{ label: 'x'.repeat(65) }],
    [{ limit: 1_000_000 }],
  ])('refuses %j before it comes near the database', (query) => {
    expect(RecordQuery.safeParse(query).success).toBe(false);
  });
});

describe('IndexStore', () => {
  it('answers as a plain search over the window does, for any query', async () => {
    const store = new IndexStore(1_000);
    await store.open();
    const documents = makeDocuments(400);
    await store.insert(documents);
    const query = fc.record(
      {
        camera: fc.constantFrom('front', 'back', 'none'),
        label: fc.constantFrom('car', 'person'),
        kind: fc.constantFrom('track', 'sensor'),
        fromMs: fc.nat(6_000),
        toMs: fc.nat(6_000),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(query, fc.integer({ min: 1, max: 50 }), async (conditions, limit) => {
        const asked = RecordQuery.parse({ ...conditions, limit });
        const expected = documents.filter((document) => meetsQuery(document, asked)).reverse();
        expect((await store.find(asked)).map(({ s }) => s)).toEqual(expected.slice(0, limit).map(({ s }) => s));
      }),
    );
  });

  it('takes what it has already, as when an insert is made again because its answer came too late', async () => {
    const store = new IndexStore(1_000);
    await store.open();
    const documents = makeDocuments(30);
    await store.insert(documents.slice(0, 20));
    await store.insert(documents.slice(10, 30));
    expect(store.size).toBe(30);
    expect((await store.find(RecordQuery.parse({ limit: 1_000 }))).length).toBe(30);
  });

  it('keeps the newest of the window, give or take an eighth', async () => {
    const store = new IndexStore(80);
    await store.open();
    const documents = makeDocuments(400);
    for (let i = 0; i < documents.length; i += 10) await store.insert(documents.slice(i, i + 10));
    expect(store.size).toBeLessThanOrEqual(90);
    const found = await store.find(RecordQuery.parse({ limit: 1000 }));
    expect(found).toHaveLength(store.size);
    expect(found[0]?.s).toBe(400);
    expect(store.sinceMs).toBe(found.at(-1)?.t);
  });
});

describe('RecordIndex', () => {
  let dir: string;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-index-'));
  });

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await rm(dir, { recursive: true, force: true });
  });

  async function openLog(onAppended: () => void = () => {}): Promise<RecordLog> {
    const records = new RecordLog({
      dir,
      node: 'cam1',
      disk: localDisk,
      clock: new SystemClock(),
      log: silentLog,
      limits: { ...DEFAULT_RECORD_LIMITS, retentionMs: Number.MAX_SAFE_INTEGER },
      opening: () => ({ sw: '0.1.0', model: null, labels: [], cameras: [] }),
      isClockSynchronised: () => true,
      onAppended,
      onSegmentClosed: () => {},
      onDisk: () => {},
      onExpired: () => {},
    });
    await records.open();
    closers.push(() => records.close());
    return records;
  }

  function openIndex(records: RecordLog, documentsMax = 1_000): RecordIndex {
    const workerUrl = compiledUrl('edge/records/index-worker');
    const index = new RecordIndex({ records, clock: new SystemClock(), log: silentLog, documentsMax, workerUrl });
    index.open();
    closers.push(() => index.close());
    return index;
  }

  const append = (records: RecordLog, count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => records.append({ k: 'sensor', n: i }, 1_000_000 + i * 1_000)));

  it('finds a record that was appended a moment ago', async () => {
    const records = await openLog(() => index.wake());
    const index = openIndex(records);
    await append(records, 5);
    const found = await index.find(RecordQuery.parse({ kind: 'sensor', limit: 2 }));
    expect(found.map(({ s }) => s)).toEqual([6, 5]);
  });

  it('is made anew from the segments at every start, over all epochs', async () => {
    const first = await openLog();
    await append(first, 300);
    await first.close();
    const second = await openLog();
    await append(second, 10);
    const index = openIndex(second);
    await eventually(() => index.size === 312, 'indexed');
    expect(await index.find(RecordQuery.parse({ kind: 'open' }))).toHaveLength(2);
  });

  it('begins with the window, not with the oldest record', async () => {
    const records = await openLog();
    await append(records, 500);
    const index = openIndex(records, 100);
    await eventually(() => index.size === 100, 'indexed');
    const found = await index.find(RecordQuery.parse({ limit: 1000 }));
    expect(found.map(({ s }) => s)).toEqual(Array.from({ length: 100 }, (_, i) => 501 - i));
  });

  it('leaves older records to the segments, which answer the same', async () => {
    const records = await openLog();
    await append(records, 600);
    await records.flush();
    const query = RecordQuery.parse({ kind: 'sensor', fromMs: 1_100_000, toMs: 1_103_000 });
    const { documents, isWhole } = await scanSegments(records, query, Number.POSITIVE_INFINITY);
    expect(documents.map(({ t }) => t)).toEqual([1_103_000, 1_102_000, 1_101_000, 1_100_000]);
    expect(isWhole).toBe(true);
  });

  it('is there while somebody asks: not before, and not a minute after', async () => {
    const records = await openLog();
    await append(records, 20);
    const clock = new SimulatedClock();
    const workerUrl = compiledUrl('edge/records/index-worker');
    const index = new RecordIndex({ records, clock, log: silentLog, documentsMax: 100, workerUrl });
    closers.push(() => index.close());
    index.wake();
    expect([index.size, index.backlog]).toEqual([0, 0]);
    const query = RecordQuery.parse({ kind: 'sensor', limit: 1 });
    expect(await index.find(query)).toMatchObject([{ s: 21 }]);
    await clock.advance(59_000);
    expect(index.size).toBe(21);
    await clock.advance(2_000);
    expect(index.size).toBe(0);
    await append(records, 1);
    expect(await index.find(query)).toMatchObject([{ s: 22 }]);
  });

  it('takes no field of a record for a field name of its own', () => {
    const text = '{"s":1,"t":5,"k":"x","constructor.prototype.x":1,"$set":{"a":1},"c":"front"}';
    expect(buildDocument(EPOCH, { s: 1, text })).toEqual([
      { _id: `${EPOCH}/1`, e: EPOCH, s: 1, t: 5, k: 'x', c: 'front', l: null, text },
    ]);
  });
});
