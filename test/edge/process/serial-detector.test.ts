import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import { SerialDetector } from '../../../edge/process/serial-detector.js';
import type { Detector } from '../../../edge/vision/detector.js';

const picture: RgbPicture = { kind: 'rgb', widthPx: 1, heightPx: 1, data: new Uint8Array(3) };

/** Fails when two calls overlap, as a detector with one input buffer does. */
class OneAtATime implements Detector {
  readonly labels = ['person'];
  readonly inputWidthPx = 1;
  readonly inputHeightPx = 1;
  readonly order: number[] = [];
  #busy = false;
  isClosed = false;

  async detect(_: RgbPicture, { scoreMin = 0 }: { readonly scoreMin?: number }) {
    if (this.#busy) throw new Error('overlap');
    this.#busy = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#busy = false;
    this.order.push(scoreMin);
    if (scoreMin === 0.2) throw new Error('inference failed');
    return [];
  }

  async close() {
    if (this.#busy) throw new Error('closed during a call');
    this.isClosed = true;
  }
}

describe('the serial detector', () => {
  it('serves calls one after the other in their order, also past one that failed', async () => {
    const inner = new OneAtATime();
    const detector = new SerialDetector(inner, new SystemClock());
    const calls = [0.1, 0.2, 0.3].map((scoreMin) => detector.detect(picture, { scoreMin }));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(inner.order).toEqual([0.1, 0.2, 0.3]);
    // What failed took its time, too.
    expect(detector.busyMs).toBeGreaterThan(0);
  });

  it('closes after the last call', async () => {
    const inner = new OneAtATime();
    const detector = new SerialDetector(inner, new SystemClock());
    const call = detector.detect(picture, {});
    await detector.close();
    await call;
    expect(inner.isClosed).toBe(true);
  });
});
