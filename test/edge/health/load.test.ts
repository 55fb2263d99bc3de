import { describe, expect, it } from 'vitest';
import { decideLoad, type Load } from '../../../edge/health/load.js';

describe('decideLoad', () => {
  it.each<[string, Load, number, number, number, Load]>([
    ['stays active at half the frames overrun', 'active', 100, 50, 0, 'active'],
    ['is overloaded above', 'active', 100, 51, 0, 'overloaded'],
    ['stays overloaded between the two limits', 'overloaded', 100, 20, 0, 'overloaded'],
    ['is active again below the lower one', 'overloaded', 100, 19, 0, 'active'],
    ['keeps its state while no frame comes for a while', 'overloaded', 0, 0, 59_999, 'overloaded'],
    ['has nothing to do when none has come for a minute', 'overloaded', 0, 0, 60_000, 'active'],
  ])('%s', (_, previous, frames, overruns, quietMs, expected) => {
    expect(decideLoad(previous, { frames, overruns, quietMs })).toBe(expected);
  });
});
