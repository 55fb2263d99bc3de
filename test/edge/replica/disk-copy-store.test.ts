import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { localDisk, type RecordDisk, type SegmentFile } from '../../../edge/records/record-disk.js';
import { RottenSegmentError } from '../../../edge/records/segment.js';
import { type CopyStoreLimits, DEFAULT_COPY_STORE_LIMITS } from '../../../edge/replica/store/copy-store-limits.js';
import { DiskCopyStore } from '../../../edge/replica/store/disk-copy-store.js';
import { asRecordDisk } from '../../sim/kernel/record-disk-adapter.js';
import { SimulatedDisk } from '../../sim/kernel/simulated-disk.js';
import { buildHead, buildSegment, copyLines, describeCopyStore, EPOCH, OTHER_EPOCH } from './copy-store-contract.js';

const segmentFile = (node: string, epoch: string, n: number) =>
  `copies/${node}/${epoch}/${String(n).padStart(8, '0')}.jsonl.gz`;

function flipByte(bytes: Uint8Array, at: number): Uint8Array {
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  return bytes;
}

/** Some byte in the text of a line. */
function byteOfLine(bytes: Uint8Array, index: number): number {
  return Buffer.from(bytes).toString('latin1').split('\n').slice(0, index).join('\n').length + 40;
}

describeCopyStore('DiskCopyStore on a simulated card', async () => {
  const card = new SimulatedDisk();
  const random = new Random('copies');
  const flip = (path: string, at: (bytes: Uint8Array) => number) => {
    const bytes = card.read(path);
    card.replace(path, flipByte(bytes, at(bytes)));
  };
  return {
    makeStore: () => openOn(asRecordDisk(card), '/state'),
    cutPower: async () => void card.powerCut(random),
    rotSegment: async (node, epoch, n) => flip(`/state/${segmentFile(node, epoch, n)}`, () => 40),
    rotLine: async (index) => flip('/state/inbox.jsonl', (bytes) => byteOfLine(bytes, index)),
    setTrouble: (code) => {
      card.capacityBytes = code === 'ENOSPC' ? card.usedBytes : Number.POSITIVE_INFINITY;
      card.failsWith = code === 'EIO' ? code : undefined;
    },
    dispose: async () => {},
  };
});

/** The machine's disk, all of whose writes fail on demand; files that a killed process left open are closed at the end. */
class TroubledDisk implements RecordDisk {
  trouble: string | undefined;
  readonly #files: SegmentFile[] = [];

  async openSegment(path: string): Promise<SegmentFile> {
    this.#meet();
    const file = await localDisk.openSegment(path);
    this.#files.push(file);
    return {
      writeAt: async (bytes, position) => {
        // Torn, as a full disk does it.
        if (this.trouble !== undefined) await file.writeAt(bytes.subarray(0, bytes.length / 2), position);
        this.#meet();
        await file.writeAt(bytes, position);
      },
      sync: async () => {
        this.#meet();
        await file.sync();
      },
      close: async () => {},
    };
  }

  async replace(path: string, bytes: string | Uint8Array): Promise<void> {
    this.#meet();
    await localDisk.replace(path, bytes);
  }

  async makeFolder(path: string): Promise<void> {
    this.#meet();
    await localDisk.makeFolder(path);
  }

  read = localDisk.read;
  list = localDisk.list;
  move = localDisk.move;
  remove = localDisk.remove;

  async closeFiles(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  #meet(): void {
    if (this.trouble !== undefined) {
      throw Object.assign(new Error(`${this.trouble}: simulated`), { code: this.trouble });
    }
  }
}

describeCopyStore('DiskCopyStore on the disk of this machine', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vedette-copies-'));
  const disk = new TroubledDisk();
  const flip = async (path: string, at: (bytes: Uint8Array) => number) => {
    const bytes = await readFile(path);
    await writeFile(path, flipByte(bytes, at(bytes)));
  };
  return {
    makeStore: () => openOn(disk, dir),
    // Nothing here can cut the power: the next life finds all that was written.
    cutPower: async () => {},
    rotSegment: (node, epoch, n) => flip(join(dir, segmentFile(node, epoch, n)), () => 40),
    rotLine: (index) => flip(join(dir, 'inbox.jsonl'), (bytes) => byteOfLine(bytes, index)),
    setTrouble: (code) => {
      disk.trouble = code;
    },
    dispose: async () => {
      await disk.closeFiles();
      await rm(dir, { recursive: true, force: true });
    },
  };
});

function openOn(disk: RecordDisk, dir: string, limits: Partial<CopyStoreLimits> = {}, clock = new SimulatedClock()) {
  return new DiskCopyStore({ dir, disk, clock, log: silentLog, limits: { ...DEFAULT_COPY_STORE_LIMITS, ...limits } });
}

describe('DiskCopyStore keeps its limits', () => {
  let card: SimulatedDisk;

  beforeEach(() => {
    card = new SimulatedDisk();
  });

  const make = (limits: Partial<CopyStoreLimits> = {}, clock?: SimulatedClock) =>
    openOn(asRecordDisk(card), '/state', limits, clock);

  it('rewrites the inbox without what lies in segments, when that is most of it', async () => {
    const store = make({ inboxRewriteBytes: 4_000 });
    await store.open();
    await store.append(copyLines(1, 100));
    await store.saveSegment(buildSegment(0, 1, 90));
    const before = card.size('/state/inbox.jsonl') ?? 0;
    await store.sync();
    expect(card.size('/state/inbox.jsonl')).toBeLessThan(before / 5);
    expect(store.counters().inboxRewrites).toBe(1);
    await store.append(copyLines(101, 101));
    expect((await make().open()).copies[0]?.lines).toEqual(copyLines(91, 101));
  });

  it('writes what gathers meanwhile at once, and syncs only what is new', async () => {
    const store = make();
    await store.open();
    const { writes } = card.counts;
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.append(copyLines(i + 1, i + 1))));
    expect(card.counts.writes - writes).toBe(1);
    await store.sync();
    const { syncs } = card.counts;
    await store.sync();
    expect(card.counts.syncs).toBe(syncs);
  });

  it('fills a page that is half full when it is synced, so that what follows does not write it again', async () => {
    const store = make();
    await store.open();
    const size = () => card.size('/state/inbox.jsonl') ?? 0;
    let seq = 0;
    while (size() < 3_000) await store.append(copyLines(++seq, seq));
    await store.sync();
    expect(size()).toBe(4_096);
    await store.append(copyLines(++seq, seq));
    const emptyish = size();
    await store.sync();
    expect(size()).toBe(emptyish);
    expect((await make().open()).copies[0]?.lines).toEqual(copyLines(1, seq));
  });

  it('refuses lines when the inbox is full, and takes them when a segment made room', async () => {
    const store = make({ inboxBytesMax: 10_000 });
    await store.open();
    await store.append(copyLines(1, 70));
    await expect(store.append(copyLines(71, 140))).rejects.toMatchObject({ code: 'refused' });
    expect(store.counters().linesRefused).toBe(70);
    await store.saveSegment(buildSegment(0, 1, 70));
    await store.append(copyLines(71, 140));
  });

  it('refuses more epochs and heads than it may have', async () => {
    const store = make({ epochsMax: 1, headsMax: 1 });
    await store.open();
    await store.saveSegment(buildSegment(0, 1, 4));
    await expect(store.saveSegment(buildSegment(0, 1, 4, { epoch: OTHER_EPOCH }))).rejects.toMatchObject({
      code: 'refused',
    });
    await store.saveHead(buildHead('cam2', 1));
    await store.saveHead(buildHead('cam2', 2));
    await expect(store.saveHead(buildHead('cam3', 1))).rejects.toMatchObject({ code: 'refused' });
  });

  it.each([
    ['a line end', { text: '{"s":1,\n"t":1}' }],
    ['a seq of 0', { s: 0 }],
    ['a node that is a path', { node: '../cam2' }],
    ['an epoch that is a path', { epoch: '../../../etc' }],
    ['33 KiB', { text: 'x'.repeat(33 * 1024) }],
  ])('refuses a line with %s and keeps none of its batch', async (_, wrong) => {
    const store = make();
    await store.open();
    const [line] = copyLines(1, 1);
    if (line === undefined) throw new Error('no line');
    await expect(store.append([line, { ...line, ...wrong }])).rejects.toMatchObject({ code: 'record-invalid' });
    expect((await make().open()).copies).toEqual([]);
  });

  it('keeps few damaged files, and not for ever', async () => {
    const clock = new SimulatedClock();
    const store = make({ rotFilesMax: 3 }, clock);
    await store.open();
    for (let n = 0; n < 5; n++) {
      await store.saveSegment(buildSegment(n, n * 4 + 1, n * 4 + 4));
      await store.putAside('cam2', EPOCH, n, 'outvoted');
    }
    expect(card.list('/state/rot')).toHaveLength(3);
    clock.jumpWall(31 * 86_400_000);
    await make({}, clock).open();
    expect(card.list('/state/rot')).toEqual([]);
  });

  it('remembers the latest of the forgotten epochs', async () => {
    const store = make({ forgottenMax: 2 });
    await store.open();
    for (const node of ['cam2', 'cam3', 'cam4']) await store.forget(node, EPOCH);
    expect((await make({ forgottenMax: 2 }).open()).forgotten.map(({ node }) => node)).toEqual(['cam3', 'cam4']);
  });

  it('learns on a full disk what it may give up', async () => {
    const store = make();
    await store.open();
    for (let n = 0; n < 4; n++) await store.saveSegment(buildSegment(n, n * 4 + 1, n * 4 + 4));
    card.capacityBytes = card.usedBytes;
    await store.expire('cam2', EPOCH, 9);
    expect(store.counters().spareUsed).toBe(1);
    const { copies } = await make().open();
    expect(copies[0]).toMatchObject({ first: 9, segments: [{ n: 2 }, { n: 3 }] });
  });

  it.each(['', 'garbage\n', '00000000 {"n":0}\n'])('makes its index anew where that holds %j', async (text) => {
    const store = make();
    await store.open();
    const metas = [await store.saveSegment(buildSegment(0, 1, 4)), await store.saveSegment(buildSegment(3, 13, 16))];
    const index = `/state/copies/cam2/${EPOCH}/index.jsonl`;
    card.replace(index, Buffer.from(text));
    expect((await make().open()).copies[0]?.segments).toEqual(metas);
    const { writes } = card.counts;
    expect((await make().open()).copies[0]?.segments).toEqual(metas);
    expect(card.counts.writes).toBe(writes);
  });

  it('tells of a segment whose file is gone', async () => {
    const store = make();
    await store.open();
    await store.saveSegment(buildSegment(0, 1, 4));
    card.remove(`/state/${segmentFile('cam2', EPOCH, 0)}`);
    const { rot, copies } = await make().open();
    expect(rot).toMatchObject([{ node: 'cam2', epoch: EPOCH, reason: 'the file is gone' }]);
    expect(copies[0]?.segments).toEqual([]);
  });

  it.each([
    ['inbox.jsonl', { lines: 0, heads: 1, segments: 2 }],
    ['heads/cam2.8254c329a92850f6.json', { lines: 2, heads: 0, segments: 2 }],
    [segmentFile('cam2', EPOCH, 0), { lines: 2, heads: 1, segments: 2 }],
    [`copies/cam2/${EPOCH}/index.jsonl`, { lines: 2, heads: 1, segments: 2 }],
    ['forgotten.jsonl', { lines: 2, heads: 1, segments: 2 }],
  ])('opens without %s where that lies on a bad sector, and tells', async (name, left) => {
    const store = make();
    await store.open();
    await store.saveSegment(buildSegment(0, 1, 4));
    await store.saveSegment(buildSegment(1, 5, 8));
    await store.append(copyLines(9, 10));
    await store.saveHead(buildHead('cam2', 10));
    await store.forget('cam3', EPOCH);
    const disk = asRecordDisk(card);
    const bad = new Set([`/state/${name}`]);
    const again = openOn(
      {
        ...disk,
        async read(path) {
          if (bad.has(path)) throw Object.assign(new Error('EIO: bad sector'), { code: 'EIO' });
          return disk.read(path);
        },
        async move(from, to) {
          if (bad.delete(from)) bad.add(to);
          await disk.move(from, to);
        },
      },
      '/state',
    );
    const { copies, heads, rot } = await again.open();
    const [copy] = copies;
    const { segments = [], lines = [] } = copy ?? {};
    expect({ lines: lines.length, heads: heads.length, segments: segments.length }).toEqual(left);
    // A closed segment is believed by its index until it is read.
    if (name.endsWith('.gz')) {
      await expect(again.readSegment('cam2', EPOCH, 0)).rejects.toBeInstanceOf(RottenSegmentError);
    } else expect(rot).toHaveLength(1);
    await again.append(copyLines(11, 11));
  });

  it('removes what replacements left that a crash kept from their end', async () => {
    const store = make();
    await store.open();
    await store.saveSegment(buildSegment(0, 1, 4));
    await store.saveHead(buildHead('cam2', 4));
    const folders = ['', 'heads/', `copies/cam2/${EPOCH}/`];
    for (const folder of folders) card.replace(`/state/${folder}.0123456789ab.tmp`, Buffer.alloc(10));
    await make().open();
    expect(card.paths().filter((path) => path.endsWith('.tmp'))).toEqual([]);
  });

  it('names the folder that cannot be opened', async () => {
    card.failsWith = 'EIO';
    await expect(make().open()).rejects.toMatchObject({ code: 'state-unwritable', subject: '/state' });
  });
});
