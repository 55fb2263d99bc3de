import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import type { DiskState } from '../../../edge/records/disk-trouble.js';
import { readOpenLines } from '../../../edge/records/epoch-folder.js';
import { DEFAULT_RECORD_LIMITS } from '../../../edge/records/record-limits.js';
import { RecordLog, type RecordLogOptions } from '../../../edge/records/record-log.js';
import { openSegment, sealSegment, segmentHash } from '../../../edge/records/segment.js';
import { parseJson } from '../../../protocol/codec.js';
import { LogRecord } from '../../../protocol/record.js';
import { FlakyDisk } from './flaky-disk.js';

const track = (id: number) => ({
  k: 'track',
  c: 'front',
  ev: 'new',
  id,
  l: 'person',
  p: 870,
  b: [120, 221, 310, 780],
});

describe('RecordLog', () => {
  let dir: string;
  let clock: SimulatedClock;
  let disk: FlakyDisk;
  let diskStates: DiskState[];
  let expired: number;
  let isClockSynchronised: boolean;
  const logs: RecordLog[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-log-'));
    clock = new SimulatedClock();
    disk = new FlakyDisk();
    diskStates = [];
    expired = 0;
    isClockSynchronised = true;
  });

  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function openLog(options: Partial<RecordLogOptions> = {}): Promise<RecordLog> {
    const log = new RecordLog({
      dir,
      node: 'cam1',
      disk,
      clock,
      log: silentLog,
      opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
      isClockSynchronised: () => isClockSynchronised,
      onAppended: () => {},
      onSegmentClosed: () => {},
      onDisk: (state) => diskStates.push(state),
      onExpired: (_epoch, first, last) => {
        expired += last - first + 1;
      },
      ...options,
      limits: { ...DEFAULT_RECORD_LIMITS, ...options.limits },
    });
    logs.push(log);
    await log.open();
    return log;
  }

  async function appendMany(log: RecordLog, count: number): Promise<LogRecord[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => log.append(track(i + 1))));
  }

  async function epochFolders(): Promise<string[]> {
    const names = await readdir(dir);
    return names
      .filter((name) => /^\d{6}-/.test(name))
      .sort()
      .map((name) => join(dir, name));
  }

  async function readAll(log: RecordLog, epoch: string): Promise<LogRecord[]> {
    const lines = await log.read(epoch, 1, 1_000_000);
    return lines.map(({ s, text }) => {
      const record = LogRecord.parse(parseJson(text));
      expect(record.s).toBe(s);
      return record;
    });
  }

  it('numbers records from 1 without gaps, the first being the open record', async () => {
    const log = await openLog();
    await appendMany(log, 3);
    const records = await readAll(log, log.liveEpoch ?? '');
    expect(records.map(({ s, k }) => `${s} ${k}`)).toEqual(['1 open', '2 track', '3 track', '4 track']);
    expect(records[0]).toMatchObject({ prev: null, sw: '0.1.0', labels: ['person'], cameras: ['front'] });
  });

  it('goes on behind a last segment that is rotten, under the next number, and says so', async () => {
    let rot = 0;
    const log = await openLog({ onRot: () => rot++ });
    await appendMany(log, 300);
    await log.flush();
    const epoch = log.liveEpoch ?? '';
    const [closed] = log.segmentsOf(epoch);
    const [folder = ''] = await epochFolders();
    const path = join(folder, '00000000.jsonl.gz');
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(await log.readSegment(epoch, 0)).toBeUndefined();
    expect(rot).toBe(1);
    expect(log.extents()[0]).toMatchObject({ segments: 1, hash: closed?.hash });
    await appendMany(log, 300);
    await log.flush();
    expect(log.segmentsOf(epoch)).toMatchObject([{ n: 1, prev: closed?.hash }]);
  });

  it('goes on behind a last segment that is rotten in later lives too: its number and its hash are not given again', async () => {
    const first = await openLog();
    await appendMany(first, 300);
    await first.flush();
    const epoch = first.liveEpoch ?? '';
    const [closed] = first.segmentsOf(epoch);
    const [folder = ''] = await epochFolders();
    const rotten = async (log: RecordLog, n: number) => {
      await truncate(join(folder, `0000000${n}.jsonl.gz`), 100);
      expect(await log.readSegment(epoch, n)).toBeUndefined();
      await log.close();
    };
    await rotten(first, 0);
    const second = await openLog();
    const [next] = second.segmentsOf(epoch);
    expect(next).toMatchObject({ n: 1, prev: closed?.hash });
    await rotten(second, 1);
    for (let life = 3; life < 5; life++) {
      const log = await openLog();
      expect(log.extents()[0]).toMatchObject({ epoch, segments: 2, hash: next?.hash, seq: 301, tail: { seg: 1 } });
      expect(log.counters()).toMatchObject({ rottenFiles: 0 });
      await log.close();
    }
  });

  it('has a record in its file before the append resolves', async () => {
    const log = await openLog();
    await log.append(track(1));
    const [folder = ''] = await epochFolders();
    const text = await readFile(join(folder, '00000000.jsonl'), 'utf8');
    expect(text.split('\n')).toHaveLength(3);
  });

  it('makes no epoch before the first append', async () => {
    const log = await openLog();
    await log.close();
    expect(await epochFolders()).toEqual([]);
  });

  it('begins another epoch at every start and names the one before with its length', async () => {
    const first = await openLog();
    await appendMany(first, 9);
    const firstEpoch = first.liveEpoch;
    await first.close();
    const second = await openLog();
    await second.append(track(1));
    expect(second.liveEpoch).not.toBe(firstEpoch);
    const [open] = await readAll(second, second.liveEpoch ?? '');
    expect(open).toMatchObject({ prev: { e: firstEpoch, s: 10 }, inst: second.instance });
    expect(await readAll(second, firstEpoch ?? '')).toHaveLength(10);
  });

  it('keeps t monotone while the wall clock falls back a little, and begins an epoch when it falls far', async () => {
    const log = await openLog();
    const before = await log.append(track(1));
    clock.jumpWall(-10_000);
    expect((await log.append(track(2))).t).toBe(before.t);
    const epoch = log.liveEpoch;
    clock.jumpWall(-3_600_000);
    const after = await log.append(track(3));
    expect(after.t).toBeLessThan(before.t);
    expect(after.s).toBe(2);
    expect(log.liveEpoch).not.toBe(epoch);
    expect(await readAll(log, epoch ?? '')).toHaveLength(3);
  });

  it('marks records while the clock is not synchronised', async () => {
    isClockSynchronised = false;
    const log = await openLog();
    expect(await log.append(track(1))).toMatchObject({ u: 1 });
    isClockSynchronised = true;
    expect(await log.append(track(1))).not.toHaveProperty('u');
  });

  it('refuses a malformed record and goes on with the next seq unharmed', async () => {
    const log = await openLog();
    await log.append(track(1));
    expect(() => log.append({ k: 'track', c: 'NOT AN ID' })).toThrow(
      expect.objectContaining({ code: 'record-invalid' }),
    );
    expect((await log.append(track(2))).s).toBe(3);
  });

  it('closes segments at 256 records, chained by hash, readable by any gzip', async () => {
    const log = await openLog();
    await appendMany(log, 600);
    await log.flush();
    const [folder = ''] = await epochFolders();
    const names = (await readdir(folder)).filter((name) => name.endsWith('.gz')).sort();
    expect(names).toEqual(['00000000.jsonl.gz', '00000001.jsonl.gz']);
    const opened = await Promise.all(names.map(async (name) => openSegment(await readFile(join(folder, name)))));
    expect(opened[0]?.header).toMatchObject({ n: 'cam1', seg: 0, first: 1, prev: '' });
    expect(opened[1]?.header.prev).toBe(opened[0]?.hash);
    expect(opened[1]?.header.first).toBe(1 + (opened[0]?.header.count ?? 0));
    const text = gunzipSync(await readFile(join(folder, names[0] ?? ''))).toString();
    expect(text.split('\n')[1]).toContain('"k":"open"');
    expect(await readAll(log, log.liveEpoch ?? '')).toHaveLength(601);
  });

  it('loses nothing when it is killed while full segments are being closed', async () => {
    const log = await openLog();
    logs.length = 0;
    await log.append(track(1));
    disk.replaceHangs = true;
    for (let i = 0; i < 6; i++) await appendMany(log, 100);
    const epoch = log.liveEpoch ?? '';
    expect(await readAll(log, epoch)).toHaveLength(602);
    const [folder = ''] = await epochFolders();
    expect((await readdir(folder)).filter((name) => name.endsWith('.jsonl')).length).toBeGreaterThan(1);
    disk = new FlakyDisk();
    const again = await openLog();
    expect((await readAll(again, epoch)).map(({ s }) => s)).toEqual(Array.from({ length: 602 }, (_, i) => i + 1));
    expect(again.counters()).toMatchObject({ rottenFiles: 0 });
  });

  it('goes on when a segment fills up while many records wait for an fsync', async () => {
    const log = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, fsyncRecords: 64 } });
    await appendMany(log, 200);
    for (let i = 0; i < 20; i++) await appendMany(log, 64);
    await log.flush();
    expect(log.extents()[0]).toMatchObject({ seq: 1 + 200 + 20 * 64 });
  });

  it('closes a segment after fifteen minutes', async () => {
    let closed = 0;
    const log = await openLog({ onSegmentClosed: () => closed++ });
    await log.append(track(1));
    await clock.advance(14 * 60_000);
    expect(closed).toBe(0);
    await clock.advance(3 * 60_000);
    await log.flush();
    expect(closed).toBe(1);
  });

  it('reports as durable only what was fsynced', async () => {
    const log = await openLog();
    await log.append(track(1));
    expect(log.extents()[0]).toMatchObject({ isLive: true, seq: 0 });
    await clock.advance(DEFAULT_RECORD_LIMITS.fsyncMs);
    await log.flush();
    expect(log.extents()[0]).toMatchObject({ isLive: true, seq: 2 });
  });

  it('cuts a torn tail, and only that', async () => {
    const log = await openLog();
    await appendMany(log, 9);
    const epoch = log.liveEpoch ?? '';
    await log.close();
    const [folder = ''] = await epochFolders();
    await appendFile(join(folder, '00000000.jsonl'), '{"s":11,"t":17890000');
    const again = await openLog();
    expect(again.counters()).toMatchObject({ rottenFiles: 0 });
    expect(await readAll(again, epoch)).toHaveLength(10);
  });

  it('opens a log of one record whose only line is torn', async () => {
    const log = await openLog();
    await log.append(track(1));
    const epoch = log.liveEpoch ?? '';
    await log.close();
    const [folder = ''] = await epochFolders();
    await truncate(join(folder, '00000000.jsonl'), 20);
    const again = await openLog();
    expect(await readAll(again, epoch)).toEqual([]);
    expect((await again.append(track(1))).s).toBe(2);
  });

  it('puts a damaged open segment aside, keeps what is whole, and says what is missing', async () => {
    const log = await openLog();
    await appendMany(log, 9);
    const epoch = log.liveEpoch ?? '';
    await log.close();
    const [folder = ''] = await epochFolders();
    const path = join(folder, '00000000.jsonl');
    const lines = (await readFile(path, 'utf8')).split('\n');
    lines[4] = `#${lines[4]?.slice(1)}`;
    await writeFile(path, lines.join('\n'));
    const again = await openLog();
    expect(again.counters()).toMatchObject({ rottenFiles: 1, rottenRecords: 1 });
    expect((await readAll(again, epoch)).map(({ s }) => s)).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10]);
    expect(await readdir(folder)).toContain('00000000.jsonl.rot');
  });

  it.each([
    [
      'a flipped bit',
      async (path: string) => {
        const bytes = await readFile(path);
        bytes[200] = (bytes[200] ?? 0) ^ 1;
        await writeFile(path, bytes);
      },
    ],
    ['no bytes', (path: string) => truncate(path, 0)],
    [
      'another segment in its place',
      async (path: string) => {
        const header = { v: 1, n: 'cam1', e: 'a'.repeat(12), seg: 0, first: 1, count: 1, t0: 1, t1: 1, prev: '' };
        await writeFile(path, (await sealSegment(header, ['{"s":1,"t":1,"k":"x"}'])).gz);
      },
    ],
  ])('notices a closed segment with %s, puts it aside and goes on', async (_what, harm) => {
    const log = await openLog();
    await appendMany(log, 600);
    const epoch = log.liveEpoch ?? '';
    await log.close();
    const [folder = ''] = await epochFolders();
    await harm(join(folder, '00000001.jsonl.gz'));
    const again = await openLog();
    const rotten = await openSegment(await readFile(join(folder, '00000000.jsonl.gz')));
    const records = await readAll(again, epoch);
    expect(records[0]?.s).toBe(1);
    expect(records.length).toBeLessThan(601);
    expect(records.slice(0, rotten.header.count).map(({ s }) => s)).toEqual(rotten.lines.map((_, i) => i + 1));
    expect(records.at(-1)?.s).toBe(601);
    expect(again.counters()).toMatchObject({ rottenFiles: 1 });
    expect(await readdir(folder)).toContain('00000001.jsonl.gz.rot');
  });

  it('makes its index anew when that is lost or wrong', async () => {
    const log = await openLog();
    await appendMany(log, 600);
    const epoch = log.liveEpoch ?? '';
    await log.close();
    const [folder = ''] = await epochFolders();
    const index = join(folder, 'index.jsonl');
    await writeFile(index, 'garbage\n{"n":7}\n');
    const again = await openLog();
    expect(await readAll(again, epoch)).toHaveLength(601);
    await again.close();
    await rm(index);
    const third = await openLog();
    expect(await readAll(third, epoch)).toHaveLength(601);
  });

  it('expires whole segments by size, oldest first, and never lowers first', async () => {
    const limits = { ...DEFAULT_RECORD_LIMITS, retentionBytes: 8_000 };
    const log = await openLog({ limits });
    for (let i = 0; i < 10; i++) await appendMany(log, 256);
    await log.flush();
    const epoch = log.liveEpoch ?? '';
    const extent = log.extents()[0];
    expect(log.bytes).toBeLessThanOrEqual(8_000);
    expect(extent?.first).toBe(expired + 1);
    expect((await readAll(log, epoch))[0]?.s).toBe(extent?.first);
    await log.close();
    const again = await openLog({ limits });
    expect(again.extents()[0]?.first).toBeGreaterThanOrEqual(extent?.first ?? 0);
  });

  it('expires by age, but not by a clock that was never set', async () => {
    const log = await openLog();
    await appendMany(log, 300);
    await log.flush();
    isClockSynchronised = false;
    clock.jumpWall(40 * 86_400_000);
    await clock.advance(60_000);
    await log.flush();
    expect(expired).toBe(0);
    isClockSynchronised = true;
    await clock.advance(60_000);
    await log.flush();
    expect(expired).toBeGreaterThan(0);
  });

  it('expires by count', async () => {
    const log = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, retentionRecords: 600 } });
    for (let i = 0; i < 5; i++) await appendMany(log, 256);
    await log.flush();
    expect(expired).toBe(768);
    expect(log.extents()[0]?.first).toBe(769);
  });

  it('gives up what others know that it had given up, in whole segments of an epoch that is over', async () => {
    const before = await openLog();
    for (let i = 0; i < 3; i++) await appendMany(before, 256);
    await before.closeSegment();
    const [over] = before.extents();
    await before.giveUp(over?.epoch ?? '', 600);
    expect(before.extents()[0]?.first).toBe(1);
    await before.close();
    const log = await openLog();
    await log.giveUp(over?.epoch ?? '', 600);
    expect(log.extents()[0]).toMatchObject({ epoch: over?.epoch, first: 513, seq: over?.seq });
    expect(expired).toBe(512);
    await log.giveUp('zzzzzzzzzzzz', 600);
    await log.close();
    expect((await openLog()).extents()[0]?.first).toBe(513);
  });

  it('keeps a segment as long as the longest wanted kind in it, and all behind it', async () => {
    const dayMs = 86_400_000;
    const retentionMsByKind = { track: dayMs, note: 5 * dayMs };
    const log = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, retentionMs: dayMs, retentionMsByKind } });
    await appendMany(log, 300);
    await log.append({ k: 'note', why: 'battery' });
    await appendMany(log, 600);
    await log.flush();
    const afterDays = async (days: number) => {
      clock.jumpWall(days * dayMs);
      await clock.advance(60_000);
      await log.flush();
      return log.extents()[0]?.first;
    };
    // The note is record 302, in the second segment of 256.
    expect(await afterDays(2)).toBe(257);
    expect(await afterDays(2)).toBe(257);
    expect(await afterDays(2)).toBeGreaterThan(768);
  });

  it('gives up a segment with a wanted kind when there are too many bytes', async () => {
    const limits = { ...DEFAULT_RECORD_LIMITS, retentionBytes: 8_000, retentionMsByKind: { track: 3650 * 86_400_000 } };
    const log = await openLog({ limits });
    for (let i = 0; i < 10; i++) await appendMany(log, 256);
    await log.flush();
    expect(log.bytes).toBeLessThanOrEqual(8_000);
    expect(expired).toBeGreaterThan(0);
  });

  it('names its last segment by a header that hashes, with its records, to the hash of the log', async () => {
    const log = await openLog();
    await appendMany(log, 600);
    await log.flush();
    const { epoch = '', tail, hash } = log.extents()[0] ?? {};
    if (tail === undefined) throw new Error('no tail');
    expect(tail).toMatchObject({ n: 'cam1', e: epoch, seg: 1 });
    const lines = await log.read(epoch, tail.first, tail.count);
    const texts = lines.map(({ text }) => text);
    expect(segmentHash(JSON.stringify(tail), texts)).toBe(hash);
    await log.close();
    const again = await openLog();
    expect(again.extents()[0]?.tail).toMatchObject({ seg: 2, prev: hash });
  });

  it('goes on numbering and chaining when every closed segment has expired', async () => {
    const log = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, retentionBytes: 0 } });
    await appendMany(log, 600);
    await log.flush();
    const before = log.extents()[0];
    expect(before).toMatchObject({ segments: 2, tail: undefined });
    await appendMany(log, 256);
    await log.flush();
    expect(log.extents()[0]).toMatchObject({ segments: 3 });
    expect(log.extents()[0]?.hash).not.toBe(before?.hash);
    expect(before?.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('forgets an epoch whose last segment expired', async () => {
    const first = await openLog();
    await first.append(track(1));
    await first.close();
    clock.jumpWall(40 * 86_400_000);
    const second = await openLog();
    expect(second.extents()).toEqual([]);
    expect(await epochFolders()).toEqual([]);
  });

  describe('on a failing disk', () => {
    it('goes on from memory when the disk is full, and loses nothing when it has room again in time', async () => {
      const log = await openLog();
      await appendMany(log, 10);
      const epoch = log.liveEpoch ?? '';
      disk.bytesLeft = 250;
      await appendMany(log, 20);
      expect(diskStates).toEqual([{ ok: false, reason: 'ENOSPC' }]);
      expect(log.publishableSeq(epoch)).toBe(31);
      expect(await readAll(log, epoch)).toHaveLength(31);
      disk.bytesLeft = undefined;
      await clock.advance(DEFAULT_RECORD_LIMITS.diskRetryMs + 1);
      await log.flush();
      expect(diskStates.at(-1)).toEqual({ ok: true });
      expect(log.unwritten).toBe(0);
      await log.close();
      const again = await openLog();
      expect((await readAll(again, epoch)).map(({ s }) => s)).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    });

    it('writes the open segment anew when an fsync failed', async () => {
      const log = await openLog();
      await appendMany(log, 10);
      disk.syncFails = true;
      await clock.advance(DEFAULT_RECORD_LIMITS.fsyncMs + 1);
      await log.append(track(99));
      expect(log.diskState).toEqual({ ok: false, reason: 'EIO' });
      disk.syncFails = false;
      await clock.advance(DEFAULT_RECORD_LIMITS.diskRetryMs + 1);
      await log.flush();
      expect(log.diskState).toEqual({ ok: true });
      expect(log.extents()[0]?.seq).toBe(12);
    });

    it('tells a loss in a new epoch when memory did not suffice', async () => {
      const log = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, memoryRecordsMax: 5 } });
      await appendMany(log, 10);
      const epoch = log.liveEpoch ?? '';
      disk.bytesLeft = 0;
      for (let i = 0; i < 12; i++) await log.append(track(i + 1));
      disk.bytesLeft = undefined;
      await clock.advance(DEFAULT_RECORD_LIMITS.diskRetryMs + 1);
      await log.flush();
      await log.append(track(1));
      expect(log.liveEpoch).not.toBe(epoch);
      const records = await readAll(log, log.liveEpoch ?? '');
      const kept = await readAll(log, epoch);
      expect(records[0]).toMatchObject({ k: 'open', prev: { e: epoch, s: kept.length } });
      expect(records[1]).toMatchObject({ k: 'loss', why: 'disk-full', e: epoch, n: 23 - kept.length });
    });

    it.each([
      ['rewriting the open segment', 1, 'is told of the loss'],
      ['writing what waited', 2, 'loses nothing that was being written'],
    ] as const)('goes on when memory runs over while a slow disk is %s', async (_, nthWrite, outcome) => {
      const log = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, memoryRecordsMax: 5 } });
      await appendMany(log, 3);
      const epoch = log.liveEpoch ?? '';
      disk.bytesLeft = 0;
      await appendMany(log, 4);
      disk.bytesLeft = undefined;
      let writes = 0;
      let goOn = () => {};
      const isWriting = new Promise<void>((begun) => {
        disk.beforeWrite = async () => {
          if (++writes !== nthWrite) return;
          begun();
          await new Promise<void>((resolve) => {
            goOn = resolve;
          });
        };
      });
      await clock.advance(DEFAULT_RECORD_LIMITS.diskRetryMs + 1);
      await isWriting;
      await appendMany(log, 3);
      goOn();
      await log.flush();
      const record = await log.append(track(99));
      expect(log.diskState).toEqual({ ok: true });
      expect(log.unwritten).toBe(0);
      const records = await readAll(log, log.liveEpoch ?? '');
      expect(records.at(-1)).toEqual(record);
      const kept = await readAll(log, epoch);
      expect(kept.map(({ s }) => s)).toEqual(kept.map((_record, i) => i + 1));
      if (outcome === 'is told of the loss') {
        expect(records[1]).toMatchObject({ k: 'loss', e: epoch, n: 11 - kept.length });
      } else expect(kept).toHaveLength(12);
    });

    it('tells what it could not write of an epoch that a set-back clock ended', async () => {
      const log = await openLog();
      await appendMany(log, 3);
      const ended = log.liveEpoch ?? '';
      disk.bytesLeft = 0;
      await appendMany(log, 4);
      clock.jumpWall(-DEFAULT_RECORD_LIMITS.clockStepMs * 2);
      await log.append(track(1));
      await log.flush();
      disk.bytesLeft = undefined;
      await clock.advance(DEFAULT_RECORD_LIMITS.diskRetryMs + 1);
      await log.append(track(2));
      expect(log.counters().recordsLost).toBe(4);
      expect(await readAll(log, log.liveEpoch ?? '')).toContainEqual(
        expect.objectContaining({ k: 'loss', why: 'disk-full', n: 4, e: ended }),
      );
      await log.close();
      const again = await openLog();
      expect(await readAll(again, ended)).toHaveLength(4);
    });

    /** From now on the disk neither does what it is asked to nor refuses, until the returned function is called. */
    function stallDisk(): () => void {
      let goOn = () => {};
      const answer = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      disk.beforeWrite = () => answer;
      return () => {
        disk.beforeWrite = async () => {};
        goOn();
      };
    }

    const stalling = { memoryRecordsMax: 50, burstRecordsMax: 200 };

    it('counts a write that never ends as trouble, and keeps no more in memory than its limit', async () => {
      const log = await openLog({ diskClock: clock, limits: { ...DEFAULT_RECORD_LIMITS, ...stalling } });
      await appendMany(log, 10);
      const epoch = log.liveEpoch ?? '';
      const goOn = stallDisk();
      const first = log.append(track(11));
      await clock.advance(DEFAULT_RECORD_LIMITS.diskStallMs - 1);
      expect(diskStates).toEqual([]);
      await clock.advance(2);
      expect(diskStates).toEqual([{ ok: false, reason: 'stalled' }]);
      expect((await first).s).toBe(12);
      expect(log.publishableSeq(epoch)).toBe(12);
      for (let i = 0; i < 500; i++) await log.append(track(i + 12));
      expect(log.unwritten).toBe(50);
      expect(log.counters()).toMatchObject({ diskStalls: 1, recordsLost: 451 });
      goOn();
      await vi.waitFor(() => expect(diskStates.at(-1)).toEqual({ ok: true }));
      await log.append(track(600));
      expect(log.unwritten).toBe(0);
      const records = await readAll(log, log.liveEpoch ?? '');
      const kept = await readAll(log, epoch);
      expect(records[1]).toMatchObject({ k: 'loss', why: 'io', e: epoch, n: 512 - kept.length });
      expect(kept.map(({ s }) => s)).toEqual(kept.map((_record, i) => i + 1));
    });

    it('loses nothing of a stall that memory can bridge', async () => {
      const log = await openLog({ diskClock: clock, limits: { ...DEFAULT_RECORD_LIMITS, ...stalling } });
      await appendMany(log, 10);
      const epoch = log.liveEpoch ?? '';
      const goOn = stallDisk();
      const waiting = log.append(track(11));
      await clock.advance(DEFAULT_RECORD_LIMITS.diskStallMs + 1);
      await waiting;
      for (let i = 0; i < 40; i++) await log.append(track(i + 12));
      goOn();
      await vi.waitFor(() => expect(log.diskState).toEqual({ ok: true }));
      expect(log.counters()).toMatchObject({ recordsLost: 0, diskErrors: 0 });
      expect(log.liveEpoch).toBe(epoch);
      expect(await readAll(log, epoch)).toHaveLength(52);
    });

    it('limits what comes at once, and tells what was too much', async () => {
      const log = await openLog({ diskClock: clock, limits: { ...DEFAULT_RECORD_LIMITS, ...stalling } });
      await appendMany(log, 3);
      const epoch = log.liveEpoch ?? '';
      const appended = appendMany(log, 300);
      expect(log.unwritten).toBe(200);
      expect(log.diskState).toEqual({ ok: true });
      await appended;
      // A gap cannot be written: what memory still held goes with what it gave up, and a new epoch tells of both.
      expect(log.counters().recordsLost).toBe(300);
      expect((await readAll(log, log.liveEpoch ?? ''))[1]).toMatchObject({ k: 'loss', n: 300, e: epoch });
    });

    it('notices an fsync that never ends, while records still reach the file', async () => {
      const log = await openLog({ diskClock: clock });
      await appendMany(log, 3);
      disk.syncHangs = true;
      await clock.advance(DEFAULT_RECORD_LIMITS.fsyncMs + 1);
      await clock.advance(DEFAULT_RECORD_LIMITS.diskStallMs + 1);
      expect(log.diskState).toEqual({ ok: false, reason: 'stalled' });
      expect(log.extents()[0]?.seq).toBe(0);
      disk.answerSyncs();
      await vi.waitFor(() => expect(log.diskState).toEqual({ ok: true }));
      expect(log.extents()[0]?.seq).toBe(4);
    });

    it('takes a disk for slow that closes one segment after the other, and for stalled once it closes none', async () => {
      const log = await openLog({ diskClock: clock });
      disk.beforeReplace = () => clock.advance(DEFAULT_RECORD_LIMITS.diskStallMs * 0.4);
      await appendMany(log, 12 * 256);
      await log.flush();
      expect(log.counters()).toMatchObject({ diskStalls: 0, recordsLost: 0 });
      expect(log.segmentsOf(log.liveEpoch ?? '')).toHaveLength(12);
      expect(diskStates).toEqual([]);
      let goOn = () => {};
      const answer = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      disk.beforeReplace = () => answer;
      await appendMany(log, 256);
      for (let i = 1; i <= 4; i++) {
        await clock.advance(DEFAULT_RECORD_LIMITS.diskStallMs * 0.4);
        await log.append(track(i));
      }
      expect(diskStates).toEqual([{ ok: false, reason: 'stalled' }]);
      goOn();
      // What was held up goes on writing: the folder is to be left alone before it is removed.
      await vi.waitFor(() => expect(log.diskState).toEqual({ ok: true }));
      await log.close();
    });

    it('closes without waiting for a disk that does not answer', async () => {
      const log = await openLog({ diskClock: clock });
      await appendMany(log, 3);
      const goOn = stallDisk();
      const waiting = log.append(track(4));
      await clock.advance(DEFAULT_RECORD_LIMITS.diskStallMs + 1);
      await waiting;
      await log.close();
      goOn();
    });

    it('is well again when an old segment could not be removed before the first record of this life', async () => {
      const log = await openLog();
      await appendMany(log, 300);
      await log.close();
      const again = await openLog({ limits: { ...DEFAULT_RECORD_LIMITS, retentionMs: 60_000 } });
      disk.removeFails = true;
      await clock.advance(120_000);
      await again.flush();
      expect(again.diskState).toEqual({ ok: false, reason: 'EIO' });
      disk.removeFails = false;
      await clock.advance(DEFAULT_RECORD_LIMITS.diskRetryMs + 1);
      await again.flush();
      expect(again.diskState).toEqual({ ok: true });
      await again.append(track(1));
      expect(again.unwritten).toBe(0);
    });

    it('publishes from memory for as long as the disk is away', async () => {
      const log = await openLog();
      disk.bytesLeft = 0;
      await log.append(track(1));
      await clock.advance(DEFAULT_RECORD_LIMITS.memoryMs + 1);
      const record = await log.append(track(2));
      const lines = await log.read(log.liveEpoch ?? '', record.s, 1);
      expect(lines.map(({ s }) => s)).toEqual([record.s]);
    });
  });

  it('survives any cut of the open segment: a prefix remains and nothing is reported rotten', () =>
    fc.assert(
      fc.property(fc.nat(20), fc.nat(2_000), (count, cut) => {
        const lines = Array.from({ length: count }, (_, i) => JSON.stringify({ s: i + 1, t: i, ...track(i + 1) }));
        const text = lines.map((line) => `${line}\n`).join('');
        const { runs, rottenLines } = readOpenLines(text.slice(0, Math.min(cut, text.length)));
        const kept = runs.flatMap((run) => run.lines);
        expect(kept).toEqual(lines.slice(0, kept.length));
        expect(rottenLines).toBe(0);
      }),
    ));
});
