import { Random } from '../../../base/random.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';

export type Rectangle = {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly level: number;
  /** Colours what is there instead of covering it: red + tint, blue - 2 tint, luma unchanged. */
  readonly tint?: number;
};

export type SceneFrame = {
  readonly objects?: readonly Rectangle[];
  /** Deviation of the pixel noise, grey levels. */
  readonly noise?: number;
  readonly gain?: number;
  readonly offset?: number;
  /** Camera shift in pixels. */
  readonly shiftX?: number;
  readonly shiftY?: number;
};

const MARGIN_PX = 64;

/** A textured wall with rectangles before it: smooth blobs and hard edges, as rooms and streets have. */
export class SyntheticScene {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly #texture: Float32Array;
  readonly #textureWidth: number;
  readonly #random: Random;

  constructor(seed: string | number, widthPx = 320, heightPx = 240) {
    this.widthPx = widthPx;
    this.heightPx = heightPx;
    this.#random = new Random(seed);
    this.#textureWidth = widthPx + 2 * MARGIN_PX;
    this.#texture = texture(this.#random.fork('texture'), this.#textureWidth, heightPx + 2 * MARGIN_PX);
  }

  render(frame: SceneFrame = {}): RgbPicture {
    const { objects = [], noise = 0, gain = 1, offset = 0, shiftX = 0, shiftY = 0 } = frame;
    const data = new Uint8ClampedArray(this.widthPx * this.heightPx * 3);
    const noiseFrom = this.#random.int(NOISE_TABLE.length);
    let pixel = 0;
    for (let y = 0; y < this.heightPx; y++) {
      const row = objects.filter((object) => y >= object.y + shiftY && y < object.y + shiftY + object.height);
      const textureRow = (y + MARGIN_PX - shiftY) * this.#textureWidth + MARGIN_PX - shiftX;
      // Each row starts elsewhere in the table, or the noise would repeat as stripes.
      const noiseRow = noiseFrom + this.#random.int(NOISE_TABLE.length);
      for (let x = 0; x < this.widthPx; x++) {
        let level = this.#texture[textureRow + x] ?? 0;
        let tint = 0;
        for (const object of row) {
          if (x < object.x + shiftX || x >= object.x + shiftX + object.width) continue;
          if (object.tint === undefined) level = object.level;
          else tint = object.tint;
        }
        const value = level * gain + offset + noise * (NOISE_TABLE[(noiseRow + x) % NOISE_TABLE.length] ?? 0);
        data[pixel++] = value + tint;
        data[pixel++] = value;
        data[pixel++] = value - 2 * tint;
      }
    }
    return { kind: 'rgb', widthPx: this.widthPx, heightPx: this.heightPx, data: new Uint8Array(data.buffer) };
  }
}

const NOISE_TABLE = (() => {
  const random = new Random('noise table');
  return Float32Array.from({ length: 10_007 }, () => random.normal());
})();

function texture(random: Random, width: number, height: number): Float32Array {
  const levels = new Float32Array(width * height).fill(100);
  for (let n = 0; n < 60; n++) {
    const [x, y, w, h] = [random.int(width), random.int(height), 10 + random.int(80), 10 + random.int(80)];
    const level = 50 + random.int(110);
    for (let row = y; row < Math.min(height, y + h); row++)
      levels.fill(level, row * width + x, row * width + Math.min(width, x + w));
  }
  for (let i = 0; i < levels.length; i++)
    levels[i] = (levels[i] ?? 0) + 8 * Math.sin((i % width) / 17) + 6 * Math.cos(Math.floor(i / width) / 11);
  return levels;
}
