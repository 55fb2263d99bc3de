import { expect, test } from 'vitest';
import { loadDetector } from '../../edge/vision/detect/load-detector.js';
import { CROWD_MAX, drawCrowd } from './crowd-picture.js';

const MODEL = new URL('../../edge/models/vedette-sim.onnx', import.meta.url).pathname;

test('the built-in model finds more people in a larger crowd', async () => {
  const detector = await loadDetector({ modelPath: MODEL });
  try {
    const found: number[] = [];
    for (const people of [0, 1, 4, 16, CROWD_MAX]) {
      const { rgb, widthPx, heightPx } = drawCrowd(people);
      const data = rgb.slice(0, widthPx * heightPx * 3);
      const seen = await detector.detect({ kind: 'rgb', widthPx, heightPx, data });
      found.push(seen.filter(({ label }) => label === 'person').length);
      expect(found.at(-1)).toBeGreaterThanOrEqual(people * 0.6);
    }
    expect(found.slice(0, 3)).toEqual([0, 1, 4]);
    expect(found).toEqual([...found].sort((a, b) => a - b));
  } finally {
    await detector.close();
  }
}, 120_000);

test('a crowd moves, and its loop closes without a jump', () => {
  const { rgb, frames, widthPx, heightPx } = drawCrowd(4);
  const bytes = widthPx * heightPx * 3;
  const frame = (i: number) => rgb.subarray((i % frames) * bytes, ((i % frames) + 1) * bytes);
  const differing = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, value, i) => sum + (value === b[i] ? 0 : 1), 0);
  const steps = Array.from({ length: frames }, (_, i) => differing(frame(i), frame(i + 1)));
  expect(Math.max(...steps)).toBeGreaterThan(0);
  expect(steps.at(-1)).toBeLessThanOrEqual(Math.max(...steps.slice(0, -1)) * 1.5);
});
