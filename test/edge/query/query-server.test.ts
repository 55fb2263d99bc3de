import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { answerDigest } from '../../../base/query/answer-digest.js';
import { Random } from '../../../base/random.js';
import { OwnLogReader } from '../../../edge/query/own-log-reader.js';
import { QueryServer, type QueryServerOptions } from '../../../edge/query/query-server.js';
import { localDisk } from '../../../edge/records/record-disk.js';
import { DEFAULT_RECORD_LIMITS } from '../../../edge/records/record-limits.js';
import { RecordLog } from '../../../edge/records/record-log.js';
import type { Answer, Cut, Query } from '../../../protocol/query.js';
import { routes } from '../../../protocol/routes.js';
import { compiledUrl } from '../../compiled.js';
import { eventually } from '../../eventually.js';
import { PlainBroker } from '../../plain-broker.js';

const clock = new SystemClock();
let dir: string;
let broker: PlainBroker;
let records: RecordLog;
let asker: Link;
let answers: Answer[];
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-query-'));
  closers.push(() => rm(dir, { recursive: true, force: true }));
  broker = await PlainBroker.open();
  closers.push(() => broker.close());
  records = await openLog();
  closers.push(() => records.close());
  asker = await openLink('operator');
  answers = [];
  asker.subscribe(routes.answer, { recipient: 'operator' }, ({ payload }) => void answers.push(payload));
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openLog(): Promise<RecordLog> {
  const log = new RecordLog({
    dir,
    node: 'cam1',
    disk: localDisk,
    clock,
    log: silentLog,
    limits: { ...DEFAULT_RECORD_LIMITS, retentionMs: Number.MAX_SAFE_INTEGER },
    opening: () => ({ sw: '0.1.0', model: null, labels: [], cameras: [] }),
    isClockSynchronised: () => true,
    onAppended: () => {},
    onSegmentClosed: () => {},
    onDisk: () => {},
    onExpired: () => {},
  });
  await log.open();
  return log;
}

async function openLink(clientId: string): Promise<Link> {
  const link = new Link({ url: broker.url, clientId, root: 'vedette', clock, random: new Random(1), log: silentLog });
  link.open();
  closers.push(() => link.close());
  await new Promise<void>((resolve) => void link.onUp(resolve));
  return link;
}

async function serve(options: Partial<QueryServerOptions> = {}): Promise<QueryServer> {
  const server = new QueryServer({
    link: await openLink('cam1'),
    node: 'cam1',
    reader: new OwnLogReader(records, 'cam1', clock),
    state: () => 'active',
    clock,
    log: silentLog,
    workerUrl: compiledUrl('edge/query/scan-worker'),
    ...options,
  });
  server.open();
  closers.push(() => server.close());
  await clock.sleep(50);
  return server;
}

/** Records a second apart from 1,000,000 on, behind the record that opens the epoch. */
function append(count: number, begin = 0) {
  const one = (i: number) => {
    const body = { k: 'track', c: 'front', ev: 'new', id: i + 1, l: i % 4 === 0 ? 'car' : 'person', p: i % 1000 };
    return records.append({ ...body, b: [0, 0, 10, 10] }, 1_000_000 + i * 1_000);
  };
  return Promise.all(Array.from({ length: count }, (_, i) => one(begin + i)));
}

function cutAt(seq: number): Cut {
  return [['cam1', records.liveEpoch ?? '', seq]];
}

async function ask(q: Query['q'], more: Partial<Query> = {}): Promise<Answer[]> {
  const id = `q${Math.random()}`;
  const query = { v: 0, id, q, cut: cutAt(records.publishableSeq(records.liveEpoch ?? '')), waitMs: 0, ...more };
  await asker.publish(routes.query, { recipient: 'cam1', sender: 'operator' }, { want: 'full', ...query });
  const mine = () => answers.filter((answer) => answer.id === id).sort((a, b) => a.part - b.part);
  await eventually(() => mine().length > 0 && mine().length === mine()[0]?.parts, 'an answer');
  return mine();
}

function contentOf(shape: 'count' | 'list' | 'histogram', parts: readonly Answer[]) {
  const rows = parts.flatMap((part) => part.rows ?? []);
  return { shape, count: parts[0]?.count ?? 0, rows, bars: parts.flatMap((part) => part.buckets ?? []), again: 0 };
}

describe('QueryServer', () => {
  it('counts, lists and draws what closed segments and the open one hold, with a digest of what it sent', async () => {
    await append(1_000);
    await records.flush();
    await serve();
    const [count] = await ask({ shape: 'count', filter: { label: 'car' } });
    expect(count).toMatchObject({ ok: true, count: 250, missing: [] });
    const list = await ask({ shape: 'list', filter: { kind: 'track' }, limit: 700 });
    expect(list.length).toBeGreaterThan(1);
    const rows = list.flatMap((part) => part.rows ?? []);
    expect(rows.map(({ r }) => r.s)).toEqual(Array.from({ length: 700 }, (_, i) => 1_001 - i));
    expect(list[0]?.digest).toBe(answerDigest(contentOf('list', list)));
    const histogram = await ask({ shape: 'histogram', filter: { kind: 'track' }, bucketMs: 600_000 });
    expect(histogram[0]?.buckets).toEqual([
      [600_000, 200],
      [1_200_000, 600],
      [1_800_000, 200],
    ]);
    expect(histogram[0]?.digest).toBe(answerDigest(contentOf('histogram', histogram)));
  });

  it('tells how many of those counted tell what another log tells, whatever the shape', async () => {
    // The same event of the same frame: one log has it twice, as the frame shows two dogs.
    const dog = { k: 'track', c: 'yard', ev: 'new', id: 1, l: 'dog', p: 900, b: [0, 0, 1, 1], src: 1 };
    const told = { ...dog, j: '0123456789abcdef' };
    await Promise.all([records.append(told), records.append(told)]);
    const first = records.liveEpoch ?? '';
    await records.close();
    records = await openLog();
    closers.push(() => records.close());
    await records.append(told);
    await serve();
    const second = records.liveEpoch ?? '';
    for (const shape of ['count', 'list', 'histogram']) {
      const q = { shape, filter: { camera: 'yard' } };
      const [both] = await ask(q, {
        cut: [
          ['cam1', first, 3],
          ['cam1', second, 2],
        ],
      });
      expect(both).toMatchObject({ ok: true, count: 3, again: 1 });
      const [alone] = await ask(q, { cut: [['cam1', first, 3]] });
      expect(alone).toMatchObject({ ok: true, count: 2 });
      expect(alone).not.toHaveProperty('again');
    }
  });

  it('answers on exactly the prefix at the cut, however much newer its own log is', async () => {
    await append(600);
    await serve();
    const [early] = await ask({ shape: 'count' }, { cut: cutAt(300) });
    await append(100, 600);
    const [late] = await ask({ shape: 'count' }, { cut: cutAt(300) });
    expect(early).toMatchObject({ count: 300, missing: [] });
    expect(late).toMatchObject({ count: 300, digest: early?.digest });
    const [above] = await ask({ shape: 'count' }, { cut: cutAt(300), floor: cutAt(201) });
    expect(above?.count).toBe(100);
  });

  it('gives the digest alone where the digest is wanted', async () => {
    await append(20);
    await serve();
    const full = await ask({ shape: 'list' });
    const [digest] = await ask({ shape: 'list' }, { want: 'digest' });
    expect(digest?.rows).toBeUndefined();
    expect(digest).toMatchObject({ digest: full[0]?.digest, count: 21, parts: 1 });
  });

  it('names what it lacks of the cut, and logs the cut does not name', async () => {
    await append(10);
    const epoch = records.liveEpoch ?? '';
    await serve();
    const [answer] = await ask({ shape: 'count' }, { cut: [...cutAt(15), ['cam2', 'zzzzzzzzzzzz', 3]] });
    expect(answer?.count).toBe(11);
    expect(answer?.missing).toEqual([
      { n: 'cam1', e: epoch, from: 12, to: 15, why: 'behind' },
      { n: 'cam2', e: 'zzzzzzzzzzzz', from: 1, to: 3, why: 'unknown' },
    ]);
    const [blind] = await ask({ shape: 'count' }, { cut: [] });
    expect(blind).toMatchObject({ count: 0, also: [['cam1', epoch, 1, 11]] });
  });

  it('waits for what is under way', async () => {
    await append(10);
    const server = await serve();
    const asking = ask({ shape: 'count' }, { cut: cutAt(16), waitMs: 2_000 });
    await clock.sleep(100);
    await append(5, 10);
    expect((await asking)[0]).toMatchObject({ count: 16, missing: [] });
    expect(server.counters().caughtUp).toBe(1);
  });

  it.each([
    [{ shape: 'pie' }, 'shape'],
    [{ shape: 'count', filter: { camera: { $ne: null } } }, 'filter.camera'],
    [{ shape: 'count', filter: { colour: 'red' } }, 'colour'],
    [{ shape: 'list', limit: 10_001 }, 'limit'],
    [{ shape: 'histogram', bucketMs: 1 }, 'bucketMs'],
    [{ shape: 'count', filter: { fromMs: 10, toMs: 5 } }, 'later than'],
  ])('answers %j by saying what is wrong with it', async (q, word) => {
    await append(1);
    const server = await serve();
    const [answer] = await ask(q);
    expect(answer).toMatchObject({ ok: false, code: 'bad-query' });
    expect(answer?.message).toContain(word);
    expect(server.counters().bad).toBe(1);
  });

  it.each(['syncing', 'overloaded', 'quarantined'] as const)('refuses while it is %s', async (state) => {
    await append(1);
    const server = await serve({ state: () => state });
    expect((await ask({ shape: 'count' }))[0]).toMatchObject({ ok: false, code: state });
    expect(server.counters()).toMatchObject({ refused: 1, answered: 0 });
  });

  it('refuses when the cut shows it that it lacks much more than it knew', async () => {
    await append(1);
    let state: 'active' | 'syncing' = 'active';
    await serve({ state: () => state });
    const asking = ask({ shape: 'count' }, { cut: cutAt(1_000), waitMs: 500 });
    await clock.sleep(100);
    state = 'syncing';
    expect((await asking)[0]).toMatchObject({ ok: false, code: 'syncing' });
  });

  it('finds that out also for who does not wait', async () => {
    await append(1);
    let state: 'active' | 'syncing' = 'active';
    const reader = new OwnLogReader(records, 'cam1', clock);
    const catchUp = async () => {
      state = 'syncing';
    };
    await serve({ state: () => state, reader: Object.assign(reader, { catchUp }) });
    expect((await ask({ shape: 'count' }))[0]?.ok).toBe(true);
    expect((await ask({ shape: 'count' }, { cut: cutAt(1_000) }))[0]).toMatchObject({ ok: false, code: 'syncing' });
  });

  it('refuses as overloaded what is beyond its queue, and answers the rest', async () => {
    await append(10);
    const server = await serve({ limits: { waitingPerAsker: 2 } });
    const waiting = { cut: cutAt(1_000), waitMs: 400 };
    const all = await Promise.all([1, 2, 3].map(() => ask({ shape: 'count' }, waiting)));
    expect(all.map(([answer]) => answer?.code ?? 'answered').sort()).toEqual(['answered', 'answered', 'overloaded']);
    await eventually(() => server.waiting === 0, 'nothing waits');
    expect((await ask({ shape: 'count' }))[0]?.ok).toBe(true);
  });

  it('never counts a rotten segment: it says what it lacks, and the segment is put aside', async () => {
    await append(700);
    await records.flush();
    const folder = join(dir, (await readdir(dir)).find((name) => name.includes('-')) ?? '');
    const path = join(folder, '00000001.jsonl.gz');
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
    await writeFile(path, bytes);
    await serve();
    const [answer] = await ask({ shape: 'count' });
    const lacked = answer?.missing.map(({ from, to, why }) => ({ n: to - from + 1, why })) ?? [];
    expect(lacked).toEqual([{ n: 701 - (answer?.count ?? 0), why: 'behind' }]);
    await eventually(async () => (await readdir(folder)).includes('00000001.jsonl.gz.rot'), 'put aside');
  });

  describe('asked to read its files again', () => {
    async function rot(n: number): Promise<string> {
      const folder = join(dir, (await readdir(dir)).find((name) => name.includes('-')) ?? '');
      const path = join(folder, `0000000${n}.jsonl.gz`);
      const bytes = await readFile(path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
      await writeFile(path, bytes);
      return `${path}.rot`;
    }

    it('says how many it read, and others are asked what they hold of these logs', async () => {
      await append(700);
      await records.flush();
      const doubts: Cut[] = [];
      const reader = new OwnLogReader(records, 'cam1', clock);
      reader.noteDoubt = (cut?: Cut) => void doubts.push(cut ?? []);
      const server = await serve({ reader });
      const [plain] = await ask({ shape: 'count' });
      const [checked] = await ask({ shape: 'count' }, { verify: true });
      expect(plain?.checked).toBeUndefined();
      expect(checked).toMatchObject({ ...plain, id: checked?.id, tookMs: checked?.tookMs });
      expect(checked?.checked).toEqual({ segments: 2, rotten: 0, mended: 0 });
      expect(server.counters()).toMatchObject({ verified: 1, segmentsRead: 4 });
      expect(doubts).toEqual([cutAt(701)]);
    });

    it('finds what rotted since it read it last, which an answer from memory does not', async () => {
      await append(700);
      await records.flush();
      await serve();
      const [before] = await ask({ shape: 'count' });
      const aside = await rot(1);
      expect((await ask({ shape: 'count' }))[0]).toMatchObject({ count: 701, digest: before?.digest, missing: [] });
      const [checked] = await ask({ shape: 'count' }, { verify: true });
      expect(checked?.checked).toEqual({ segments: 2, rotten: 1, mended: 0 });
      expect(checked?.missing.map(({ why }) => why)).toEqual(['behind']);
      expect(existsSync(aside)).toBe(true);
    });

    it('does not let that take all its time: it says then that it did not look', async () => {
      await append(700);
      await records.flush();
      const server = await serve();
      const both = await Promise.all([1, 2].map(() => ask({ shape: 'count' }, { verify: true })));
      expect(both.map(([answer]) => answer?.checked !== undefined).sort()).toEqual([false, true]);
      expect(both.map(([answer]) => answer?.count)).toEqual([701, 701]);
      expect(server.counters()).toMatchObject({ verified: 1, verifyDelayed: 1 });
    });
  });
});
