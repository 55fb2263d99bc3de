import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { JournalConfig } from '../../broker/config.js';
import { BROKER_COUNTERS } from '../../broker/counter-names.js';
import { decodeEntries, decodeHeader, encodeEntry, encodeHeader } from '../../broker/journal-entry.js';
import { type JournalFile, type RetainedDisk, RetainedFolder } from '../../broker/retained-disk.js';
import { RetainedJournal } from '../../broker/retained-journal.js';
import type { Retained } from '../../broker/retained-store.js';
import { buildTopic, routes } from '../../protocol/routes.js';
import { temporaryFolder } from './broker-fixture.js';

const message = (topic: string, text: string): Retained => ({ topic, payload: Buffer.from(text), qos: 1 });

const AnyMessage = fc.record({
  topic: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  payload: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0, 1),
});

describe('the journal format', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(AnyMessage), fc.nat(), (messages, generation) => {
        const bytes = Buffer.concat([encodeHeader(generation), ...messages.map(encodeEntry)]);
        expect(decodeHeader(bytes)).toBe(generation);
        expect(decodeEntries(bytes)).toEqual({ entries: messages, badBytes: 0 });
      }),
    );
  });

  it('cut anywhere gives every whole entry before the cut and counts the rest', () => {
    const messages = [message('a', '1'), message('bb', ''), message('ccc', 'x'.repeat(50))];
    const parts = [encodeHeader(1), ...messages.map(encodeEntry)];
    const bytes = Buffer.concat(parts);
    let whole = -1;
    let boundary = 0;
    for (let cut = 0; cut <= bytes.length; cut++) {
      while (whole < messages.length && cut >= boundary + (parts[whole + 1]?.length ?? Infinity))
        boundary += parts[++whole]?.length ?? 0;
      if (whole < 0) continue;
      const { entries, badBytes } = decodeEntries(bytes.subarray(0, cut));
      expect([entries.length, badBytes], `cut at ${cut}`).toEqual([whole, cut - boundary]);
    }
  });

  it('with one flipped bit never gives an entry that was not written', () => {
    const messages = Array.from({ length: 5 }, (_, i) => message(`t${i}`, `value ${i}`));
    const bytes = Buffer.concat([encodeHeader(1), ...messages.map(encodeEntry)]);
    for (let bit = 12 * 8; bit < bytes.length * 8; bit++) {
      const rotten = Buffer.from(bytes);
      rotten[bit >> 3] = (rotten[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { entries } = decodeEntries(rotten);
      expect(entries).toEqual(messages.slice(0, entries.length));
      expect(entries.length).toBeLessThan(messages.length);
    }
  });
});

/** A disk in memory that fails when told to, and forgets at a power cut what was not synced. */
class FaultyDisk implements RetainedDisk {
  readonly files = new Map<string, { written: Buffer; synced: Buffer }>();
  snapshot: Buffer | undefined;
  fail: 'write' | 'sync' | undefined;
  syncs = 0;

  async load(): Promise<never> {
    throw new Error('not asked for');
  }

  async createJournal(generation: number): Promise<JournalFile> {
    if (this.fail === 'write') throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const file = { written: encodeHeader(generation), synced: encodeHeader(generation) };
    this.files.set(String(generation).padStart(9, '0'), file);
    return {
      write: async (bytes, offset, length, position) => {
        if (this.fail === 'write') {
          // Half of it gets there, as on a full disk.
          file.written = Buffer.concat([
            file.written.subarray(0, position),
            bytes.subarray(offset, offset + (length >> 1)),
          ]);
          throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        }
        file.written = Buffer.concat([file.written.subarray(0, position), bytes.subarray(offset, offset + length)]);
        return { bytesWritten: length };
      },
      datasync: async () => {
        if (this.fail === 'sync') throw Object.assign(new Error('io'), { code: 'EIO' });
        this.syncs++;
        file.synced = file.written;
      },
      close: async () => {},
    };
  }

  async writeSnapshot(generation: number, messages: Iterable<Retained>): Promise<number> {
    if (this.fail !== undefined) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    this.snapshot = Buffer.concat([encodeHeader(generation), ...[...messages].map(encodeEntry)]);
    return this.snapshot.length;
  }

  async removeBefore(generation: number): Promise<void> {
    for (const name of this.files.keys()) if (Number(name) < generation) this.files.delete(name);
  }

  /** What the next life would find: after a kill everything written, after a power cut only what was synced. */
  found(after: 'kill' | 'power cut'): Map<string, string> {
    const found = new Map<string, string>();
    const sources = [
      this.snapshot,
      ...[...this.files].sort().map(([, file]) => (after === 'kill' ? file.written : file.synced)),
    ];
    for (const bytes of sources) {
      for (const { topic, payload } of bytes === undefined ? [] : decodeEntries(bytes).entries) {
        if (payload.length === 0) found.delete(topic);
        else found.set(topic, payload.toString());
      }
    }
    return found;
  }
}

async function openJournal(config: object) {
  const disk = new FaultyDisk();
  const clock = new SimulatedClock();
  const counters = new Counters(BROKER_COUNTERS);
  const memory = new Map<string, Retained>();
  const journal = new RetainedJournal({
    disk,
    config: JournalConfig.parse(config),
    clock,
    log: silentLog,
    counters,
    current: () => [...memory.values()],
  });
  await journal.open(0, false);
  const safe: string[] = [];
  const refused: string[] = [];
  const keep = (topic: string, text: string) => {
    memory.set(topic, message(topic, text));
    journal.append(message(topic, text), (error) => (error === undefined ? safe : refused).push(`${topic}=${text}`));
  };
  return { disk, clock, counters, memory, journal, safe, refused, keep };
}

describe('the journal of retained messages', () => {
  it('goes on when what follows a message fails', async () => {
    const { clock, counters, memory, journal, safe, keep } = await openJournal({ fsync: 'off' });
    memory.set('a', message('a', '1'));
    journal.append(message('a', '1'), () => {
      throw new Error('fault of a subscriber');
    });
    keep('b', '1');
    await clock.advance(0);
    keep('b', '2');
    await clock.advance(0);
    expect(safe).toEqual(['b=1', 'b=2']);
    expect(counters.snapshot()['hook-failures']).toBe(1);
  });

  it('calls nothing safe before it is written, and keeps the order', async () => {
    const { disk, clock, journal, safe, keep } = await openJournal({ fsync: 'off' });
    for (let i = 0; i < 5; i++) keep('t', String(i));
    expect(safe).toEqual([]);
    journal.barrier(() => safe.push('barrier'));
    await clock.advance(0);
    expect(safe).toEqual(['t=0', 't=1', 't=2', 't=3', 't=4', 'barrier']);
    expect(disk.found('kill')).toEqual(new Map([['t', '4']]));
    expect(disk.syncs).toBe(0);
  });

  it('syncs before it calls safe with `always`, once for a group: a power cut takes nothing', async () => {
    const { disk, clock, safe, keep } = await openJournal({ fsync: 'always' });
    for (let i = 0; i < 50; i++) keep(`t${i}`, 'x');
    await clock.advance(0);
    expect(safe).toHaveLength(50);
    expect(disk.found('power cut').size).toBe(50);
    expect(disk.syncs).toBe(1);
  });

  it('loses at most an interval in a power cut with `interval`, and nothing in a kill', async () => {
    const { disk, clock, keep } = await openJournal({ fsync: 'interval', intervalMs: 5000 });
    keep('early', '1');
    await clock.advance(5000);
    keep('late', '1');
    await clock.advance(4999);
    expect([...disk.found('power cut').keys()]).toEqual(['early']);
    expect([...disk.found('kill').keys()].sort()).toEqual(['early', 'late']);
    await clock.advance(1);
    expect(disk.found('power cut').size).toBe(2);
    await clock.advance(60_000);
    expect(disk.syncs).toBe(2);
  });

  it('acknowledges nothing while the disk is full, and everything once there is space, with nothing lost', async () => {
    const { disk, clock, counters, journal, safe, keep } = await openJournal({ fsync: 'off' });
    keep('a', '1');
    await clock.advance(0);
    disk.fail = 'write';
    keep('a', '2');
    keep('b', '1');
    await clock.advance(10_000);
    expect(safe).toEqual(['a=1']);
    expect(journal.failing).toBe(true);
    expect(counters.get('journal-failures')).toBeGreaterThan(5);
    disk.fail = undefined;
    await clock.advance(1000);
    expect(safe).toEqual(['a=1', 'a=2', 'b=1']);
    expect(journal.failing).toBe(false);
    expect(disk.found('power cut')).toEqual(
      new Map([
        ['a', '2'],
        ['b', '1'],
      ]),
    );
    keep('c', '1');
    await clock.advance(0);
    expect(disk.found('kill').get('c')).toBe('1');
  });

  it('refuses what is more than it may hold while the disk fails', async () => {
    const { disk, clock, counters, refused, keep } = await openJournal({ fsync: 'off', holdBytes: 4096 });
    disk.fail = 'write';
    keep('a', 'x');
    await clock.advance(0);
    for (let i = 0; i < 10; i++) keep(`t${i}`, 'x'.repeat(1000));
    // An entry is 1013 bytes: four fit beside the one that waits.
    expect(refused).toEqual(Array.from({ length: 6 }, (_, i) => `t${i + 4}=${'x'.repeat(1000)}`));
    expect(counters.get('journal-held-refused')).toBe(6);
  });

  it('believes no file whose sync failed: everything is written anew', async () => {
    const { disk, clock, safe, keep } = await openJournal({ fsync: 'interval', intervalMs: 1000 });
    keep('a', '1');
    await clock.advance(0);
    expect(safe).toEqual(['a=1']);
    disk.fail = 'sync';
    await clock.advance(3000);
    disk.fail = undefined;
    await clock.advance(2000);
    expect(disk.found('power cut')).toEqual(new Map([['a', '1']]));
    expect(disk.files.size).toBe(1);
  });

  it('starts over with a snapshot when it has grown, and finds everything at any moment', async () => {
    const { disk, clock, counters, memory, keep } = await openJournal({ fsync: 'always', compactBytes: 4096 });
    for (let i = 0; i < 400; i++) {
      keep(`t${i % 7}`, `${i} ${'x'.repeat(100)}`);
      if (i % 3 === 0) await clock.advance(0);
      for (const [topic, text] of disk.found('power cut'))
        expect(Number.parseInt(text, 10)).toBeLessThanOrEqual(
          Number.parseInt(memory.get(topic)?.payload.toString() ?? '', 10),
        );
    }
    await clock.advance(0);
    expect(disk.found('power cut')).toEqual(
      new Map([...memory].map(([topic, { payload }]) => [topic, payload.toString()])),
    );
    expect(counters.get('snapshots')).toBeGreaterThan(3);
    expect(disk.files.size).toBeLessThanOrEqual(2);
  });
});

describe('the folder of retained messages', () => {
  it('is empty at first', async () => {
    const folder = new RetainedFolder(await temporaryFolder());
    expect(await folder.load()).toEqual({ entries: [], generation: 0, badBytes: 0, worthSnapshot: false });
  });

  it('gives the snapshot, then the journals that are not older, and forgets the older', async () => {
    const path = await temporaryFolder();
    const folder = new RetainedFolder(path);
    const write = async (generation: number, entry: Retained) => {
      const file = await folder.createJournal(generation);
      const bytes = encodeEntry(entry);
      await file.write(bytes, 0, bytes.length, 12);
      await file.close();
    };
    await write(1, message('old', '1'));
    await write(2, message('a', '2'));
    await write(3, message('a', '3'));
    await folder.writeSnapshot(2, [message('s', '0')]);
    const { entries, generation } = await folder.load();
    expect(entries.map(({ topic, payload }) => `${topic}=${payload}`)).toEqual(['s=0', 'a=2', 'a=3']);
    expect(generation).toBe(3);
    await folder.removeBefore(3);
    expect((await readdir(path)).sort()).toEqual(['retained.journal.3', 'retained.snapshot']);
  });

  it('reads on after a torn journal, a file of zeros and one of rubbish, and counts them', async () => {
    const path = await temporaryFolder();
    const folder = new RetainedFolder(path);
    const file = await folder.createJournal(1);
    const entry = encodeEntry(message('a', '1'));
    await file.write(entry, 0, entry.length, 12);
    await file.close();
    await appendFile(join(path, 'retained.journal.1'), Buffer.alloc(7));
    await writeFile(join(path, 'retained.journal.2'), Buffer.alloc(100));
    await writeFile(join(path, 'retained.snapshot'), 'rubbish');
    const loaded = await folder.load();
    expect(loaded.entries.map(({ topic }) => topic)).toEqual(['a']);
    expect(loaded.badBytes).toBe(7 + 100 + 7);
    await truncate(join(path, 'retained.snapshot'), 0);
    expect((await folder.load()).entries).toHaveLength(1);
  });

  it('takes thousands of compressed segments of all sizes a route allows', async () => {
    const random = new Random('segments');
    const messages = Array.from({ length: 2_000 }, (_, n): Retained => {
      const payload = Buffer.alloc(n < 8 ? routes.segment.payloadBytesMax : 1 + random.int(13_000));
      for (let i = 0; i < payload.length; i += 97) payload[i] = random.int(256);
      const params = { node: `cam${n % 32}`, epoch: 'abcdefghijkl', n: String(n).padStart(8, '0') };
      return { topic: buildTopic('vedette', routes.segment, params), payload, qos: 1 };
    });
    const folder = new RetainedFolder(await temporaryFolder());
    await folder.load();
    await folder.writeSnapshot(1, messages);
    const { entries, badBytes } = await folder.load();
    expect(badBytes).toBe(0);
    expect(entries.length).toBe(messages.length);
    expect(entries.every((entry, n) => messages[n]?.payload.equals(entry.payload))).toBe(true);
  });

  it('has files that only their owner reads', async () => {
    const path = await temporaryFolder();
    const folder = new RetainedFolder(path);
    await (await folder.createJournal(1)).close();
    await folder.writeSnapshot(1, [message('a', 'x')]);
    const { stat } = await import('node:fs/promises');
    for (const name of await readdir(path)) expect((await stat(join(path, name))).mode & 0o077, name).toBe(0);
    expect(decodeEntries(await readFile(join(path, 'retained.snapshot'))).entries).toHaveLength(1);
  });
});
