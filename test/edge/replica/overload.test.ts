import { describe, expect, it } from 'vitest';
import { Overload } from '../../../edge/replica/core/overload.js';

const LIMITS = { overloadLagMs: 200, overloadWaiting: 1_000, overloadMs: 10_000 };

/** Lets ticks of 100 ms pass that all see the same; whether it is overloaded at the end. */
function ticks(overload: Overload, fromMs: number, seconds: number, lateMs: number, waiting = 0): boolean {
  let isOverloaded = false;
  for (let i = 0; i < 10 * seconds; i++) isOverloaded = overload.note({ lateMs, waiting }, fromMs + i * 100);
  return isOverloaded;
}

describe('Overload', () => {
  it('begins after ten seconds of late ticks and ends after ten of half as late ones', () => {
    const overload = new Overload(LIMITS);
    expect(ticks(overload, 0, 10, 300)).toBe(false);
    expect(ticks(overload, 10_000, 1, 300)).toBe(true);
    expect(ticks(overload, 20_000, 60, 150)).toBe(true);
    expect(ticks(overload, 90_000, 21, 10)).toBe(false);
  });

  it('begins with writes that pile up, too, and not with a short burst of them', () => {
    const overload = new Overload(LIMITS);
    expect(ticks(overload, 0, 9, 0, 2_000)).toBe(false);
    expect(ticks(overload, 9_000, 9, 0, 5)).toBe(false);
    expect(ticks(overload, 20_000, 11, 0, 1_001)).toBe(true);
  });

  it('is not set off by one tick in thirty that is late', () => {
    const overload = new Overload(LIMITS);
    for (let i = 0; i < 600; i++) {
      expect(overload.note({ lateMs: i % 30 === 0 ? 5_000 : 1, waiting: 0 }, i * 100)).toBe(false);
    }
  });
});
