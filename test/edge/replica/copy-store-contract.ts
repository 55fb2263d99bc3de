import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RottenSegmentError, segmentHash } from '../../../edge/records/segment.js';
import type { CopyLine, CopyStore, KeptHead, SegmentToKeep } from '../../../edge/replica/store/copy-store.js';
import type { SegmentHeader } from '../../../protocol/segment.js';

/** A disk on which one store after another is opened, with the faults the contract speaks of. */
export type CopyStoreBench = {
  /** Another life on the same disk; the store before was left as it was. */
  makeStore(): CopyStore;
  cutPower(): Promise<void>;
  /** A byte of a closed segment flips. */
  rotSegment(node: string, epoch: string, n: number): Promise<void>;
  /** A byte of the inbox flips, in the line with this index. */
  rotLine(index: number): Promise<void>;
  setTrouble(code: 'ENOSPC' | 'EIO' | undefined): void;
  dispose(): Promise<void>;
};

export const EPOCH = 'abcdefgh2345';
export const OTHER_EPOCH = 'bcdefgh23456';

export function recordText(s: number): string {
  return JSON.stringify({ s, t: 1_789_000_000_000 + s, k: 'note', text: `größer als ${s}` });
}

export function copyLines(from: number, to: number, { node = 'cam2', epoch = EPOCH } = {}): CopyLine[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ node, epoch, s: from + i, text: recordText(from + i) }));
}

/** A segment whose header text is not what JSON.stringify of its header gives: what a later version may send. */
export function buildSegment(n: number, first: number, last: number, { node = 'cam2', epoch = EPOCH } = {}) {
  const lines = copyLines(first, last).map(({ text }) => text);
  const t = (s: number) => 1_789_000_000_000 + s;
  const header: SegmentHeader = {
    v: 1,
    n: node,
    e: epoch,
    seg: n,
    first,
    count: lines.length,
    t0: t(first),
    t1: t(last),
    prev: '',
  };
  const headerLine = JSON.stringify({ later: 'field', ...header });
  const segment: SegmentToKeep = { node, epoch, header, headerLine, lines, hash: segmentHash(headerLine, lines) };
  return segment;
}

export function buildHead(node: string, seq: number): KeptHead {
  const log = { e: EPOCH, st: 'live' as const, first: 1, seq, H: '', seg: 0 };
  return { head: { v: 1, node, inst: 'i', t: 1, logs: [log], sig: 'x' }, publicKey: 'k' };
}

/** What every store of copies promises. */
export function describeCopyStore(name: string, makeBench: () => Promise<CopyStoreBench>): void {
  describe(`${name} keeps copies`, () => {
    let bench: CopyStoreBench;
    let store: CopyStore;

    beforeEach(async () => {
      bench = await makeBench();
      store = bench.makeStore();
    });

    afterEach(async () => {
      await store.close();
      await bench.dispose();
    });

    async function reopen() {
      store = bench.makeStore();
      return store.open();
    }

    it('finds nothing on an empty disk', async () => {
      expect(await store.open()).toEqual({ copies: [], heads: [], rot: [], forgotten: [] });
      expect(store.bytes).toBe(0);
    });

    it('has appended lines after a kill, and after a power cut what was synced', async () => {
      await store.open();
      await store.append([...copyLines(1, 3), ...copyLines(1, 2, { node: 'cam3', epoch: OTHER_EPOCH })]);
      await store.sync();
      await store.append(copyLines(4, 5));
      const killed = await reopen();
      expect(killed.copies.map(({ node, epoch, lines }) => [node, epoch, lines.length])).toEqual([
        ['cam2', EPOCH, 5],
        ['cam3', OTHER_EPOCH, 2],
      ]);
      await store.append(copyLines(6, 7));
      await bench.cutPower();
      const [copy] = (await reopen()).copies;
      expect(copy?.lines.slice(0, 3)).toEqual(copyLines(1, 3));
    });

    it('loses nothing that a kill left written and the next life synced', async () => {
      await store.open();
      await store.append(copyLines(1, 2));
      await reopen();
      await store.sync();
      await bench.cutPower();
      expect((await reopen()).copies[0]?.lines).toEqual(copyLines(1, 2));
    });

    it('keeps a segment with its header as it was given, at once durable', async () => {
      await store.open();
      const segment = buildSegment(0, 1, 4);
      const meta = await store.saveSegment(segment);
      expect(meta).toMatchObject({ n: 0, first: 1, count: 4, hash: segment.hash });
      await bench.cutPower();
      const { copies, rot } = await reopen();
      expect(rot).toEqual([]);
      expect(copies).toEqual([{ node: 'cam2', epoch: EPOCH, segments: [meta], first: 1, lines: [] }]);
      const opened = await store.readSegment('cam2', EPOCH, 0);
      expect(opened.headerLine).toBe(segment.headerLine);
      expect(opened.hash).toBe(segment.hash);
      expect(opened.lines).toEqual(segment.lines);
    });

    it('gives lines of the inbox only where no segment has them', async () => {
      await store.open();
      await store.append(copyLines(1, 6));
      await store.saveSegment(buildSegment(0, 1, 4));
      await store.append(copyLines(2, 3));
      expect((await reopen()).copies[0]?.lines).toEqual(copyLines(5, 6));
    });

    it('keeps segments that come in any order, with holes between them', async () => {
      await store.open();
      await Promise.all([2, 0, 5].map((n) => store.saveSegment(buildSegment(n, n * 4 + 1, n * 4 + 4))));
      expect((await reopen()).copies[0]?.segments.map(({ n }) => n)).toEqual([0, 2, 5]);
      expect((await store.readSegment('cam2', EPOCH, 5)).header.first).toBe(21);
    });

    it('has the newest head of each node after a power cut', async () => {
      await store.open();
      await store.saveHead(buildHead('cam2', 1));
      await store.saveHead(buildHead('cam3', 7));
      await store.saveHead(buildHead('cam2', 9));
      await bench.cutPower();
      const { heads } = await reopen();
      expect(heads.map(({ head }) => [head.node, head.logs[0]?.seq])).toEqual([
        ['cam2', 9],
        ['cam3', 7],
      ]);
    });

    it('gives up what lies below first, and never takes it in again', async () => {
      await store.open();
      await store.saveSegment(buildSegment(0, 1, 4));
      await store.saveSegment(buildSegment(1, 5, 8));
      await store.append(copyLines(9, 12));
      await store.expire('cam2', EPOCH, 5);
      await store.expire('cam2', EPOCH, 3);
      await bench.cutPower();
      const [afterFirst] = (await reopen()).copies;
      expect(afterFirst).toMatchObject({ first: 5, segments: [{ n: 1 }] });
      await expect(store.saveSegment(buildSegment(0, 1, 4))).rejects.toMatchObject({ code: 'refused' });
      await store.append(copyLines(1, 3));
      await store.append(copyLines(9, 12));
      await store.expire('cam2', EPOCH, 11);
      const [afterSecond] = (await reopen()).copies;
      expect(afterSecond).toMatchObject({ first: 11, segments: [] });
      expect(afterSecond?.lines.map(({ s }) => s)).toEqual([11, 12]);
      await expect(store.readSegment('cam2', EPOCH, 1)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('forgets an epoch for good', async () => {
      await store.open();
      await store.saveSegment(buildSegment(0, 1, 4));
      await store.append(copyLines(5, 6));
      await store.append(copyLines(1, 1, { epoch: OTHER_EPOCH }));
      await store.forget('cam2', EPOCH);
      await store.append(copyLines(7, 8));
      await expect(store.saveSegment(buildSegment(1, 5, 8))).rejects.toMatchObject({ code: 'refused' });
      await store.sync();
      await bench.cutPower();
      const content = await reopen();
      expect(content.copies.map(({ epoch }) => epoch)).toEqual([OTHER_EPOCH]);
      expect(content.forgotten).toEqual([{ node: 'cam2', epoch: EPOCH }]);
      await store.append(copyLines(5, 6));
      expect((await reopen()).copies.map(({ epoch }) => epoch)).toEqual([OTHER_EPOCH]);
    });

    it('puts a rotten segment aside instead of giving it', async () => {
      await store.open();
      await store.saveSegment(buildSegment(0, 1, 4));
      await bench.rotSegment('cam2', EPOCH, 0);
      await expect(store.readSegment('cam2', EPOCH, 0)).rejects.toBeInstanceOf(RottenSegmentError);
      await expect(store.readSegment('cam2', EPOCH, 0)).rejects.toMatchObject({ code: 'ENOENT' });
      const mended = await store.saveSegment(buildSegment(0, 1, 4));
      expect((await store.readSegment('cam2', EPOCH, 0)).hash).toBe(mended.hash);
      expect((await reopen()).copies[0]?.segments).toEqual([mended]);
    });

    it('takes a segment that lost a vote out of use', async () => {
      await store.open();
      await store.saveSegment(buildSegment(0, 1, 4));
      await store.putAside('cam2', EPOCH, 0, 'outvoted');
      expect((await reopen()).copies[0]?.segments ?? []).toEqual([]);
    });

    it('reports a damaged line of the inbox and keeps those around it', async () => {
      await store.open();
      await store.append(copyLines(1, 5));
      await store.sync();
      await bench.rotLine(2);
      const { copies, rot } = await reopen();
      expect(copies[0]?.lines.map(({ s }) => s)).toEqual([1, 2, 4, 5]);
      expect(rot).toHaveLength(1);
      expect((await reopen()).rot).toEqual([]);
    });

    it.each(['ENOSPC', 'EIO'] as const)('rejects with %s and works again when that is over', async (code) => {
      await store.open();
      await store.append(copyLines(1, 2));
      await store.sync();
      bench.setTrouble(code);
      await expect(store.append(copyLines(3, 4))).rejects.toMatchObject({ code });
      await expect(store.saveSegment(buildSegment(0, 1, 2))).rejects.toMatchObject({ code });
      await expect(store.saveHead(buildHead('cam2', 2))).rejects.toMatchObject({ code });
      bench.setTrouble(undefined);
      await store.append(copyLines(3, 4));
      await store.sync();
      const meta = await store.saveSegment(buildSegment(0, 1, 2));
      await bench.cutPower();
      const { copies, rot } = await reopen();
      expect(rot).toEqual([]);
      expect(copies[0]).toMatchObject({ segments: [meta], lines: copyLines(3, 4) });
    });
  });
}
