import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { Timeline } from '../../../edge/capture/timeline.js';

describe('the times of a file', () => {
  it('are those of the reading when it is played at a rate', async () => {
    const clock = new SimulatedClock();
    const timeline = new Timeline(clock, undefined);
    const first = timeline.next();
    await clock.advance(370);
    const second = timeline.next();
    expect(second.capturedMonoMs - first.capturedMonoMs).toBe(370);
    expect(second.capturedAtMs - first.capturedAtMs).toBe(370);
  });

  it.each([0, 5, 4000])('are its own when it is read unpaced, with %d ms from frame to frame', async (readMs) => {
    const clock = new SimulatedClock();
    const timeline = new Timeline(clock, 25);
    const startMs = clock.nowMs();
    const times = [];
    for (let i = 0; i < 50; i++) {
      times.push(timeline.next());
      await clock.advance(readMs);
    }
    expect(times.map(({ capturedAtMs }) => capturedAtMs - startMs)).toEqual(times.map((_, i) => 40 * i));
    const [first] = times;
    expect(times.map(({ capturedMonoMs }) => capturedMonoMs - (first?.capturedMonoMs ?? 0))).toEqual(
      times.map((_, i) => 40 * i),
    );
  });
});
