import { describe, expect, it } from 'vitest';
import { Random } from '../../../base/random.js';
import { keyOf, nextWindowStep, type SegmentName, windowSize } from '../../../edge/records/segment-window.js';

const HOLD_MS = 60_000;

describe('windowSize', () => {
  it.each([
    [0, 64],
    [1, 64],
    [10, 64],
    [156, 64],
    [1_000, 10],
    [10_000, 2],
    [1_000_000, 2],
  ])('of a fleet of %i nodes is %i segments', (nodes, size) => {
    expect(windowSize(nodes)).toBe(size);
  });
});

describe('nextWindowStep', () => {
  it('ends every history with exactly the window, whatever the broker had, and never takes what is newer away first', () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random(seed);
      const size = 2 + random.int(6);
      let nowMonoMs = 0;
      let n = 0;
      const own: SegmentName[] = [];
      let epoch = 'aaaaaaaaaaaa';
      const atBroker = new Set(Array.from({ length: random.int(5) }, (_, i) => keyOf({ epoch: 'zzzzzzzzzzzz', n: i })));
      const gone = new Map<string, number>();
      const settle = (steps: number) => {
        for (let i = 0; i < steps; i++) {
          const ownKeys = new Set(own.map(keyOf));
          for (const key of atBroker) if (!ownKeys.has(key) && !gone.has(key)) gone.set(key, nowMonoMs);
          const view = { newestFirst: own, size, atBroker, underWay: new Set<string>(), goneSinceMonoMs: gone };
          const step = nextWindowStep(view, nowMonoMs, HOLD_MS);
          if (step === undefined) return;
          if (step.kind === 'publish') atBroker.add(keyOf(step.segment));
          else {
            // Only once all that is wanted is there.
            expect(own.slice(0, size).every((segment) => atBroker.has(keyOf(segment)))).toBe(true);
            expect(own.slice(0, size).map(keyOf)).not.toContain(keyOf(step.segment));
            atBroker.delete(keyOf(step.segment));
          }
        }
      };
      for (let i = 0; i < 40; i++) {
        if (random.chance(0.2)) epoch = `${'abcdefgh'.charAt(random.int(8))}`.repeat(12);
        if (random.chance(0.7)) own.unshift({ epoch, n: n++ });
        if (random.chance(0.2)) own.pop();
        if (random.chance(0.1)) atBroker.clear();
        nowMonoMs += random.int(20_000);
        settle(random.int(4));
      }
      settle(200);
      nowMonoMs += HOLD_MS;
      settle(200);
      expect([...atBroker].sort(), `seed ${seed}`).toEqual(own.slice(0, size).map(keyOf).sort());
    }
  });

  it('clears what retention gave up only after the head had time to say so', () => {
    const key = keyOf({ epoch: 'aaaaaaaaaaaa', n: 0 });
    const view = {
      newestFirst: [],
      size: 2,
      atBroker: new Set([key]),
      underWay: new Set<string>(),
      goneSinceMonoMs: new Map([[key, 1_000]]),
    };
    expect(nextWindowStep(view, 1_000 + HOLD_MS - 1, HOLD_MS)).toBeUndefined();
    expect(nextWindowStep(view, 1_000 + HOLD_MS, HOLD_MS)).toMatchObject({ kind: 'clear' });
  });
});
