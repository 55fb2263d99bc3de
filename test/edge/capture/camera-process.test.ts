import { resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { Camera } from '../../../edge/capture/camera.js';
import { SimSource } from '../../../edge/capture/sim/sim-source.js';
import { eventually } from '../../eventually.js';
import { isRunning } from './processes.js';

const stop = new AbortController();
let running: Promise<void> | undefined;
afterEach(async () => {
  stop.abort();
  await running;
});

test('a camera program that is killed again and again comes back each time, its taker notices gaps only', async () => {
  const clock = new SystemClock();
  const told: string[] = [];
  const sources: SimSource[] = [];
  const config = { driver: 'sim' as const, seed: '1', widthPx: 64, heightPx: 48, fps: 100 };
  const camera = new Camera({
    id: 'front',
    makeSource: (buffers) => {
      const command = [process.execPath, resolve('test/data/bin/pipe-camera.mjs')];
      const source = new SimSource(config, command, clock, buffers);
      sources.push(source);
      return source;
    },
    traits: { live: true, repeats: false, every: false, once: false, fps: 100 },
    clock,
    random: new Random('killed'),
    log: silentLog,
    onState: (status) => told.push(status.reason ?? 'ok'),
  });
  running = camera.run(stop.signal);
  const pids: number[] = [];
  let taken = 0;
  for (let round = 1; round <= 3; round++) {
    await eventually(() => camera.status().ok, `ok in round ${round}`);
    for (let i = 0; i < 5; i++) if ((await camera.slot.take(stop.signal)) !== undefined) taken++;
    const pid = sources.at(-1)?.pid ?? 0;
    pids.push(pid);
    process.kill(pid, 'SIGKILL');
    await eventually(() => !camera.status().ok, `unplugged in round ${round}`);
  }
  await eventually(() => camera.status().ok, 'ok at the end');
  expect(told).toEqual(['ok', 'unplugged', 'ok', 'unplugged', 'ok', 'unplugged', 'ok']);
  expect(taken).toBe(15);
  expect(camera.counters()).toMatchObject({ restarts: 3, 'fault-unplugged': 3 });
  pids.push(sources.at(-1)?.pid ?? 0);
  stop.abort();
  await running;
  for (const pid of pids) expect(isRunning(pid)).toBe(false);
});
