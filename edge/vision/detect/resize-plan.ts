/** Which source samples make each target sample along one axis, and how much each weighs. */
export type AxisPlan = {
  /** First source sample of each target sample. */
  readonly first: Int32Array;
  /** Source samples per target sample; the same for all, some at the edges with weight 0. */
  readonly taps: number;
  /** f64 [targetLength, taps]; those of one target sample add up to 1. */
  readonly weights: Float64Array;
};

/**
 * How far to the right and down the picture lies in an input that enlarges one of its axes, in input pixels.
 * libvips samples half a pixel early then, on both axes, and the models' reference results were made with it: a plain
 * resize moves 3 of 40 detections of FastestDet out of their tolerance. Boxes are mapped back with it.
 */
export const ENLARGING_SHIFT = 0.5;

/**
 * Bilinear resize of one axis with pixel centres at half pixels. Enlarging, it is plain interpolation; shrinking, the
 * triangle is widened by the scale, so that each source sample has its part (as Pillow's BILINEAR and libvips' linear;
 * `cv2.INTER_LINEAR` does not, and small objects flicker: against the reference results of the models 12 of 185
 * detections then differ by more than 0.08 in score or overlap less than 0.85).
 * @param isShifted by ENLARGING_SHIFT; an axis that shrinks is then the mean of two neighbours, as in libvips.
 */
export function planAxis(sourceLength: number, targetLength: number, isShifted: boolean): AxisPlan {
  const scale = sourceLength / targetLength;
  const reach = Math.max(1, scale);
  const blurred = isShifted && scale >= 1 ? scale / 2 : 0;
  const taps = Math.min(sourceLength, Math.ceil(2 * (reach + blurred)) + 1);
  const first = new Int32Array(targetLength);
  const weights = new Float64Array(targetLength * taps);
  for (let i = 0; i < targetLength; i++) {
    const centre = (i + 0.5 - (isShifted ? ENLARGING_SHIFT : 0)) * scale;
    const low = Math.floor(centre - blurred - reach);
    const start = Math.min(Math.max(low, 0), sourceLength - taps);
    first[i] = start;
    addTriangle(weights.subarray(i * taps, (i + 1) * taps), start, centre - blurred, reach);
    addTriangle(weights.subarray(i * taps, (i + 1) * taps), start, centre + blurred, reach);
  }
  return withoutIdleTaps({ first, taps, weights }, sourceLength);
}

// Every tap costs a pass over all samples: a picture of the input's own size is left with one of three.
function withoutIdleTaps({ first, taps, weights }: AxisPlan, sourceLength: number): AxisPlan {
  const spans = Array.from(first, (_, i) => spanOf(weights.subarray(i * taps, (i + 1) * taps)));
  const needed = spans.reduce((most, { from, to }) => Math.max(most, to - from), 1);
  const firstNeeded = first.map((start, i) => Math.min(start + (spans[i]?.from ?? 0), sourceLength - needed));
  const kept = new Float64Array(first.length * needed);
  for (let i = 0; i < first.length; i++) {
    const skipped = (firstNeeded[i] ?? 0) - (first[i] ?? 0);
    for (let tap = 0; tap < needed; tap++) kept[i * needed + tap] = weightAt(weights, i * taps, taps, skipped + tap);
  }
  return { first: firstNeeded, taps: needed, weights: kept };
}

function spanOf(weights: Float64Array): { from: number; to: number } {
  return {
    from: Math.max(
      0,
      weights.findIndex((weight) => weight !== 0),
    ),
    to: weights.findLastIndex((weight) => weight !== 0) + 1,
  };
}

// A window that was moved away from the edge may begin before the old one: nothing weighs anything there.
function weightAt(weights: Float64Array, start: number, taps: number, tap: number): number {
  return tap >= 0 && tap < taps ? (weights[start + tap] ?? 0) : 0;
}

// Half of the weight. Beyond the edge there is nothing, so what is inside weighs more.
function addTriangle(weights: Float64Array, start: number, centre: number, reach: number): void {
  const nearest = Math.max(centre, 0.5);
  let sum = 0;
  for (let tap = 0; tap < weights.length; tap++) sum += triangle((start + tap + 0.5 - nearest) / reach);
  for (let tap = 0; tap < weights.length; tap++) {
    weights[tap] = (weights[tap] ?? 0) + triangle((start + tap + 0.5 - nearest) / reach) / sum / 2;
  }
}

function triangle(distance: number): number {
  return Math.max(0, 1 - Math.abs(distance));
}
