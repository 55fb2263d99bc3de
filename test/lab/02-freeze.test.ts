import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(() => watch.close());

describe('SIGSTOP', () => {
  it('of all processes of a node: the watchdog ends it, systemd starts it again', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const faultMs = Date.now();
    await lab('freeze', '2', unit);
    const recovery = await watch.back('cam2', before, mark, faultMs);
    const journal = await board.console('journalctl', '-u', unit, '--no-pager', '-n', '60');
    expect(journal).toContain('Watchdog timeout');
    report('SIGSTOP of a node', recovery, 'its watchdog (30 s) ended it, systemd restarted it');
  });

  it('of the vision process: its host ends it; the node lives on', async () => {
    const before = await watch.serving('cam2');
    const faultMs = Date.now();
    await board.console('pkill', '-STOP', '-f', 'vision-child');
    // Over when the host has seen it: 5 s of silence by the limits of these boards, then a new start.
    await watch.waitFor('the deadline has passed', () => Date.now() - faultMs > 6000);
    expect(await watch.serving('cam2')).toBe(before);
    expect(await board.invocation(unit)).toBe(before);
    const seconds = ((Date.now() - faultMs) / 1000).toFixed(1);
    report('SIGSTOP of a vision process', undefined, `frames again in ${seconds} s; its node replaced it`);
  });
});
