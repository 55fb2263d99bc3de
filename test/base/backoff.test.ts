import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from '../../base/backoff.js';

const options = { firstMs: 1000, maxMs: 30_000, factor: 2 };

describe('backoffDelayMs', () => {
  it.each([
    [0, 1, 1000],
    [1, 1, 2000],
    [4, 1, 16_000],
    [5, 1, 30_000],
    [1_000_000, 1, 30_000],
    [0, 0, 100],
    [5, 0, 3000],
  ])('attempt %i with random %d waits %d ms', (attempt, random, expected) => {
    expect(backoffDelayMs(attempt, options, random)).toBeCloseTo(expected);
  });
});
