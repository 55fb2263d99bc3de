/** Light as it differs between two pictures of one scene: `now = gain * before + offset`. */
export type LightChange = { readonly gain: number; readonly offset: number };

const UNCHANGED: LightChange = { gain: 1, offset: 0 };
// Every seventh cell is enough for two parameters (about 2,700 points); 7 shares no factor with common plane widths.
const STRIDE = 7;
// A cell further than this from the fit belongs to an object, not to the light; shrinks as the fit improves.
const INLIER_LEVELS = [40, 20, 12] as const;
const GAIN_MIN = 0.5;
const GAIN_MAX = 2;
// Pulls the gain towards 1 on flat scenes, where gain and offset cannot be told apart: as if the scene had this variance.
const PRIOR_VARIANCE = 25;

/**
 * Fits exposure, clouds and dimming lamps between a background and a picture: least squares over the cells that agree,
 * three rounds. Objects over less than half of the picture do not move the fit.
 * @param ignored 1 where a cell must not count (`u8`, same shape).
 */
export function fitLight(before: Float32Array, now: Float32Array, ignored: Uint8Array): LightChange {
  let light: LightChange = { gain: 1, offset: medianDifference(before, now, ignored) };
  for (const inlierLevels of INLIER_LEVELS) light = refit(before, now, ignored, light, inlierLevels);
  return light;
}

function refit(
  before: Float32Array,
  now: Float32Array,
  ignored: Uint8Array,
  from: LightChange,
  levels: number,
): LightChange {
  let n = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXx = 0;
  let sumXy = 0;
  for (let i = 0; i < now.length; i += STRIDE) {
    if (ignored[i] === 1) continue;
    const x = before[i] ?? 0;
    const y = now[i] ?? 0;
    if (Math.abs(y - from.gain * x - from.offset) > levels) continue;
    n++;
    sumX += x;
    sumY += y;
    sumXx += x * x;
    sumXy += x * y;
  }
  if (n < 16) return from;
  const meanX = sumX / n;
  const meanY = sumY / n;
  const variance = sumXx / n - meanX * meanX;
  const covariance = sumXy / n - meanX * meanY;
  const gain = clamp((covariance + PRIOR_VARIANCE) / (variance + PRIOR_VARIANCE), GAIN_MIN, GAIN_MAX);
  return { gain, offset: meanY - gain * meanX };
}

function medianDifference(before: Float32Array, now: Float32Array, ignored: Uint8Array): number {
  const counts = new Int32Array(511);
  let n = 0;
  for (let i = 0; i < now.length; i += STRIDE) {
    if (ignored[i] === 1) continue;
    const bin = Math.round((now[i] ?? 0) - (before[i] ?? 0)) + 255;
    counts[bin] = (counts[bin] ?? 0) + 1;
    n++;
  }
  if (n === 0) return UNCHANGED.offset;
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    below += counts[bin] ?? 0;
    if (below * 2 >= n) return bin - 255;
  }
  return UNCHANGED.offset;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
