import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { NODES, unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { hostKeys, MonitorRun } from './monitor-run.js';

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;
let monitor: MonitorRun | undefined;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterEach(async () => {
  await monitor?.end();
  monitor = undefined;
  await board.forget(unit);
  await board.tried('systemctl', 'start', unit);
});
afterAll(() => watch.close());

describe('what a person must do', () => {
  it('a unit that a person stopped stays stopped', async () => {
    monitor = await MonitorRun.here();
    await monitor.sees(watch, 'cam2');
    const { mark } = watch;
    const stoppedMs = Date.now();
    await board.console('systemctl', 'stop', unit);
    // Asked after all the same, once a start would have had the time to fail.
    const decided = await watch.decided('monitor', 'cam2', mark, /stopped: inactive/);
    const askedS = ((Date.now() - stoppedMs) / 1000).toFixed(1);
    await new Promise((done) => setTimeout(done, 5000));
    expect(await board.property(unit, 'ActiveState')).toBe('inactive');
    expect(await board.audit(stoppedMs)).toEqual([]);
    expect(watch.notices('monitor', 'cam2', mark), 'whoever stopped it knows').toEqual([]);
    const startedMs = Date.now();
    await board.console('systemctl', 'start', unit);
    await watch.serving('cam2');
    report(
      'unit stopped by a person under a monitor',
      undefined,
      `asked after ${askedS} s: ${decided.join(' | ')}; served ${((Date.now() - startedMs) / 1000).toFixed(1)} s after its start`,
    );
  });

  it('maintenance on the board: a dead node is left alone until it is over', async () => {
    monitor = await MonitorRun.here();
    await monitor.sees(watch, 'cam2');
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const maintenance = ['runuser', '-u', 'vedette-ctl', '--', 'vedette-boardctl', 'maintenance'];
    await board.console(...maintenance, 'on', unit, '30', 'anna', 'new-lens');
    const faultMs = Date.now();
    await board.crashLoop(unit);
    await watch.decided('monitor', 'cam2', mark, /maintenance by anna \(new-lens\)/);
    expect(await board.property(unit, 'ActiveState')).toBe('failed');
    const recovery = await watch.back('cam2', before, mark, faultMs);
    const decided = await watch.decided('monitor', 'cam2', mark, /verified/);
    expect(recovery.birthS).toBeGreaterThan(28);
    report('start limit during 30 s of maintenance', recovery, decided.join(' | '));
  });

  it('another host key than the pinned one: an alert, no log-in, nothing restarted', async () => {
    const keys = await hostKeys();
    monitor = await MonitorRun.here('monitor', keys.set(NODES.cam2, keys.get(NODES.cam3) ?? ''));
    await monitor.sees(watch, 'cam2');
    const { mark } = watch;
    await board.crashLoop(unit);
    const faultMs = Date.now();
    const decided = await watch.decided('monitor', 'cam2', mark, /security: .*HOST KEY CHANGED/);
    const toldS = ((Date.now() - faultMs) / 1000).toFixed(1);
    expect(watch.notices('monitor', 'cam2', mark)).toEqual([expect.stringContaining('HOST KEY CHANGED')]);
    await new Promise((done) => setTimeout(done, 5000));
    expect(await board.property(unit, 'ActiveState')).toBe('failed');
    expect(await board.audit(faultMs)).toEqual([]);
    const { out } = await board.tried(
      'journalctl',
      '--no-pager',
      '-q',
      '-u',
      'ssh',
      '--since',
      `@${Math.floor(faultMs / 1000)}`,
    );
    expect(out).not.toContain('Accepted publickey for vedette-ctl');
    report('wrong host key under a monitor', undefined, `told after ${toldS} s; ${decided.join(' | ')}`);
  });
});
