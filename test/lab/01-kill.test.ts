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

describe('kill -9', () => {
  it('of a node: its own systemd has it back in seconds', async () => {
    const before = await watch.serving('cam2');
    const { mark } = watch;
    const faultMs = Date.now();
    await lab('kill', '2', unit);
    const recovery = await watch.back('cam2', before, mark, faultMs, 60_000);
    expect(await board.property(unit, 'NRestarts')).toBe('1');
    expect(await board.audit(faultMs)).toEqual([]);
    report('kill -9 of a node', recovery, 'systemd restarted it, nothing else acted');
  });

  it('of the vision process: the node starts it again and lives on', async () => {
    const before = await watch.serving('cam2');
    const faultMs = Date.now();
    await board.console('pkill', '-KILL', '-f', 'vision-child');
    expect(await watch.serving('cam2')).toBe(before);
    await watch.waitFor('a few more seconds', () => Date.now() - faultMs > 5000);
    expect(await watch.serving('cam2')).toBe(before);
    expect(await board.invocation(unit)).toBe(before);
    report('kill -9 of a vision process', undefined, 'its node started another one; same invocation');
  });
});
