import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { MonitorRun } from './monitor-run.js';

const board = new Board(3);
const unit = unitOf('cam3');
let watch: FleetWatch;
let monitors: readonly MonitorRun[] = [];

beforeAll(() => {
  watch = new FleetWatch();
});
beforeEach(async () => {
  await board.forget(unit);
  monitors = await Promise.all([MonitorRun.here('monitor'), MonitorRun.here('monitor-b')]);
  for (const monitor of monitors) await monitor?.sees(watch, 'cam3');
});
afterEach(async () => {
  for (const monitor of monitors) monitor.signal('SIGCONT');
  for (const monitor of monitors) await monitor?.end();
});
afterAll(() => watch.close());

describe('two monitors', () => {
  it('act once on one death', async () => {
    const before = await watch.serving('cam3');
    const { mark } = watch;
    await board.crashLoop(unit);
    const faultMs = Date.now();
    const recovery = await watch.back('cam3', before, mark, faultMs);
    const first = await watch.decided('monitor', 'cam3', mark, /verified/);
    const second = await watch.decided('monitor-b', 'cam3', mark, /heard again|verified/);
    // Longer than the second one waits for the first.
    await new Promise((done) => setTimeout(done, 5000));
    expect(await board.invocation(unit)).toBe(recovery.invocation);
    expect(await board.audit(faultMs - 1000)).toHaveLength(1);
    report('one death under two monitors', recovery, `first: ${first.join(' | ')}; second: ${second.join(' | ')}`);
  });

  it('the first one frozen: the second acts in its place, and the first, awake again, does not', async () => {
    const before = await watch.serving('cam3');
    const { mark } = watch;
    await board.crashLoop(unit);
    const faultMs = Date.now();
    monitors[0]?.signal('SIGSTOP');
    const recovery = await watch.back('cam3', before, mark, faultMs, 150_000);
    const decided = await watch.decided('monitor-b', 'cam3', mark, /verified/);
    monitors[0]?.signal('SIGCONT');
    await monitors[0]?.sees(watch, 'cam3');
    await new Promise((done) => setTimeout(done, 15_000));
    expect(await board.invocation(unit)).toBe(recovery.invocation);
    expect(await board.audit(faultMs - 1000)).toHaveLength(1);
    report('one death, the first of two monitors frozen', recovery, decided.join(' | '));
  });
});
