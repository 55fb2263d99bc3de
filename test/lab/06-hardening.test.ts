import { describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { report } from './fleet-watch.js';

const EXPOSURE_MAX = 2.0;
const UNITS = [
  [2, 'vedette-edge@cam2.service'],
  [1, 'vedette-broker.service'],
  [1, 'vedette-monitor.service'],
] as const;

describe('the shipped units', () => {
  it.each(UNITS)('on board %i: %s is exposed by 2.0 at most, says systemd-analyze security', async (index, unit) => {
    const board = new Board(index);
    const out = await board.console('systemd-analyze', 'security', '--no-pager', unit);
    const exposure = Number(/Overall exposure level for [^:]*: ([0-9.]+)/.exec(out)?.[1]);
    expect(exposure).toBeLessThanOrEqual(EXPOSURE_MAX);
    report(`${unit}`, undefined, `exposure ${exposure}`);
  });

  it.each(UNITS)('on board %i: %s has nothing that systemd does not know', async (index, unit) => {
    const { out, err, status } = await new Board(index).tried('systemd-analyze', 'verify', unit);
    expect(`${out}${err}`).toBe('');
    expect(status).toBe(0);
  });
});
