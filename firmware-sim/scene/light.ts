import type { Random } from '../../base/random.js';
import type { Stage } from './backdrops/stage.js';

/** The light of one moment. */
export type Light = {
  /** Brightness of daylight per channel, 1 = full day. */
  readonly day: readonly [number, number, number];
  /** How strongly the lamps burn, 0 to 1. */
  readonly lamps: number;
  readonly night: boolean;
  /** Length of shadows per metre of height, negative to the left, and their darkness 0 to 1. */
  readonly shadow: { readonly slant: number; readonly strength: number };
};

/** Light at a height of the sun between 0 (deep night) and 1 (noon). */
export function lightAt(sun: number, warmth: number, slant: number, indoor: boolean): Light {
  const level = indoor ? 0.55 + 0.5 * sun : 0.16 + 0.92 * sun ** 0.8;
  // Low sun is warm, night is blue.
  const low = Math.max(0, 1 - Math.abs(sun - 0.4) / 0.3) * warmth;
  const blue = Math.max(0, 0.35 - sun) * (indoor ? 0.5 : 1.3);
  return {
    day: [
      level * (1 + 0.16 * low - 0.3 * blue),
      level * (1 - 0.02 * low - 0.1 * blue),
      level * (1 - 0.2 * low + 0.3 * blue),
    ],
    lamps: Math.max(0, Math.min(1, (0.5 - sun) * 3)),
    night: sun < 0.42,
    shadow: { slant: indoor ? 0 : slant * (1.3 - sun), strength: (indoor ? 0.3 : 0.16) + 0.26 * sun },
  };
}

// Fixed point: 256 is unchanged.
const UNITY = 256;

/**
 * Brightness of every picture pixel and channel under a light: daylight with vignette, plus what lamps add.
 * Costs about 2 ms at 640 x 480, so it is kept until the light has changed noticeably.
 */
export class LightMap {
  readonly #stage: Stage;
  readonly #vignette: number;
  readonly #map: Uint16Array;
  readonly #pools: Float32Array;
  readonly #poolColor: readonly [number, number, number];
  #key = '';

  constructor(stage: Stage, random: Random) {
    const { widthPx, heightPx } = stage.view;
    this.#stage = stage;
    this.#vignette = random.range(0.05, 0.3);
    this.#map = new Uint16Array(widthPx * heightPx * 3);
    this.#pools = new Float32Array(widthPx * heightPx);
    this.#poolColor = stage.lamps[0]?.color ?? [1, 1, 1];
    for (const lamp of stage.lamps) {
      const x = lamp.x - stage.shakePx;
      const y = lamp.y - stage.shakePx;
      for (let j = 0, i = 0; j < heightPx; j++) {
        for (let k = 0; k < widthPx; k++, i++) {
          const d = ((k - x) ** 2 + (1.6 * (j - y)) ** 2) / lamp.radius ** 2;
          this.#pools[i] = (this.#pools[i] ?? 0) + 0.75 / (1 + 3 * d * d + d);
        }
      }
    }
  }

  /** u16 [height, width, 3], 256 = unchanged. Shared; valid until the next call. */
  under(light: Light): Uint16Array {
    // Steps of 1/64: finer than anyone sees, coarse enough that a slow dusk redraws the map only now and then.
    // Drawn from the step and not from the light itself: what was asked for before must not show.
    const [dr = 0, dg = 0, db = 0, lampLevel = 0] = [...light.day, light.lamps].map((v) => Math.round(v * 64) / 64);
    const key = `${dr} ${dg} ${db} ${lampLevel}`;
    if (key === this.#key) return this.#map;
    this.#key = key;
    const { widthPx, heightPx } = this.#stage.view;
    const [pr, pg, pb] = this.#poolColor;
    const lamps = lampLevel * 0.8;
    for (let y = 0, i = 0; y < heightPx; y++) {
      const v = (2 * y) / heightPx - 1;
      for (let x = 0; x < widthPx; x++, i++) {
        const u = (2 * x) / widthPx - 1;
        const shade = UNITY * (1 - this.#vignette * 0.5 * (u * u + v * v));
        const pool = lamps * (this.#pools[i] ?? 0);
        this.#map[3 * i] = Math.min(1023, shade * (dr + pool * pr));
        this.#map[3 * i + 1] = Math.min(1023, shade * (dg + pool * pg));
        this.#map[3 * i + 2] = Math.min(1023, shade * (db + pool * pb));
      }
    }
    return this.#map;
  }
}
