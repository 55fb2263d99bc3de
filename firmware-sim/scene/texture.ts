import { Random } from '../../base/random.js';

/** A repeating 256 x 256 grey texture, u8, mean about 128; index (y << 8) | x. */
export type Tile = Uint8Array;

/** Textures and noise that all scenes draw from. Built once (about 60 ms), then only read: share it between scenes. */
export type Materials = {
  /** Fine grain: render, asphalt, cloth. */
  readonly grain: Tile;
  /** Large soft blotches: clouds, stains, uneven paint. */
  readonly cloud: Tile;
  /** Blotches with hard edges: leaves, grass, gravel. */
  readonly leaf: Tile;
  /** Long in x, short in y: wood, water, brushed walls. */
  readonly streak: Tile;
  /** Standard normal sensor noise times 32, i8; a frame reads it from random offsets. */
  readonly sensorNoise: Int8Array;
  /** The same, correlated along the row as after demosaicing. */
  readonly sensorNoiseSoft: Int8Array;
};

// 2^19 values: large enough that rows read from random offsets show no repetition, small enough for the L2 cache.
const NOISE_LENGTH = 1 << 19;

/** Makes the materials. Always the same: scenes differ by how they use them. */
export function makeMaterials(): Materials {
  const random = new Random('materials');
  const { white, soft } = makeSensorNoise(random.fork('sensor'));
  return {
    grain: makeTile(random.fork('grain'), [
      [128, 128, 0.6],
      [64, 64, 0.4],
    ]),
    cloud: makeTile(random.fork('cloud'), [
      [4, 4, 0.5],
      [8, 8, 0.3],
      [16, 16, 0.2],
    ]),
    leaf: makeTile(random.fork('leaf'), [
      [16, 16, 0.25],
      [32, 32, 0.35],
      [64, 64, 0.4],
    ]).map((v) => 128 + Math.round(110 * Math.tanh((v - 128) / 32))),
    streak: makeTile(random.fork('streak'), [
      [4, 64, 0.6],
      [8, 128, 0.4],
    ]),
    sensorNoise: white,
    sensorNoiseSoft: soft,
  };
}

/** Sums octaves of smooth value noise; each octave is [cells across, cells down, weight]. */
function makeTile(random: Random, octaves: readonly (readonly [number, number, number])[]): Tile {
  const sum = new Float32Array(65536);
  for (const [across, down, weight] of octaves) {
    const lattice = Float32Array.from({ length: across * down }, () => random.range(-1, 1));
    for (let y = 0; y < 256; y++) {
      const fy = (y * down) / 256;
      const y0 = Math.floor(fy);
      const ty = smooth(fy - y0);
      const y1 = (y0 + 1) % down;
      for (let x = 0; x < 256; x++) {
        const fx = (x * across) / 256;
        const x0 = Math.floor(fx);
        const tx = smooth(fx - x0);
        const x1 = (x0 + 1) % across;
        const a = lattice[y0 * across + x0] ?? 0;
        const b = lattice[y0 * across + x1] ?? 0;
        const c = lattice[y1 * across + x0] ?? 0;
        const d = lattice[y1 * across + x1] ?? 0;
        const i = (y << 8) | x;
        sum[i] = (sum[i] ?? 0) + weight * (a + (b - a) * tx + (c - a + (a - b - c + d) * tx) * ty);
      }
    }
  }
  return Uint8Array.from(sum, (v) => Math.max(0, Math.min(255, Math.round(128 + 127 * v))));
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

function makeSensorNoise(random: Random): { white: Int8Array; soft: Int8Array } {
  const white = new Int8Array(NOISE_LENGTH);
  const soft = new Int8Array(NOISE_LENGTH);
  for (let i = 0; i < NOISE_LENGTH; i++) {
    white[i] = Math.max(-127, Math.min(127, Math.round(32 * random.normal())));
    // Pixels are interleaved: three back is the same colour of the left neighbour. 0.4, 0.917: unit variance kept.
    const left = soft[i - 3] ?? 0;
    soft[i] = Math.max(-127, Math.min(127, Math.round(0.4 * left + 0.917 * (white[i] ?? 0))));
  }
  return { white, soft };
}
