import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';

const board = new Board(3);
const unit = unitOf('cam3');
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(async () => {
  await lab('heal', '3');
  await watch.close();
});

describe('a board without its network', () => {
  it.each([
    ['the cable is out', []],
    ['the switch is dead', ['--silent']],
  ])('detects on when %s, and is heard again without a restart', async (what, options) => {
    const before = await watch.serving('cam3');
    const cutMs = Date.now();
    await lab('cut', '3', ...options);
    // Longer than the watchdog: losing the broker is no reason to be restarted.
    await watch.waitFor('the cut to last', () => Date.now() - cutMs > 45_000);
    expect(await board.property(unit, 'ActiveState')).toBe('active');
    const pulse = await board.console('cat', '/run/vedette/edge-cam3/health');
    expect(pulse).toContain('mqtt=0');
    expect(Number(/frame_age_ms=(\d+)/.exec(pulse)?.[1])).toBeLessThan(5000);
    const healedMs = Date.now();
    await lab('heal', '3');
    expect(await watch.serving('cam3')).toBe(before);
    expect(await board.property(unit, 'NRestarts')).toBe('0');
    expect(await board.audit(cutMs)).toEqual([]);
    const seconds = ((Date.now() - healedMs) / 1000).toFixed(1);
    report(`network cut for 45 s, ${what}`, undefined, `no restart; heard again ${seconds} s after`);
  });
});
