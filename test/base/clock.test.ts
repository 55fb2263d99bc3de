import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../base/clock.js';

describe('SimulatedClock', () => {
  it('fires timers in order of their due time, then of their making', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push('b'));
    clock.after(10, () => fired.push('a'));
    clock.after(20, () => fired.push('c'));
    await clock.advance(20);
    expect(fired).toEqual(['a', 'b', 'c']);
  });

  it('wakes a sleeper that sleeps again within one advance', async () => {
    const clock = new SimulatedClock();
    const wakes: number[] = [];
    const loop = (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(100);
        wakes.push(clock.monoMs());
      }
    })();
    await clock.advance(1000);
    await loop;
    expect(wakes).toEqual([100, 200, 300]);
  });

  it('rejects a sleep whose signal aborts', async () => {
    const clock = new SimulatedClock();
    const stop = new AbortController();
    const sleep = clock.sleep(1000, stop.signal);
    stop.abort(new Error('stopped'));
    await expect(sleep).rejects.toThrow('stopped');
  });

  it('steps the wall clock without moving the monotonic one', () => {
    const clock = new SimulatedClock(1000);
    clock.jumpWall(-500);
    expect([clock.nowMs(), clock.monoMs()]).toEqual([500, 0]);
  });
});
