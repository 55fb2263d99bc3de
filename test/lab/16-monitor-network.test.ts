import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { addressOf, BROKER_BOARD, unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab, push } from './lab-command.js';
import { MonitorRun } from './monitor-run.js';

const board = new Board(3);
const unit = unitOf('cam3');
const BROKER = `${addressOf(BROKER_BOARD)}/32`;
/** What a board waits for before its services: a time server, a disk check. */
const SLOW_BOOT = `[Unit]
Before=${unit}
[Service]
Type=oneshot
ExecStart=/bin/sleep 100
[Install]
WantedBy=multi-user.target
`;
let watch: FleetWatch;
let monitor: MonitorRun | undefined;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
  monitor = await MonitorRun.here();
});
beforeEach(() => monitor?.sees(watch, 'cam3'));
afterEach(async () => {
  await board.tried('ip', 'route', 'del', 'blackhole', BROKER);
  await lab('heal', '3');
  await lab('power-on', '3').catch(() => {});
  await board.tried('sh', '-c', 'systemctl disable slow-boot; rm /etc/systemd/system/slow-boot.service');
});
afterAll(async () => {
  await monitor?.end();
  await watch.close();
});

describe('a board that is not to be reached', () => {
  it.each([
    ['cable out', []],
    ['switch dead', ['--silent']],
  ])('%s: is told, and nothing is restarted', async (what, options) => {
    const before = await watch.serving('cam3');
    const { mark } = watch;
    const cutMs = Date.now();
    await lab('cut', '3', ...options);
    await watch.decided('monitor', 'cam3', mark, /unreachable: board board3/);
    const toldS = ((Date.now() - cutMs) / 1000).toFixed(1);
    expect(watch.notices('monitor', 'cam3', mark)).toEqual([expect.stringMatching(/^unreachable: board board3/)]);
    const healedMs = Date.now();
    await lab('heal', '3');
    expect(await watch.serving('cam3')).toBe(before);
    const servedS = ((Date.now() - healedMs) / 1000).toFixed(1);
    const decided = await watch.decided('monitor', 'cam3', mark, /heard again/);
    expect(await board.audit(cutMs)).toEqual([]);
    expect(await board.property(unit, 'NRestarts')).toBe('0');
    report(
      `network cut under a monitor, ${what}`,
      undefined,
      `told after ${toldS} s, heard ${servedS} s after the repair; ${decided.join(' | ')}`,
    );
  });

  it('no way to the broker alone: isolated, and nothing is restarted', async () => {
    const before = await watch.serving('cam3');
    const { mark } = watch;
    const cutMs = Date.now();
    await board.console('ip', 'route', 'add', 'blackhole', BROKER);
    await watch.decided('monitor', 'cam3', mark, /isolated: it works and cannot reach the broker/);
    const toldS = ((Date.now() - cutMs) / 1000).toFixed(1);
    await board.console('ip', 'route', 'del', 'blackhole', BROKER);
    expect(await watch.serving('cam3')).toBe(before);
    const decided = await watch.decided('monitor', 'cam3', mark, /heard again/);
    expect(await board.audit(cutMs)).toEqual([]);
    report('broker out of reach under a monitor', undefined, `told after ${toldS} s; ${decided.join(' | ')}`);
  });

  it('loses its power: is told, and is back by itself', async () => {
    const before = await watch.serving('cam3');
    const { mark } = watch;
    const cutMs = Date.now();
    await lab('power-off', '3');
    await watch.decided('monitor', 'cam3', mark, /unreachable: board board3/);
    const toldS = ((Date.now() - cutMs) / 1000).toFixed(1);
    const onMs = Date.now();
    await lab('power-on', '3');
    const recovery = await watch.back('cam3', before, mark, onMs);
    const decided = await watch.decided('monitor', 'cam3', mark, /heard again/);
    expect(await board.audit(cutMs)).toEqual([]);
    report('power cut under a monitor', recovery, `told after ${toldS} s; times from power on; ${decided.join(' | ')}`);
  });

  it('is asked while it boots: its services are waited for, and nobody is told that a person stopped them', async () => {
    await push(3, SLOW_BOOT, '/etc/systemd/system/slow-boot.service');
    await board.console('sh', '-c', 'systemctl enable slow-boot && sync');
    const before = await watch.serving('cam3');
    const { mark } = watch;
    const cutMs = Date.now();
    await lab('power-off', '3');
    const booting = lab('power-on', '3').catch(String);
    await watch.decided('monitor', 'cam3', mark, /wait: systemd is on it: inactive, queued/);
    const askedS = ((Date.now() - cutMs) / 1000).toFixed(1);
    // Long enough for a second question, where the first came before the board was up; nobody waits for the rest of it.
    await board.tried('systemctl', 'kill', 'slow-boot.service');
    await booting;
    const recovery = await watch.back('cam3', before, mark, cutMs);
    const decided = await watch.decided('monitor', 'cam3', mark, /heard again/);
    expect(watch.notices('monitor', 'cam3', mark)).toEqual([]);
    expect(await board.audit(cutMs)).toEqual([]);
    report(
      'slow boot under a monitor',
      recovery,
      `asked after ${askedS} s; times from power off; ${decided.join(' | ')}`,
    );
  });
});
