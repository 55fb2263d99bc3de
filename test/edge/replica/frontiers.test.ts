import { describe, expect, it } from 'vitest';
import { Frontiers, type Position } from '../../../edge/replica/core/frontiers.js';
import { FRONTIER_GONE_MAX, Frontier } from '../../../protocol/replica.js';
import { EPOCH } from './replica-fixture.js';

const OTHER = 'bbbbbbbbbbbb';
const position = (seq: number, gone: Position['gone'] = [], epoch = EPOCH): Position => ({
  ...{ node: 'cam2', epoch, seq, gone },
});
const tell = (frontiers: Frontiers, positions: readonly Position[], nowMonoMs: number) =>
  frontiers.due(() => positions, nowMonoMs, 1_000, 60_000);

describe('what is told of what is held durably', () => {
  it('names what was given up below, and again when that changes', () => {
    const frontiers = new Frontiers(10);
    expect(tell(frontiers, [position(9, [[4, 5]])], 0)).toMatchObject([
      { full: true, f: [['cam2', EPOCH, 9]], gone: [['cam2', EPOCH, 4, 5]] },
    ]);
    expect(tell(frontiers, [position(9, [[4, 5]])], 2_000)).toEqual([]);
    const [change] = tell(frontiers, [position(9)], 4_000);
    expect(change).toMatchObject({ full: false, f: [['cam2', EPOCH, 9]] });
    expect(change?.gone).toBeUndefined();
  });

  it('claims only what lies before the first range that has no room in the message', () => {
    const gone = Array.from({ length: 20 }, (_, i): [number, number] => [10 * i + 5, 10 * i + 6]);
    const [told] = tell(new Frontiers(10), [position(1_000, gone)], 0);
    expect(told?.f).toEqual([['cam2', EPOCH, 164]]);
    expect(told?.gone).toHaveLength(16);
  });

  it('keeps within what a message may carry, whatever was given up', () => {
    const gone = Array.from({ length: 16 }, (_, i): [number, number] => [10 * i + 5, 10 * i + 6]);
    const epochs = Array.from({ length: 40 }, (_, i) => `${'a'.repeat(10)}${'abcdefgh'[i % 8]}${'abcde'[i >> 3]}`);
    const [told] = tell(
      new Frontiers(10),
      epochs.map((epoch) => position(200, gone, epoch)),
      0,
    );
    expect(Frontier.safeParse(told).success).toBe(true);
    expect(told?.gone).toHaveLength(FRONTIER_GONE_MAX);
    expect(told?.f.filter(([, , seq]) => seq === 4)).toHaveLength(24);
  });
});

describe('what others claim', () => {
  const heard = (gone: Frontier['gone'] = []) => {
    const frontiers = new Frontiers(10);
    const f: Frontier['f'] = [['cam2', EPOCH, 20]];
    frontiers.hear('cam3', { v: 1, full: true, part: 0, parts: 1, f, gone });
    return frontiers;
  };

  it('is what lies below their frontier, but for what they gave up and what they said they no longer have', () => {
    const frontiers = heard([['cam2', EPOCH, 8, 9]]);
    expect(frontiers.claimed('cam3', 'cam2', EPOCH, [[5, 30]])).toEqual([
      [5, 7],
      [10, 20],
    ]);
    frontiers.noteFirst('cam3', 'cam2', EPOCH, 11);
    expect(frontiers.claimed('cam3', 'cam2', EPOCH, [[5, 30]])).toEqual([[11, 20]]);
    expect(frontiers.claimed('cam3', 'cam2', OTHER, [[5, 30]])).toEqual([]);
    expect(frontiers.claimed('cam4', 'cam2', EPOCH, [[5, 30]])).toEqual([]);
  });

  it('is believed again of a log that they said to have nothing of, and name anew', () => {
    const frontiers = heard();
    frontiers.noteFirst('cam3', 'cam2', EPOCH, Number.MAX_SAFE_INTEGER);
    expect(frontiers.claimed('cam3', 'cam2', EPOCH, [[5, 5]])).toEqual([]);
    frontiers.hear('cam3', { v: 1, full: false, part: 0, parts: 1, f: [['cam2', EPOCH, 21]] });
    expect(frontiers.claimed('cam3', 'cam2', EPOCH, [[5, 5]])).toEqual([[5, 5]]);
  });
});
