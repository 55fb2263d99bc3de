import { describe, expect, it } from 'vitest';
import { decideLoad, type Load } from '../../../edge/health/load.js';

describe('decideLoad', () => {
  it.each<[string, Load, number, number, boolean, Load]>([
    ['stays active at half the frames overrun', 'active', 100, 50, true, 'active'],
    ['is overloaded above', 'active', 100, 51, true, 'overloaded'],
    ['stays overloaded between the two limits', 'overloaded', 100, 20, true, 'overloaded'],
    ['is active again below the lower one', 'overloaded', 100, 19, true, 'active'],
    ['keeps its state without frames', 'overloaded', 0, 0, true, 'overloaded'],
    ['is overloaded while records do not reach the disk', 'active', 100, 0, false, 'overloaded'],
  ])('%s', (_, previous, frames, overruns, diskOk, expected) => {
    expect(decideLoad(previous, { frames, overruns, diskOk })).toBe(expected);
  });
});
