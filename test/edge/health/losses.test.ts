import { describe, expect, it } from 'vitest';
import { cameraLosses } from '../../../edge/health/losses.js';

const tick = (counters: Record<string, number>) => ({ frameAgeMs: 1, inferAgeMs: 1, fps: 1, counters });

describe('what cameras lost', () => {
  it('is told of each own camera, without what is work', () => {
    const cameras = { front: tick({ frames: 9, looked: 5, replaced: 4 }), back: tick({ replaced: 1 }) };
    expect(cameraLosses(cameras, () => true)).toEqual({ 'front.replaced': 4, 'back.replaced': 1 });
  });

  it('goes on being told of sources that are not watched any more', () => {
    const gone = { frames: 9, 'bad-pictures': 3 };
    expect(cameraLosses({ yard: tick({ 'bad-pictures': 1 }) }, () => false, gone)).toEqual({
      'source:bad-pictures': 4,
    });
  });

  it('is summed up for sources: 256 of them fit into a health document as one does', () => {
    const sources = Object.fromEntries(
      Array.from({ length: 256 }, (_, i) => [`yard${i}`, tick({ replaced: 1, 'replaced-waiting': i })]),
    );
    const all = cameraLosses({ front: tick({ replaced: 4 }), ...sources }, (camera) => camera === 'front');
    expect(all).toEqual({ 'front.replaced': 4, 'source:replaced': 256, 'source:replaced-waiting': (255 * 256) / 2 });
  });
});
