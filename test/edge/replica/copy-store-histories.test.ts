import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { systemCodeOf } from '../../../base/errors.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { RottenSegmentError } from '../../../edge/records/segment.js';
import type { CopyStoreContent } from '../../../edge/replica/store/copy-store.js';
import { DEFAULT_COPY_STORE_LIMITS } from '../../../edge/replica/store/copy-store-limits.js';
import { DiskCopyStore } from '../../../edge/replica/store/disk-copy-store.js';
import { asRecordDisk } from '../../sim/kernel/record-disk-adapter.js';
import { SimulatedDisk } from '../../sim/kernel/simulated-disk.js';
import { buildHead, buildSegment, copyLines, EPOCH, OTHER_EPOCH, recordText } from './copy-store-contract.js';

const SEEDS = 60;
const COUNT = 4;
const LOGS = [
  { node: 'cam2', epoch: EPOCH },
  { node: 'cam2', epoch: OTHER_EPOCH },
  { node: 'cam3', epoch: EPOCH },
];

/** What the disk owes of one log. */
class Owed {
  appended = 0;
  readonly written = new Set<number>();
  readonly synced = new Set<number>();
  readonly segments = new Set<number>();
  first = 1;
  isForgotten = false;
}

/** One seeded history of a store on a card with faults, checked after every life. */
class History {
  readonly #random: Random;
  readonly #card = new SimulatedDisk();
  readonly #owed = LOGS.map(() => new Owed());
  readonly #hasRot: boolean;
  #headSeq = 0;
  #store = this.#makeStore();
  #flips = 0;
  #rot = 0;

  constructor(seed: string, hasRot: boolean) {
    this.#random = new Random(seed);
    this.#hasRot = hasRot;
  }

  async run(steps: number): Promise<void> {
    await this.#store.open();
    for (let i = 0; i < steps; i++) {
      const isFull = this.#random.chance(0.15);
      this.#card.capacityBytes = isFull ? this.#card.usedBytes + this.#random.int(150) : Number.POSITIVE_INFINITY;
      this.#card.failsWith = this.#random.chance(0.05) ? 'EIO' : undefined;
      await this.#step().catch((error) => {
        if (!['ENOSPC', 'EIO'].includes(systemCodeOf(error) ?? '')) throw error;
      });
      if (this.#random.chance(0.2)) await this.#die();
    }
    this.#heal();
    await this.#die();
  }

  async #step(): Promise<void> {
    const i = this.#random.int(LOGS.length);
    const [log, owed] = [LOGS[i], this.#owed[i]];
    if (log === undefined || owed === undefined || owed.isForgotten) return;
    const kind = this.#random.int(20);
    if (kind < 9) await this.#append(log, owed);
    else if (kind < 13) await this.#sync();
    else if (kind < 16) await this.#saveSegment(log, owed);
    else if (kind < 17) await this.#expire(log, owed);
    else if (kind < 19) await this.#saveHead();
    else if (this.#random.chance(0.15)) {
      await this.#store.forget(log.node, log.epoch);
      owed.isForgotten = true;
    }
  }

  async #append(log: (typeof LOGS)[number], owed: Owed): Promise<void> {
    const from = owed.appended + 1;
    const to = owed.appended + 1 + this.#random.int(5);
    await this.#store.append(copyLines(from, to, log));
    owed.appended = to;
    for (let s = from; s <= to; s++) owed.written.add(s);
  }

  async #sync(): Promise<void> {
    await this.#store.sync();
    for (const owed of this.#owed) for (const s of owed.written) owed.synced.add(s);
  }

  async #saveSegment(log: (typeof LOGS)[number], owed: Owed): Promise<void> {
    const n = this.#random.int(Math.floor(owed.appended / COUNT) + 1);
    if ((n + 1) * COUNT < owed.first) return;
    await this.#store.saveSegment(buildSegment(n, n * COUNT + 1, (n + 1) * COUNT, log));
    owed.segments.add(n);
    owed.appended = Math.max(owed.appended, (n + 1) * COUNT);
  }

  async #expire(log: (typeof LOGS)[number], owed: Owed): Promise<void> {
    const first = 1 + this.#random.int(owed.appended + 1);
    await this.#store.expire(log.node, log.epoch, first);
    owed.first = Math.max(owed.first, first);
  }

  async #saveHead(): Promise<void> {
    await this.#store.saveHead(buildHead('cam2', this.#headSeq + 1));
    this.#headSeq++;
  }

  #heal(): void {
    this.#card.failsWith = undefined;
    this.#card.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** The process dies, often with the power, sometimes a bit flips; the next life must have what is owed. */
  async #die(): Promise<void> {
    const isPowerCut = this.#random.chance(0.5);
    if (isPowerCut) this.#card.powerCut(this.#random);
    if (isPowerCut) for (const owed of this.#owed) this.#keepOnly(owed);
    if (this.#hasRot && this.#random.chance(0.3)) {
      if (this.#card.flipBit(this.#random, (path) => !path.includes('/rot/')) !== undefined) this.#flips++;
    }
    const isFull = this.#random.chance(0.2);
    this.#card.failsWith = undefined;
    this.#card.capacityBytes = isFull ? this.#card.usedBytes : Number.POSITIVE_INFINITY;
    this.#store = this.#makeStore();
    const content = await this.#store.open().catch((error) => {
      if (!isFull || error.code !== 'disk-full') throw error;
      return undefined;
    });
    this.#heal();
    await this.#check(content ?? (await this.#reopen()));
  }

  #reopen(): Promise<CopyStoreContent> {
    this.#store = this.#makeStore();
    return this.#store.open();
  }

  // What was written and not synced may be gone or not.
  #keepOnly(owed: Owed): void {
    for (const s of [...owed.written]) if (!owed.synced.has(s)) owed.written.delete(s);
  }

  async #check(content: CopyStoreContent): Promise<void> {
    this.#rot += content.rot.length;
    if (!this.#hasRot) expect(content.rot).toEqual([]);
    let missing = 0;
    for (const [i, log] of LOGS.entries()) missing += await this.#checkLog(content, log, this.#owed[i] ?? new Owed());
    const seq = content.heads[0]?.head.logs[0]?.seq ?? 0;
    if (seq < this.#headSeq) missing++;
    this.#headSeq = seq;
    // Whatever is missing was told.
    if (missing > 0) expect(this.#rot).toBeGreaterThan(0);
    if (this.#rot > 0) expect(this.#flips).toBeGreaterThan(0);
  }

  async #checkLog(content: CopyStoreContent, log: (typeof LOGS)[number], owed: Owed): Promise<number> {
    const copy = content.copies.find(({ node, epoch }) => node === log.node && epoch === log.epoch);
    const isListed = content.forgotten.some(({ node, epoch }) => node === log.node && epoch === log.epoch);
    if (owed.isForgotten) expect([copy, isListed]).toEqual([undefined, true]);
    // A forgetting whose outcome was an error may have happened.
    if (isListed) owed.isForgotten = true;
    if (isListed) return 0;
    expect(copy?.first ?? 1).toBeGreaterThanOrEqual(owed.first);
    owed.first = copy?.first ?? 1;
    const held = new Set<number>();
    for (const { s, text } of copy?.lines ?? []) {
      expect(text).toBe(recordText(s));
      expect(s).toBeGreaterThanOrEqual(owed.first);
      held.add(s);
    }
    owed.appended = Math.max(owed.appended, ...held);
    for (const { n } of copy?.segments ?? []) await this.#checkSegment(log, n, held, owed);
    const isOwed = (s: number) => s >= owed.first && !held.has(s);
    const lines = [...owed.written].filter(isOwed);
    const segments = [...owed.segments].filter((n) => isOwed((n + 1) * COUNT));
    for (const s of lines) owed.written.delete(s) && owed.synced.delete(s);
    for (const n of segments) owed.segments.delete(n);
    return lines.length + segments.length;
  }

  async #checkSegment(log: (typeof LOGS)[number], n: number, held: Set<number>, owed: Owed): Promise<void> {
    try {
      const { lines, headerLine } = await this.#store.readSegment(log.node, log.epoch, n);
      const expected = buildSegment(n, n * COUNT + 1, (n + 1) * COUNT, log);
      expect([headerLine, lines]).toEqual([expected.headerLine, expected.lines]);
      for (let i = 1; i <= COUNT; i++) held.add(n * COUNT + i);
      owed.segments.add(n);
    } catch (error) {
      if (!(error instanceof RottenSegmentError)) throw error;
      this.#rot++;
    }
  }

  #makeStore(): DiskCopyStore {
    return new DiskCopyStore({
      dir: '/copies',
      disk: asRecordDisk(this.#card),
      clock: new SimulatedClock(),
      log: silentLog,
      limits: { ...DEFAULT_COPY_STORE_LIMITS, inboxRewriteBytes: 1_000, spareBytes: 1_000 },
    });
  }
}

describe('a store of copies in many histories', () => {
  it('has after every kill, power cut and full disk what it promised, and tells of no rot', async () => {
    for (let seed = 0; seed < SEEDS; seed++) await new History(`sound-${seed}`, false).run(60);
  });

  it('tells of everything that rots and never gives it', async () => {
    for (let seed = 0; seed < SEEDS; seed++) await new History(`rot-${seed}`, true).run(60);
  });
});
