import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';
import { MonitorRun } from './monitor-run.js';

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;
let monitor: MonitorRun | undefined;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
  await watch.serving('cam2');
  monitor = await MonitorRun.unit();
  await monitor?.sees(watch, 'cam2');
});
afterAll(async () => {
  await monitor?.end();
  await watch.close();
});

describe('the shipped unit of the monitor', () => {
  it('leaves a killed node to its own supervisor', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const faultMs = Date.now();
    await lab('kill', '2', unit);
    const recovery = await watch.back('cam2', before, mark, faultMs);
    expect(await board.audit(faultMs)).toEqual([]);
    report('kill -9 under a monitor', recovery, 'systemd restarted it, the monitor did not');
  });

  it('brings back a node that reached its start limit', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    await board.crashLoop(unit);
    const faultMs = Date.now();
    const recovery = await watch.back('cam2', before, mark, faultMs);
    const decided = await watch.decided('monitor', 'cam2', mark, /verified/);
    expect(decided.filter((what) => what.includes(`restart of ${unit}: failed: signal 2/9`))).toHaveLength(1);
    expect(await board.audit(faultMs - 2000)).toHaveLength(1);
    report('start limit reached under a monitor', recovery, decided.join(' | '));
  });
});
