import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { BROKER_BOARD, NODES, type NodeName, unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab, push } from './lab-command.js';
import { MonitorRun } from './monitor-run.js';

const board = new Board(BROKER_BOARD);
const unit = 'vedette-broker.service';
const NAMES = ['cam2', 'cam3'] as const satisfies readonly NodeName[];
const DROP_IN = `/run/systemd/system/${unit}.d`;
let watch: FleetWatch;
let monitor: MonitorRun | undefined;

beforeAll(async () => {
  // Its board does not start it again: what is left is the monitor. Its watchdog stays: a broker has no other pulse.
  await board.console('mkdir', '-p', DROP_IN);
  await push(BROKER_BOARD, '[Service]\nRestart=no\n', '/etc/vedette-lab-broker.conf');
  await board.console('cp', '/etc/vedette-lab-broker.conf', `${DROP_IN}/lab.conf`);
  await board.console('systemctl', 'daemon-reload');
  await board.console('systemctl', 'restart', unit);
  watch = new FleetWatch();
  monitor = await MonitorRun.here();
});
beforeEach(async () => {
  await board.forget(unit);
  await monitor?.sees(watch, ...NAMES);
});
afterEach(async () => {
  await board.tried('systemctl', 'kill', '--signal=CONT', unit);
});
afterAll(async () => {
  await board.console('rm', '-rf', DROP_IN);
  await board.console('systemctl', 'daemon-reload');
  await board.console('systemctl', 'restart', unit);
  await monitor?.end();
  await watch.close();
});

describe('a broker that nobody on its board brings back', () => {
  it.each([
    ['killed', 'failed: signal 2/9', () => lab('kill', String(BROKER_BOARD), unit)],
    ['frozen', 'failed: watchdog', () => lab('freeze', String(BROKER_BOARD), unit)],
  ])('%s: the monitor restarts its unit, and no other', async (what, state, fault) => {
    const lives = await Promise.all(NAMES.map((node) => watch.serving(node)));
    const was = await board.invocation(unit);
    const { mark } = watch;
    const faultMs = Date.now();
    await fault();
    const decided = await watch.decided('monitor', 'main', mark, /takes connections again/, 150_000);
    const backS = ((Date.now() - faultMs) / 1000).toFixed(1);
    expect(await board.invocation(unit)).not.toBe(was);
    expect(decided.filter((text) => text.includes(`restart of ${unit}: ${state}`))).toHaveLength(1);
    expect(await Promise.all(NAMES.map((node) => watch.serving(node)))).toEqual(lives);
    const heardS = ((Date.now() - faultMs) / 1000).toFixed(1);
    expect(await board.audit(faultMs)).toHaveLength(1);
    for (const node of NAMES) {
      expect(await new Board(NODES[node]).audit(faultMs)).toEqual([]);
      expect(await new Board(NODES[node]).invocation(unitOf(node))).toBe(lives[NAMES.indexOf(node)]);
    }
    report(
      `broker ${what} under a monitor`,
      undefined,
      `told after ${backS} s, all nodes heard after ${heardS} s; ${decided.join(' | ')}`,
    );
  });
});
