import { readFileSync } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import sqlite from 'node-sqlite3-wasm';
import { SystemClock } from '../../base/clock.js';
import { silentLog } from '../../base/log.js';
import { localDisk, type RecordDisk } from '../../edge/records/record-disk.js';
import { segmentHash } from '../../edge/records/segment.js';
import type { CopyLine, KeptHead, SegmentToKeep } from '../../edge/replica/store/copy-store.js';
import { DEFAULT_COPY_STORE_LIMITS } from '../../edge/replica/store/copy-store-limits.js';
import { DiskCopyStore } from '../../edge/replica/store/disk-copy-store.js';
import { SEGMENT_RECORDS_MAX } from '../../protocol/segment.js';

const NODES = ['cam2', 'cam3', 'cam4'];
const EPOCH = 'abcdefgh2345';
/** Lines of one live batch. */
const BATCH = 32;
/** Written and fsynced together: what our log does under load. */
const GROUP = 64;

export type FileFigures = { readonly oneByOne: number; readonly grouped: number; readonly bytes: number };
export type CopyFigures = {
  readonly appends: number;
  readonly bytes: number;
  readonly openMs: number;
  readonly heapMiB: number;
};
export type CardFigures = { readonly mbPerDay: number; readonly syncsPerDay: number };

/** The same lines appended to a plain file: one write each, then one write and one fsync for 64. Rates per second, bytes per record. */
export async function measureJsonLines(dir: string, lines: readonly string[]): Promise<FileFigures> {
  const file = await open(join(dir, 'lines.jsonl'), 'a');
  const few = lines.slice(0, Math.ceil(lines.length / 10));
  const oneByOne = await rateOf(few.length, async () => {
    for (const line of few) await file.appendFile(`${line}\n`);
  });
  const grouped = await rateOf(lines.length, async () => {
    for (let i = 0; i < lines.length; i += GROUP) {
      await file.appendFile(`${lines.slice(i, i + GROUP).join('\n')}\n`);
      await file.datasync();
    }
  });
  await file.close();
  const { size } = await stat(join(dir, 'lines.jsonl'));
  return { oneByOne, grouped, bytes: size / (few.length + lines.length) };
}

/** The same lines in a table of an SQLite file, write-ahead log: one transaction each, then one for 64 with an fsync. */
export async function measureSqlite(dir: string, lines: readonly string[]): Promise<FileFigures> {
  const path = join(dir, 'records.sqlite');
  const db = new sqlite.Database(path);
  // Exclusive, because the WebAssembly build has no shared memory for a write-ahead log of several processes.
  for (const pragma of ['locking_mode=EXCLUSIVE', 'journal_mode=WAL', 'synchronous=NORMAL']) db.all(`PRAGMA ${pragma}`);
  db.exec('CREATE TABLE record (s INTEGER PRIMARY KEY, line TEXT NOT NULL)');
  const insert = db.prepare('INSERT INTO record VALUES (?, ?)');
  const few = lines.slice(0, Math.ceil(lines.length / 10));
  let s = 0;
  const oneByOne = await rateOf(few.length, async () => {
    for (const line of few) insert.run([++s, line]);
  });
  db.all('PRAGMA synchronous=FULL');
  const grouped = await rateOf(lines.length, async () => {
    for (let i = 0; i < lines.length; i += GROUP) {
      db.exec('BEGIN');
      for (const line of lines.slice(i, i + GROUP)) insert.run([++s, line]);
      db.exec('COMMIT');
    }
  });
  insert.finalize();
  db.all('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
  return { oneByOne, grouped, bytes: (await stat(path)).size / s };
}

/** A store of copies that takes lines of three logs as they come, closes segments, and is opened again. */
export async function measureCopies(dir: string, lines: readonly string[]): Promise<CopyFigures> {
  const store = openStore(dir, localDisk);
  await store.open();
  const writers = NODES.map((node) => new CopyWriter(store, node));
  const perNode = Math.floor(lines.length / writers.length);
  const appends = await rateOf(perNode * writers.length, async () => {
    for (let i = 0; i < perNode; i += BATCH) {
      await Promise.all(writers.map((writer) => writer.append(lines.slice(i, Math.min(perNode, i + BATCH)))));
    }
    await store.sync();
  });
  await store.close();
  const bytes = store.bytes / (perNode * writers.length);
  const before = heapMiB();
  const again = openStore(dir, localDisk);
  const startedMonoMs = performance.now();
  const content = await again.open();
  const openMs = performance.now() - startedMonoMs;
  const heap = heapMiB() - before;
  const held = content.copies.map((copy) => copy.segments.reduce((sum, { count }) => sum + count, copy.lines.length));
  if (held.some((count) => count !== perNode)) throw new Error(`records held: ${held.join(', ')} of ${perNode} each`);
  await again.close();
  return { appends, bytes, openMs, heapMiB: heap };
}

/**
 * An hour of three nodes with a record a second each, on real files but without waiting: an fsync every 15 s, a head with
 * each closed segment. Bytes are what the kernel counts as written by this process; names and journal of the file
 * system come on top, about a page or two for each fsync.
 */
export async function measureCard(dir: string, lines: readonly string[]): Promise<CardFigures> {
  let syncs = 0;
  const disk = countSyncs(localDisk, () => syncs++);
  const store = openStore(dir, disk);
  await store.open();
  const writers = NODES.map((node) => new CopyWriter(store, node, (seq) => store.saveHead(headOf(node, seq))));
  const [bytesBefore, syncsBefore] = [writtenBytes(), syncs];
  for (let second = 0; second < 3_600; second++) {
    const line = lines[second % lines.length] ?? '';
    for (const writer of writers) await writer.append([line]);
    if (second % 15 === 14) await store.sync();
  }
  const figures = { mbPerDay: ((writtenBytes() - bytesBefore) * 24) / 1e6, syncsPerDay: (syncs - syncsBefore) * 24 };
  await store.close();
  return figures;
}

/** What the replica core does with the records of one log: append, and close a segment when it is full. */
class CopyWriter {
  readonly #store: DiskCopyStore;
  readonly #node: string;
  readonly #onClosed: (seq: number) => Promise<void>;
  #open: string[] = [];
  #seq = 0;
  #prev = '';
  #n = 0;

  constructor(store: DiskCopyStore, node: string, onClosed: (seq: number) => Promise<void> = async () => {}) {
    this.#store = store;
    this.#node = node;
    this.#onClosed = onClosed;
  }

  async append(texts: readonly string[]): Promise<void> {
    const lines = texts.map((text): CopyLine => ({ node: this.#node, epoch: EPOCH, s: ++this.#seq, text }));
    await this.#store.append(lines);
    this.#open.push(...texts);
    while (this.#open.length >= SEGMENT_RECORDS_MAX) await this.#close();
  }

  async #close(): Promise<void> {
    const lines = this.#open.splice(0, SEGMENT_RECORDS_MAX);
    const n = this.#n++;
    const first = n * SEGMENT_RECORDS_MAX + 1;
    const times = { t0: first, t1: first + lines.length - 1 };
    const header = { v: 1, n: this.#node, e: EPOCH, seg: n, first, count: lines.length, ...times, prev: this.#prev };
    const headerLine = JSON.stringify(header);
    this.#prev = segmentHash(headerLine, lines);
    const segment: SegmentToKeep = { node: this.#node, epoch: EPOCH, header, headerLine, lines, hash: this.#prev };
    await this.#store.saveSegment(segment);
    await this.#onClosed(this.#seq);
  }
}

function openStore(dir: string, disk: RecordDisk): DiskCopyStore {
  const limits = DEFAULT_COPY_STORE_LIMITS;
  return new DiskCopyStore({ dir: join(dir, 'copies'), disk, clock: new SystemClock(), log: silentLog, limits });
}

function headOf(node: string, seq: number): KeptHead {
  const H = 'f'.repeat(64);
  const logs = [{ e: EPOCH, st: 'live' as const, first: 1, seq, H, seg: 1 }];
  return { head: { v: 1, node, inst: 'f'.repeat(16), t: 1, logs, sig: 'f'.repeat(88) }, publicKey: 'f'.repeat(44) };
}

// Replacing a file is two: the file and its folder.
function countSyncs(disk: RecordDisk, onSync: () => void): RecordDisk {
  return {
    ...disk,
    async openSegment(path) {
      const file = await disk.openSegment(path);
      return {
        writeAt: (bytes, position) => file.writeAt(bytes, position),
        close: () => file.close(),
        async sync() {
          onSync();
          await file.sync();
        },
      };
    },
    async replace(path, bytes) {
      onSync();
      onSync();
      await disk.replace(path, bytes);
    },
  };
}

function writtenBytes(): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? Number.NaN);
}

function heapMiB(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

async function rateOf(things: number, work: () => Promise<void>): Promise<number> {
  const startedMonoMs = performance.now();
  await work();
  return (things * 1000) / (performance.now() - startedMonoMs);
}

/** Folder for one measurement. */
export async function makeRoom(dir: string, name: string): Promise<string> {
  const room = join(dir, name);
  await mkdir(room);
  return room;
}
