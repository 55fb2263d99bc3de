import type { Random } from '../../base/random.js';
import type { Rgb } from './canvas.js';

const SKIN: readonly Rgb[] = [
  [240, 208, 182],
  [226, 184, 150],
  [200, 150, 114],
  [160, 110, 78],
  [116, 78, 54],
  [84, 56, 42],
];
const HAIR: readonly Rgb[] = [
  [28, 22, 20],
  [62, 42, 28],
  [112, 76, 44],
  [184, 146, 88],
  [148, 144, 140],
  [132, 60, 34],
];
const CLOTH: readonly Rgb[] = [
  [40, 52, 84],
  [58, 60, 66],
  [24, 26, 30],
  [146, 38, 40],
  [212, 208, 198],
  [70, 100, 66],
  [196, 156, 60],
  [84, 124, 170],
  [128, 84, 120],
  [212, 112, 52],
  [112, 86, 62],
  [168, 176, 180],
  [46, 128, 128],
  [224, 196, 200],
];
const CAR: readonly Rgb[] = [
  [206, 208, 210],
  [236, 236, 234],
  [30, 32, 36],
  [86, 92, 98],
  [160, 28, 32],
  [36, 66, 124],
  [46, 88, 72],
  [214, 176, 60],
  [118, 62, 38],
  [98, 138, 178],
];
const FUR: readonly Rgb[] = [
  [36, 30, 28],
  [116, 78, 46],
  [190, 152, 100],
  [226, 216, 200],
  [96, 92, 90],
  [146, 98, 52],
];

export const skinColor = (random: Random): Rgb => vary(random, random.pick(SKIN), 8);
export const hairColor = (random: Random): Rgb => vary(random, random.pick(HAIR), 10);
export const clothColor = (random: Random): Rgb => vary(random, random.pick(CLOTH), 26);
export const carColor = (random: Random): Rgb => vary(random, random.pick(CAR), 18);
export const furColor = (random: Random): Rgb => vary(random, random.pick(FUR), 14);

/** The colour moved by up to `spread` levels in brightness and a third of that in each channel. */
export function vary(random: Random, color: Rgb, spread: number): Rgb {
  const d = random.range(-spread, spread);
  const each = (v: number): number => clip(v + d + random.range(-spread, spread) / 3);
  return [each(color[0]), each(color[1]), each(color[2])];
}

/** The colour times a factor: below 1 darker, above 1 lighter. */
export function tone(color: Rgb, factor: number): Rgb {
  return [clip(color[0] * factor), clip(color[1] * factor), clip(color[2] * factor)];
}

/** A colour between two: t = 0 gives a, t = 1 gives b. */
export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

function clip(v: number): number {
  return v < 0 ? 0 : Math.min(v, 255);
}
