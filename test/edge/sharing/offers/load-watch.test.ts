import { describe, expect, it } from 'vitest';
import type { TickReport } from '../../../../edge/process/vision-message.js';
import { awayRoom } from '../../../../edge/sharing/offers/away-room.js';
import { LoadWatch } from '../../../../edge/sharing/offers/load-watch.js';

/** A node that looks at ten frames/s of nine cameras with so many each: two places, 200 ms a frame. */
function ticks(watch: LoadWatch, seconds: number, eachFps: number): void {
  for (let second = 1; second <= seconds; second++) {
    const wanted = 9 * eachFps;
    const looked = Math.min(10, wanted);
    const camera = (total: number) => ({
      ...{ frameAgeMs: 0, inferAgeMs: 0, fps: eachFps },
      counters: {
        ...{ frames: eachFps * second, looked: (looked * second) / total },
        'replaced-waiting': ((wanted - looked) * second) / total,
      },
    });
    const cameras = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`c${i}`, camera(9)]));
    const framesMs = looked * 200 * second;
    const work = { frames: looked * second, looks: 0, framesMs, looksMs: 0, detectorMs: framesMs / 2 };
    const tick: TickReport = {
      ...{ type: 'tick', busyMs: 0, rssMiB: 100, counters: {}, cameras },
      work: { ...work, places: 2, detectors: 1, firstLookMs: 100 },
    };
    watch.note(tick, 1, second * 1_000);
    // Between two samples nothing is judged.
    expect(watch.note(tick, 1, second * 1_000 + 200)).toBe(false);
  }
}

describe('the load of a node', () => {
  it('is told from the ticks of its vision process', () => {
    const watch = new LoadWatch();
    ticks(watch, 30, 10 / 3);
    expect(watch.isOverloaded).toBe(true);
    expect(watch.spare.spareFps).toBe(0);
    expect(watch.spare.capacityFps).toBeCloseTo(10, 1);
    expect(watch.homeMs).toBeGreaterThan(850);
    expect(watch.awayMax).toBeGreaterThanOrEqual(5);
  });

  it('leaves something unused where there is little to see', () => {
    const watch = new LoadWatch();
    ticks(watch, 30, 0.5);
    expect(watch.isOverloaded).toBe(false);
    expect(watch.spare.spareFps).toBeGreaterThan(3);
    expect(watch.awayMax).toBe(0);
  });
});

describe('room for cameras to be away', () => {
  it.each([
    [30, 9, 10, 6],
    [26, 5, 22, 0],
    [25, 5, 19, 1],
    [5, 5, 10, 0],
    [0, 0, 10, 0],
    [10, 2, 0, 2],
  ])('%i frames/s of %i cameras, %i can be done here: %i', (frameFps, cameras, capacityFps, room) => {
    expect(awayRoom(frameFps, cameras, capacityFps)).toBe(room);
  });
});
