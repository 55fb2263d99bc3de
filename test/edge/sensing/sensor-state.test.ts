import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEW_SENSOR, type SensorRules, type SensorState, takeSample } from '../../../edge/sensing/sensor-state.js';

const RULES: SensorRules = {
  gain: 1,
  offset: 0,
  min: undefined,
  max: undefined,
  stuckAfterMs: undefined,
  smoothingMs: 0,
  deadband: 0,
  reportEveryMs: 60_000,
};

/** What is told of samples that come every second. */
function told(samples: readonly (number | undefined)[], rules: Partial<SensorRules> = {}): (number | string | null)[] {
  let state: SensorState = NEW_SENSOR;
  return samples.map((sample, i) => {
    const taken = takeSample(state, sample, i * 1000, { ...RULES, ...rules });
    state = taken.state;
    if (taken.tell === undefined) return null;
    return taken.tell.ok ? taken.tell.value : taken.tell.reason;
  });
}

describe('a sample', () => {
  it('is calibrated: gain, then offset', () => {
    expect(told([20], { gain: 1.1, offset: -2 })).toEqual([20]);
    expect(told([10], { gain: 2, offset: 1 })).toEqual([21]);
  });

  it('outside of what the part can measure is a fault, told once, and never a reading', () => {
    expect(told([20, 90, 90, 21], { max: 85 })).toEqual([20, 'range', null, 21]);
    expect(told([Number.NaN])).toEqual(['range']);
  });

  it('that does not come once changes nothing; twice in a row is a part that does not answer', () => {
    expect(told([20, undefined, 20.5, undefined, undefined, undefined, 20])).toEqual([
      20,
      null,
      20.5,
      null,
      'missing',
      null,
      20,
    ]);
  });

  it('that stays the very same for long is a stuck part, where that is asked for', () => {
    expect(told([5, 5, 5, 5, 6], { stuckAfterMs: 3000 })).toEqual([5, null, null, 'stuck', 6]);
    expect(told([5, 5, 5, 5, 5])).toEqual([5, null, null, null, null]);
  });

  it('is told when it differs by more than the deadband from what was told, however slowly it creeps', () => {
    const creeping = Array.from({ length: 12 }, (_, i) => 20 + i * 0.25);
    expect(told(creeping, { deadband: 1 }).filter((value) => value !== null)).toEqual([20, 21.25, 22.5]);
  });

  it('is told at least every so often', () => {
    const same = Array.from({ length: 25 }, () => 20);
    expect(told(same, { deadband: 1, reportEveryMs: 10_000 }).filter((value) => value !== null)).toHaveLength(3);
  });

  it('is smoothed by elapsed time: two thirds of a step after the time constant', () => {
    const step = [0, ...Array.from({ length: 10 }, () => 100)];
    const last = told(step, { smoothingMs: 10_000 }).at(-1);
    expect(last).toBeCloseTo(100 * (1 - Math.exp(-1)), 6);
  });

  it('after a fault is told as it is: what was smoothed before it is long gone', () => {
    expect(told([0, undefined, undefined, 100], { smoothingMs: 60_000 })).toEqual([0, null, 'missing', 100]);
  });

  it('is a reading only if it came, is inside and moves, whatever comes before', () => {
    const sample = fc.option(
      fc.oneof(fc.double({ min: -200, max: 200, noNaN: false }), fc.integer({ min: -3, max: 3 })),
      {
        nil: undefined,
      },
    );
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 60 }), (samples) => {
        const rules = { min: -40, max: 85, stuckAfterMs: 5000, smoothingMs: 3000, deadband: 0.5 };
        told(samples, rules).forEach((value, i) => {
          if (typeof value === 'number') {
            expect(value).toBeGreaterThanOrEqual(-40);
            expect(value).toBeLessThanOrEqual(85);
            expect(samples[i]).toBeDefined();
          }
          if (value === 'missing') expect([samples[i], samples[i - 1]]).toEqual([undefined, undefined]);
          if (value === 'stuck')
            expect(new Set(samples.slice(i - 5, i + 1).filter((s) => s !== undefined)).size).toBe(1);
        });
      }),
    );
  });
});
