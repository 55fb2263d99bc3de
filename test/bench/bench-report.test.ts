import { expect, test } from 'vitest';
import { summarise, withRatio } from './bench-report.js';

test.each([
  [[3, 1, 2], 2],
  [[4, 1], 2.5],
  [[1, 2, 3, 10], 2.5],
  [[7], 7],
])('the median of %j is %d', (values, median) => {
  expect(summarise('x', 'ms', values)).toMatchObject({ median, min: Math.min(...values), max: Math.max(...values) });
});

test('a ratio is taken run by run: a machine that slows down does not bend it', () => {
  const base = summarise('bare', 'frames/s', [100, 50]);
  const node = [80, 45];
  expect(withRatio(summarise('node', 'frames/s', node), node, base, [100, 50])).toMatchObject({ ratio: 0.85 });
});
