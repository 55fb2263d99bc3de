import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { trendOf } from './trend.js';

const MINUTE_MS = 60_000;
const values = (count: number, value: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => ({ atMonoMs: i * MINUTE_MS, value: value(i) }));

describe('the trend of a value', () => {
  it('is flat after a warm-up, however much it rose before', () => {
    const trend = trendOf(values(60, (i) => Math.min(i, 15) * 10));
    expect(trend).toMatchObject({ first: 0, last: 150, max: 150 });
    expect(trend.perHour).toBe(0);
  });

  it('shows a leak under noise and spikes', () => {
    const random = new Random('trend');
    const leak = values(60, (i) => 200 + i * 0.5 + random.range(-5, 5) + (i % 11 === 0 ? 80 : 0));
    expect(trendOf(leak).perHour).toBeGreaterThan(20);
    expect(trendOf(leak).perHour).toBeLessThan(40);
    const flat = values(60, (i) => 200 + random.range(-5, 5) + (i % 11 === 0 ? 80 : 0));
    expect(Math.abs(trendOf(flat).perHour)).toBeLessThan(10);
  });

  it('of one sample is flat, of none an error', () => {
    expect(trendOf(values(1, () => 7)).perHour).toBe(0);
    expect(() => trendOf([])).toThrow('no samples');
  });
});
