import { describe, expect, it } from 'vitest';
import { judgeVision, tickMsOf, type VisionWatch } from '../../../edge/process/vision-watch.js';

const limits = { frameDeadlineMs: 5000, startDeadlineMs: 60_000, memoryMaxMiB: 400 };
const watch: VisionWatch = { startedMonoMs: 0, lastTickMonoMs: 100_000, busyMs: 0, rssMiB: 150, ready: true };

describe('judgeVision', () => {
  it.each([
    ['a child that ticks', watch, 100_250, 'healthy'],
    ['silence up to the frame deadline', watch, 105_000, 'healthy'],
    ['silence beyond it', watch, 105_001, 'frame-deadline'],
    ['a frame at its deadline', { ...watch, busyMs: 5000 }, 100_000, 'healthy'],
    ['a frame beyond it, though the event loop turns', { ...watch, busyMs: 5001 }, 100_000, 'frame-deadline'],
    ['memory at its limit', { ...watch, rssMiB: 400 }, 100_000, 'healthy'],
    ['memory above it', { ...watch, rssMiB: 401 }, 100_000, 'memory'],
    ['a slow start', { ...watch, ready: false, lastTickMonoMs: 0 }, 60_000, 'healthy'],
    ['a start that never ends', { ...watch, ready: false, lastTickMonoMs: 60_000 }, 60_001, 'start-deadline'],
  ])('%s', (_, state, nowMonoMs, verdict) => {
    expect(judgeVision(state, nowMonoMs, limits)).toBe(verdict);
  });
});

describe('tickMsOf', () => {
  it.each([
    ['as shipped', { frameDeadlineMs: 10_000, beatMs: 10_000 }, 1000],
    ['quick heartbeats, each of which needs a tick', { frameDeadlineMs: 10_000, beatMs: 500 }, 250],
    ['a short deadline, which silence must not pass by itself', { frameDeadlineMs: 500, beatMs: 10_000 }, 250],
  ])('%s', (_, times, tickMs) => {
    expect(tickMsOf(times)).toBe(tickMs);
  });
});
