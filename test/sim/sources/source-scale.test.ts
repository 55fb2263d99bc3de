import { beforeAll, describe, expect, it } from 'vitest';
import { fairShares } from './last-one.js';
import { measureSourceScale, type SourceScaleRow } from './source-scale.js';

describe('a fleet of forty nodes with eighty sources', () => {
  let row: SourceScaleRow;

  beforeAll(() => {
    row = measureSourceScale(1, 40, { calmMs: 60_000, rounds: 2 });
  }, 180_000);

  it('has an owner for each of them soon, and the load on all', () => {
    expect(row.firstMaxMs).toBeLessThan(30_000);
    expect(row.fairness).toBeGreaterThan(0.4);
    expect(row.fairnessByWeight).toBeGreaterThan(0.2);
  });

  it('moves nothing while nothing happens, and what is lost once', () => {
    expect(row.calm).toMatchObject({ takesPerHour: 0, lostPerHour: 0 });
    expect(row.churn.lostPerHour).toBeGreaterThan(0);
    expect(row.churn.takesPerHour / row.churn.lostPerHour).toBeLessThan(1.2);
  });

  it('watches again within a second what a killed node had, and what one had that is cut off when its will comes', () => {
    expect(row.killed.sources).toBeGreaterThan(0);
    expect(row.killed.maxMs).toBeLessThanOrEqual(1_000);
    expect(row.cutOff.maxMs).toBeLessThanOrEqual(16_000);
  });
});

describe('fair shares', () => {
  it('give who asks for little what it asks, and the others the same', () => {
    expect(fairShares([1, 10, 10], 9)).toEqual([1, 4, 4]);
    expect(fairShares([10, 1, 2], 9)).toEqual([6, 1, 2]);
    expect(fairShares([1, 2], 9)).toEqual([1, 2]);
    expect(fairShares([], 9)).toEqual([]);
  });
});
