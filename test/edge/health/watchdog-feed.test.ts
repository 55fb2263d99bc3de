import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { WatchdogFeed } from '../../../edge/health/watchdog-feed.js';

const REPAIR_MS = 100_000;

function feed() {
  const clock = new SimulatedClock();
  const fed: string[] = [];
  const watchdog = new WatchdogFeed({
    feed: (status) => fed.push(status),
    clock,
    repairMs: REPAIR_MS,
    status: () => 'fine',
  });
  watchdog.open();
  return { clock, fed, watchdog };
}

describe('the feed of the watchdog', () => {
  it('feeds while the pipeline moves', async () => {
    const { clock, fed, watchdog } = feed();
    for (let second = 0; second < 300; second++) {
      watchdog.progress();
      await clock.advance(1_000);
    }
    expect(fed).toHaveLength(300);
    expect(fed.at(-1)).toBe('fine');
  });

  it('goes on feeding for as long as a repair of the vision process may take, and no longer', async () => {
    const { clock, fed, watchdog } = feed();
    await clock.advance(50_000);
    watchdog.progress();
    await clock.advance(REPAIR_MS);
    const atTheLimit = fed.length;
    expect(atTheLimit).toBe(150);
    await clock.advance(600_000);
    expect(fed).toHaveLength(atTheLimit);
  });

  it('feeds again when the pipeline moves again', async () => {
    const { clock, fed, watchdog } = feed();
    await clock.advance(2 * REPAIR_MS);
    const before = fed.length;
    watchdog.progress();
    await clock.advance(1_000);
    expect(fed).toHaveLength(before + 1);
  });

  it('is silent once closed', async () => {
    const { clock, fed, watchdog } = feed();
    watchdog.close();
    await clock.advance(10_000);
    expect(fed).toEqual([]);
  });
});
