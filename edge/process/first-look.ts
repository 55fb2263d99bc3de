import type { Clock } from '../../base/clock.js';
import type { Detector } from '../vision/detector.js';

const LOOKS = 3;

/** How long a look takes when nothing else runs, ms: the fastest of some at a grey picture of the model's size. */
export async function timeLook(detector: Detector, clock: Clock): Promise<number> {
  const { inputWidthPx: widthPx, inputHeightPx: heightPx } = detector;
  const data = new Uint8Array(widthPx * heightPx * 3).fill(128);
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < LOOKS; i++) {
    const startedMonoMs = clock.monoMs();
    await detector.detect({ kind: 'rgb', widthPx, heightPx, data }, {});
    fastestMs = Math.min(fastestMs, clock.monoMs() - startedMonoMs);
  }
  return fastestMs;
}
