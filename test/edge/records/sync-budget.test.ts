import { describe, expect, it } from 'vitest';
import { SyncBudget } from '../../../edge/records/sync-budget.js';

const options = { soonMs: 1_000, refillMs: 15_000, burst: 20 };

describe('SyncBudget', () => {
  it('is quick for a few records and sparing for a steady stream', () => {
    const budget = new SyncBudget(options);
    const delays = Array.from({ length: 21 }, () => budget.take(0));
    expect(delays).toEqual([...Array(20).fill(1_000), 15_000]);
  });

  it('leaves no debt behind a burst whose fsyncs came sooner than they were given', () => {
    const budget = new SyncBudget(options);
    for (let nowMonoMs = 0; nowMonoMs < 30_000; nowMonoMs += 20) budget.take(nowMonoMs);
    expect(budget.take(30_000)).toBeLessThanOrEqual(15_000);
  });

  it('allows a day of one record a second under 6,000 fsyncs', () => {
    const budget = new SyncBudget(options);
    let fsyncs = 0;
    let nowMonoMs = 0;
    while (nowMonoMs < 86_400_000) {
      nowMonoMs += Math.max(1_000, budget.take(nowMonoMs));
      fsyncs++;
    }
    expect(fsyncs).toBeLessThan(6_000);
  });

  it('is quick again after a pause', () => {
    const budget = new SyncBudget(options);
    for (let i = 0; i < 40; i++) budget.take(0);
    expect(budget.take(600_000)).toBe(1_000);
  });

  it('is always quick without a limit', () => {
    const budget = new SyncBudget({ ...options, refillMs: 0 });
    expect(Array.from({ length: 100 }, () => budget.take(0)).every((delayMs) => delayMs === 1_000)).toBe(true);
  });
});
