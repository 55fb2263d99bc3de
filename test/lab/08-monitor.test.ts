import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { BROKER_BOARD, keyFile, MONITOR_YAML, passwordFile } from './fleet-plan.js';
import { report } from './fleet-watch.js';
import { lab, push } from './lab-command.js';

const board = new Board(BROKER_BOARD);
const unit = 'vedette-monitor.service';

beforeAll(async () => {
  await push(BROKER_BOARD, MONITOR_YAML, '/etc/vedette/monitor.yaml');
  await push(BROKER_BOARD, readFileSync(passwordFile('monitor'), 'utf8'), '/etc/vedette/monitor.password', 0o600);
  await push(BROKER_BOARD, readFileSync(keyFile('monitor'), 'utf8'), '/etc/vedette/monitor.ssh-key', 0o600);
});
afterAll(() => board.console('systemctl', 'stop', unit));

describe('the shipped unit of the monitor', () => {
  it('starts, is ready, and feeds its watchdog from its decisions', async () => {
    await board.console('systemctl', 'start', unit);
    const first = await board.property(unit, 'WatchdogTimestampMonotonic');
    await expect.poll(() => board.property(unit, 'WatchdogTimestampMonotonic'), { timeout: 40_000 }).not.toBe(first);
    expect(await board.property(unit, 'NRestarts')).toBe('0');
  });

  it('frozen, is ended by its watchdog and started again', async () => {
    const was = await board.invocation(unit);
    const faultMs = Date.now();
    await lab('freeze', String(BROKER_BOARD), unit);
    await expect.poll(() => board.invocation(unit), { timeout: 120_000, interval: 500 }).not.toBe(was);
    await board.reaches(unit, 'ActiveState', 'active', 120_000);
    const seconds = ((Date.now() - faultMs) / 1000).toFixed(1);
    report('SIGSTOP of the monitor', undefined, `its watchdog (30 s) ended it; active again in ${seconds} s`);
  });
});
