import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { DEFAULT_COPY_STORE_LIMITS } from '../../../edge/replica/store/copy-store-limits.js';
import { DiskCopyStore } from '../../../edge/replica/store/disk-copy-store.js';
import { DEFAULT_SCRUB_LIMITS, planScrub, type ScrubTarget } from '../../../edge/replica/store/scrub-schedule.js';
import { Scrubber } from '../../../edge/replica/store/scrubber.js';
import { asRecordDisk } from '../../sim/kernel/record-disk-adapter.js';
import { SimulatedDisk } from '../../sim/kernel/simulated-disk.js';
import { buildSegment, EPOCH } from './copy-store-contract.js';

const target = (n: number, bytes: number): ScrubTarget => ({ node: 'cam2', epoch: EPOCH, n, bytes });

describe('the schedule of the scrub', () => {
  it('reads every segment once in a round, larger ones after longer pauses', () => {
    const targets = Array.from({ length: 1_000 }, (_, n) => target(n, 1_000 + n));
    const seen = new Set<number>();
    let last: ScrubTarget | undefined;
    let totalMs = 0;
    for (let i = 0; i < targets.length; i++) {
      const step = planScrub(targets, last, 0.5, DEFAULT_SCRUB_LIMITS);
      if (step === undefined) throw new Error('nothing to scrub');
      totalMs += step.pauseMs;
      seen.add(step.target.n);
      last = step.target;
    }
    expect(seen.size).toBe(1_000);
    expect(totalMs / DEFAULT_SCRUB_LIMITS.roundMs).toBeCloseTo(1, 5);
  });

  it('begins anywhere, and never reads faster than its limit', () => {
    const targets = Array.from({ length: 10 }, (_, n) => target(n, 1_000));
    expect(planScrub(targets, undefined, 0.75, DEFAULT_SCRUB_LIMITS)?.target.n).toBe(7);
    const limits = { ...DEFAULT_SCRUB_LIMITS, roundMs: 100 };
    expect(planScrub(targets, target(9, 1_000), 0.5, limits)).toMatchObject({ target: { n: 0 }, pauseMs: 1_000 });
    expect(planScrub([], undefined, 0.5, DEFAULT_SCRUB_LIMITS)).toBeUndefined();
  });

  it('goes on behind a segment that expired meanwhile', () => {
    expect(planScrub([target(1, 10), target(5, 10)], target(3, 10), 0.5, DEFAULT_SCRUB_LIMITS)?.target.n).toBe(5);
  });
});

describe('Scrubber', () => {
  it('finds a flipped byte, puts the segment aside and tells', async () => {
    const card = new SimulatedDisk();
    const clock = new SimulatedClock();
    const store = new DiskCopyStore({
      dir: '/copies',
      disk: asRecordDisk(card),
      clock,
      log: silentLog,
      limits: DEFAULT_COPY_STORE_LIMITS,
    });
    await store.open();
    for (let n = 0; n < 20; n++) await store.saveSegment(buildSegment(n, n * 4 + 1, n * 4 + 4));
    card.flipBit(new Random('rot'), (path) => path.endsWith('00000013.jsonl.gz'));
    const told: [number, string][] = [];
    const limits = { roundMs: 20 * 60_000, pauseMinMs: 1, pauseMaxMs: 3_600_000 };
    const scrubber = new Scrubber({
      clock,
      random: new Random('scrub'),
      log: silentLog,
      limits,
      targets: () => store.segments(),
      read: ({ node, epoch, n }) => store.readSegment(node, epoch, n),
      onRot: ({ n }, reason) => told.push([n, reason]),
    });
    scrubber.open();
    for (let minute = 0; minute < 500 && (scrubber.counters().segments ?? 0) < 25; minute++) {
      await clock.advance(60_000);
      // Inflating runs in a thread of its own, in real time: a busy machine takes more of these minutes.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    scrubber.close();
    expect(told.map(([n]) => n)).toEqual([13]);
    expect(store.segments().map(({ n }) => n)).not.toContain(13);
    expect(scrubber.counters()).toMatchObject({ rotten: 1, unreadable: 0 });
    await store.close();
  });
});
