import { expect, test } from 'vitest';
import { type Counted, resultsOf, rowsOf } from './sharing-report.js';

const counted = (cameraFps: number[], nodeFps: number[]): Counted => ({
  ...{ cameraFps, nodeFps, latenciesMs: [30, 10, 20], bytesPerFrame: 5_000, counters: { 'offer-done': 7 } },
});
const findings = new Map([
  ['sharing', new Map([[2, [counted([4, 4], [6, 2])]]])],
  ['spread by hand', new Map([[2, [counted([5, 5], [5, 5])]]])],
] as const);

test('a line of the table says what a fleet did in one way, beside the even spread', () => {
  const [sharing, even, ...more] = rowsOf(resultsOf(findings, [5]));
  expect(more).toEqual([]);
  expect([sharing?.way, even?.way]).toEqual(['sharing', 'spread by hand']);
  const figures = ['frames/s', 'of the even spread', 'latency p50', 'latency p99', 'fairness of cameras'];
  expect(figures.map((name) => sharing?.of(name))).toEqual([8, 80, 20, 30, 1]);
  expect(sharing?.of('fairness of nodes')).toBeCloseTo(0.8);
  expect(even?.of('of the even spread')).toBe(100);
  expect(even?.of('offer-done')).toBeUndefined();
  expect(sharing?.of('offer-done')).toBe(7);
});

test('figures of which nothing was measured are left out', () => {
  const one = new Map([['central queue', new Map([[4, [counted([1], [1])]]])]] as const);
  const [row] = rowsOf(resultsOf(one, []));
  expect(row?.of('frames/s')).toBe(1);
  expect(row?.of('of the even spread')).toBeUndefined();
});
