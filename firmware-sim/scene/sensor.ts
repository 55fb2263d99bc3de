import type { Random } from '../../base/random.js';
import type { Canvas } from './canvas.js';
import type { Materials } from './texture.js';

/** What the simulated sensor does to a picture. */
export type SensorState = {
  /** Deviation of the noise in grey levels at mid grey. */
  readonly noiseSigma: number;
  readonly softNoise: boolean;
  /** Exposure times white balance, per channel, 1 = unchanged. */
  readonly gain: readonly [number, number, number];
  /** Added to every value. */
  readonly offset: number;
};

/**
 * Turns the painted scene into what the camera delivers: light, gain, noise, clipping.
 * @param map u16 [height, width, 3] from LightMap. @returns u8 [height, width, 3], newly allocated, RGB.
 */
export function expose(
  canvas: Canvas,
  map: Uint16Array,
  state: SensorState,
  materials: Materials,
  random: Random,
): Uint8Array {
  const source = canvas.rgb;
  const out = new Uint8Array(source.length);
  const noise = state.softNoise ? materials.sensorNoiseSoft : materials.sensorNoise;
  const amplitude = Math.round(state.noiseSigma * 8);
  const gainR = Math.round(256 * state.gain[0]);
  const gainG = Math.round(256 * state.gain[1]);
  const gainB = Math.round(256 * state.gain[2]);
  const offset = Math.round(state.offset) + 0.5;
  const row = canvas.widthPx * 3;
  const last = noise.length - row - 1;
  for (let y = 0, i = 0; y < canvas.heightPx; y++) {
    let n = random.int(last);
    for (let x = 0; x < row; x += 3, i += 3, n += 3) {
      // 256 * 256 from the two gains, 32 * 8 from the noise table: both come down by shifts.
      const r = (((source[i] ?? 0) * (map[i] ?? 0) * gainR) >> 16) + (((noise[n] ?? 0) * amplitude) >> 8) + offset;
      const g =
        (((source[i + 1] ?? 0) * (map[i + 1] ?? 0) * gainG) >> 16) + (((noise[n + 1] ?? 0) * amplitude) >> 8) + offset;
      const b =
        (((source[i + 2] ?? 0) * (map[i + 2] ?? 0) * gainB) >> 16) + (((noise[n + 2] ?? 0) * amplitude) >> 8) + offset;
      out[i] = r < 0 ? 0 : Math.min(r, 255);
      out[i + 1] = g < 0 ? 0 : Math.min(g, 255);
      out[i + 2] = b < 0 ? 0 : Math.min(b, 255);
    }
  }
  return out;
}

/** Draws falling rain: bright slanted streaks, anew in each frame. `density` 0 to 1. */
export function drawRain(canvas: Canvas, density: number, slant: number, random: Random): void {
  const unit = canvas.heightPx / 480;
  const count = Math.round(density * 220);
  for (let i = 0; i < count; i++) {
    const x = random.range(-0.1, 1.1) * canvas.widthPx;
    const y = random.range(-0.1, 1) * canvas.heightPx;
    const length = random.range(8, 26) * unit;
    const half = random.range(0.35, 0.8) * unit;
    const dx = slant * length;
    canvas.contour([x - half, y, x + half, y, x + dx + half, y + length, x + dx - half, y + length]);
    canvas.paint({ from: [216, 222, 230], alpha: random.range(0.12, 0.36) });
  }
}
