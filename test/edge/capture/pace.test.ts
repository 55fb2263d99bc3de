import { expect, test } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { Pacer } from '../../../edge/capture/pacer.js';
import { RateMeter } from '../../../edge/capture/rate-meter.js';

const never = new AbortController().signal;

test('a pacer holds the grid: being a little late is made up for', async () => {
  const clock = new SimulatedClock();
  const pacer = new Pacer(clock, 10);
  const times: number[] = [];
  const running = (async () => {
    for (let i = 0; i < 6; i++) {
      await pacer.wait(never);
      times.push(clock.monoMs());
      await clock.sleep(30 + (i % 3) * 20);
    }
  })();
  await clock.advance(2000);
  await running;
  expect(times).toEqual([0, 100, 200, 300, 400, 500]);
});

test('a pacer that was held up for long does not hurry after what was missed', async () => {
  const clock = new SimulatedClock();
  const pacer = new Pacer(clock, 10);
  await pacer.wait(never);
  await clock.advance(10_000);
  const times: number[] = [];
  const running = (async () => {
    for (let i = 0; i < 3; i++) {
      await pacer.wait(never);
      times.push(clock.monoMs());
    }
  })();
  await clock.advance(1000);
  await running;
  expect(times).toEqual([10_000, 10_100, 10_200]);
});

test('an unpaced pacer never waits, and both heed the signal', async () => {
  const clock = new SimulatedClock();
  await new Pacer(clock, undefined).wait(never);
  const stop = AbortSignal.abort(new Error('enough'));
  await expect(new Pacer(clock, undefined).wait(stop)).rejects.toThrow('enough');
  await expect(new Pacer(clock, 1).wait(stop)).rejects.toThrow('enough');
});

test.each([1, 7, 10, 29.97])('a rate meter tells %d/s after some seconds', (perSecond) => {
  const meter = new RateMeter();
  let atMs = 12_345;
  for (; atMs < 40_000; atMs += 1000 / perSecond) meter.add(atMs);
  expect(Math.abs(meter.perSecond(atMs) - perSecond)).toBeLessThanOrEqual(0.25);
});

test('a rate meter falls to zero when nothing comes, and starts from zero', () => {
  const meter = new RateMeter();
  expect(meter.perSecond(5000)).toBe(0);
  for (let i = 0; i < 50; i++) meter.add(5000 + i * 100);
  expect(meter.perSecond(12_000)).toBeLessThan(8);
  expect(meter.perSecond(16_000)).toBe(0);
  expect(meter.perSecond(1_000_000_000)).toBe(0);
});
