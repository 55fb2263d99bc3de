import { describe, expect, it } from 'vitest';
import { RateBudget } from '../../../../edge/sharing/offers/rate-budget.js';
import { SpareMeter, type WorkCounts } from '../../../../edge/sharing/offers/spare-meter.js';

/** A node that works evenly: so many frames/s of own cameras and looks for others, each taking a place so long. */
function measured(rates: { frames: number; looks: number; placeMs: number; detectorMs: number }, isShort = false) {
  const meter = new SpareMeter();
  for (let second = 0; second <= 30; second++) {
    const counts: WorkCounts = {
      frames: rates.frames * second,
      looks: rates.looks * second,
      framesMs: rates.frames * second * rates.placeMs,
      looksMs: rates.looks * second * rates.placeMs,
      detectorMs: (rates.frames + rates.looks) * second * rates.detectorMs,
      places: 2,
      detectors: 1,
    };
    meter.note(counts, isShort, second * 1_000);
  }
  return meter.spare;
}

describe('what a node has unused', () => {
  it('is what its detector could do besides its cameras, less a margin', () => {
    const spare = measured({ frames: 4, looks: 0, placeMs: 100, detectorMs: 100 });
    expect(spare?.capacityFps).toBeCloseTo(10, 1);
    expect(spare?.spareFps).toBeCloseTo(5, 0);
  });

  it('does not count what it does for others as used', () => {
    const spare = measured({ frames: 4, looks: 3, placeMs: 100, detectorMs: 100 });
    expect(spare?.spareFps).toBeCloseTo(5, 0);
  });

  it('knows that a place that rests is taken', () => {
    // 50 ms of work at a fifth of the time: a place is taken 250 ms.
    const spare = measured({ frames: 4, looks: 0, placeMs: 250, detectorMs: 50 });
    expect(spare?.capacityFps).toBeCloseTo(8, 1);
    expect(spare?.spareFps).toBeCloseTo(3.2, 1);
  });

  it('is nothing while own frames wait', () => {
    expect(measured({ frames: 4, looks: 0, placeMs: 100, detectorMs: 100 }, true)?.spareFps).toBe(0);
  });

  it('is known from one look before there is work, and unknown without', () => {
    const meter = new SpareMeter();
    expect(meter.spare).toBeUndefined();
    meter.setFirstLook(100, { places: 2, detectors: 1, share: 0.25 });
    expect(meter.spare).toEqual({ capacityFps: 5, spareFps: 4.5 });
  });

  it('survives counters that start anew', () => {
    const meter = new SpareMeter();
    const counts = { frames: 10, looks: 0, framesMs: 1_000, looksMs: 0, detectorMs: 1_000, places: 2, detectors: 1 };
    meter.note(counts, false, 0);
    meter.note({ ...counts, frames: 14, framesMs: 1_400, detectorMs: 1_400 }, false, 1_000);
    const before = meter.spare?.capacityFps;
    meter.note({ ...counts, frames: 0, framesMs: 0, detectorMs: 0 }, false, 2_000);
    expect(meter.spare?.capacityFps).toBe(before);
  });
});

describe('a budget whose rate changes', () => {
  it('holds the rate it has at each time, and one at least at once', () => {
    const budget = new RateBudget(500);
    const taken = (fromMs: number, untilMs: number) => {
      let count = 0;
      for (let atMs = fromMs; atMs < untilMs; atMs += 10) if (budget.take(atMs)) count++;
      return count;
    };
    budget.setRate(10, 0);
    expect(taken(0, 10_000)).toBeGreaterThanOrEqual(98);
    budget.setRate(1, 10_000);
    expect(taken(10_000, 20_000)).toBeLessThanOrEqual(11);
    budget.setRate(0, 20_000);
    expect(taken(20_000, 90_000)).toBeLessThanOrEqual(1);
  });
});
