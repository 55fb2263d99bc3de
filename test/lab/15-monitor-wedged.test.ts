import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { nodeYaml, unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab, push } from './lab-command.js';
import { MonitorRun } from './monitor-run.js';

const board = new Board(2);
const unit = unitOf('cam2');
const CONFIG = '/etc/vedette/edge/cam2.yaml';
const DROP_IN = `/etc/systemd/system/${unit}.d/lab.conf`;
let watch: FleetWatch;
let monitor: MonitorRun | undefined;

/** What would be quicker than the monitor is switched off: the unit's watchdog, and the node's own repair of its vision. */
async function withoutOwnRepair(): Promise<void> {
  await push(2, nodeYaml('cam2').replace('frameDeadlineMs: 5000', 'frameDeadlineMs: 120000'), CONFIG);
  await board.console('mkdir', '-p', `/etc/systemd/system/${unit}.d`);
  await push(2, '[Service]\nWatchdogSec=0\n', DROP_IN);
  await board.console('systemctl', 'daemon-reload');
  await board.console('systemctl', 'restart', unit);
}

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
  await withoutOwnRepair();
  await watch.serving('cam2');
  monitor = await MonitorRun.here();
  await monitor?.sees(watch, 'cam2');
});
afterEach(async () => {
  await board.tried('systemctl', 'kill', '--signal=CONT', unit);
});
afterAll(async () => {
  await board.console('rm', '-f', DROP_IN);
  await push(2, nodeYaml('cam2'), CONFIG);
  await board.console('systemctl', 'daemon-reload');
  await board.console('systemctl', 'restart', unit);
  await monitor?.end();
  await watch.close();
});

describe('a node that is alive and does not work', () => {
  it('beats with old frames: restarted by the monitor', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const faultMs = Date.now();
    // The vision process stops in the middle of its work; the main process goes on beating.
    const main = await board.property(unit, 'MainPID');
    await board.console('sh', '-c', `kill -STOP $(pgrep -P ${main})`);
    const recovery = await watch.back('cam2', before, mark, faultMs);
    const decided = await watch.decided('monitor', 'cam2', mark, /verified/);
    expect(decided.filter((what) => what.includes(`restart of ${unit}`))).toHaveLength(1);
    expect(watch.isLost('cam2', mark), 'its session lived: nothing but its frames told').toBe(false);
    expect(await board.audit(faultMs)).toHaveLength(1);
    report('wedged pipeline under a monitor', recovery, decided.join(' | '));
  });

  it('hangs as a whole: restarted by the monitor', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const faultMs = Date.now();
    await lab('freeze', '2', unit);
    const recovery = await watch.back('cam2', before, mark, faultMs);
    const decided = await watch.decided('monitor', 'cam2', mark, /verified/);
    expect(decided.filter((what) => what.includes(`restart of ${unit}: active, but its pulse`))).toHaveLength(1);
    expect(await board.audit(faultMs)).toHaveLength(1);
    report('SIGSTOP without a watchdog under a monitor', recovery, decided.join(' | '));
  });
});
