import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';

/** What vision finds beside the main process: enough for Node.js to start, half of what a loaded model needs. */
const ROOM_MIB = 30;
const STEP_MIB = 4;

const board = new Board(2);
const unit = unitOf('cam2');
let watch: FleetWatch;

/** What cannot be taken back from a process, MiB. */
async function anonMib(pid: string): Promise<number> {
  const line = await board.console('grep', '^RssAnon:', `/proc/${pid}/status`);
  return Number(/\d+/.exec(line)?.[0]) / 1024;
}

/** The two processes of the node, while they work. */
async function sizes(): Promise<{ readonly mainMib: number; readonly visionMib: number }> {
  const main = await board.property(unit, 'MainPID');
  const vision = (await board.console('pgrep', '-P', main, '-f', 'vision-child')).trim();
  return { mainMib: await anonMib(main), visionMib: await anonMib(vision) };
}

/** Another limit than the shipped one, from now on: what needs more hits it as a leak would hit 750. */
async function limit(mib: number): Promise<void> {
  await board.console('systemctl', 'set-property', '--runtime', unit, `MemoryMax=${mib}M`);
}

/**
 * Takes room away until the unit says the words: main of a young life is smaller than it was when it was measured, by as much as
 * vision may need, and what the kernel can take back instead (pages of files) differs between machines.
 */
async function squeezeUntilSaid(life: string, words: string, fromMib: number, toMib: number): Promise<number> {
  for (let mib = fromMib; mib >= toMib; mib -= STEP_MIB) {
    await limit(mib);
    const said = await board.saysOf(unit, life, words, 5000).then(
      () => true,
      () => false,
    );
    if (said) return mib;
  }
  throw new Error(`${unit} has not said "${words}" within ${toMib} MiB:\n${await board.journal(life)}`);
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
// Also where a case failed half-way: the node is to be there for the next one.
afterEach(async () => {
  await limit(750);
  await board.forget(unit);
});
afterAll(() => watch.close());

describe('the memory limit', () => {
  it('is the shipped one', async () => {
    expect(await board.property(unit, 'MemoryMax')).toBe(String(750 * 1024 * 1024));
  });

  it('takes the vision process when it is hit; the node stays, and starts another one', async () => {
    await watch.serving('cam2');
    const { mainMib, visionMib } = await sizes();
    expect(visionMib, 'it needs more than it will find').toBeGreaterThan(ROOM_MIB + 10);
    const startMib = Math.round(mainMib + ROOM_MIB);
    await restartWithin(startMib);
    await board.reaches(unit, 'ActiveState', 'active');
    const life = await board.invocation(unit);
    const words = 'vision process ended; starting it again';
    const limitMib = await squeezeUntilSaid(life, words, startMib, Math.round(mainMib * 0.8));
    await limit(750);
    const raisedMs = Date.now();
    expect(await watch.serving('cam2')).toBe(life);
    expect(await board.invocation(unit)).toBe(life);
    const seconds = ((Date.now() - raisedMs) / 1000).toFixed(1);
    const measured = `main ${mainMib.toFixed(0)} MiB, vision ${visionMib.toFixed(0)} MiB, limit ${limitMib} MiB`;
    report(
      'memory limit hit by the vision process',
      undefined,
      `the node stayed; frames ${seconds} s after room came; ${measured}`,
    );
  });

  it('takes the whole node when even that has no room; systemd starts it until there is', async () => {
    const before = await watch.serving('cam2');
    const { mainMib } = await sizes();
    await restartWithin(Math.round(mainMib / 2));
    const { mark } = watch;
    await board.reaches(unit, 'NRestarts', /^[1-9]/);
    await limit(750);
    const recovery = await watch.back('cam2', before, mark, Date.now());
    report(
      'memory limit hit by the node',
      recovery,
      'the kernel killed it, systemd restarted it; times since room came',
    );
  });
});
