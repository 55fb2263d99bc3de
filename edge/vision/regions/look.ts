import type { BoxXyxyPx } from '../box.js';
import type { Detection } from '../detection.js';

/** One call of the detector: where it looked and what it saw there. `region` is the whole picture when it was not a crop. */
export type Look = { readonly region: BoxXyxyPx; readonly detections: readonly Detection[] };

/** How much of a box the looked-at regions cover at best, 0..1: what a tracker may hold against an object that was not seen. */
export function coverage(box: BoxXyxyPx, regions: readonly BoxXyxyPx[]): number {
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  if (area <= 0) return 0;
  let best = 0;
  for (const region of regions) {
    const width = Math.min(box[2], region[2]) - Math.max(box[0], region[0]);
    const height = Math.min(box[3], region[3]) - Math.max(box[1], region[1]);
    if (width > 0 && height > 0) best = Math.max(best, (width * height) / area);
  }
  return best;
}
