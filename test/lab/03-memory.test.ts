import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;

/** Another limit than the shipped one, from now on: what needs 200 MiB hits it as a leak would hit 750. */
async function limit(mib: number): Promise<void> {
  await board.console('systemctl', 'set-property', '--runtime', unit, `MemoryMax=${mib}M`);
}

/** Starts anew within the limit, so that the service has to grow into it. */
async function restartWithin(mib: number): Promise<void> {
  await board.console('systemctl', 'stop', unit);
  await limit(mib);
  await board.console('systemctl', 'start', '--no-block', unit);
}

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(async () => {
  await limit(750);
  await watch.close();
});

describe('the memory limit', () => {
  it('is the shipped one', async () => {
    expect(await board.property(unit, 'MemoryMax')).toBe(String(750 * 1024 * 1024));
  });

  it('takes the vision process when it is hit; the node stays, and starts another one', async () => {
    await watch.serving('cam2');
    await restartWithin(130);
    await board.reaches(unit, 'ActiveState', 'active');
    const life = await board.invocation(unit);
    await board.saysOf(unit, life, 'vision process ended; starting it again');
    await limit(750);
    const raisedMs = Date.now();
    expect(await watch.serving('cam2')).toBe(life);
    expect(await board.invocation(unit)).toBe(life);
    const seconds = ((Date.now() - raisedMs) / 1000).toFixed(1);
    report('memory limit hit by the vision process', undefined, `the node stayed; frames ${seconds} s after room came`);
  });

  it('takes the whole node when even that has no room; systemd starts it until there is', async () => {
    const before = await watch.serving('cam2');
    await restartWithin(30);
    const { mark } = watch;
    await board.reaches(unit, 'NRestarts', '1', 60_000);
    await limit(750);
    const recovery = await watch.back('cam2', before, mark, Date.now());
    report(
      'memory limit hit by the node',
      recovery,
      'the kernel killed it, systemd restarted it; times since room came',
    );
  });
});
