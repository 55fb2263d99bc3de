import type { RgbPicture } from './frame.js';

/**
 * Most JPEGs have one colour for four pixels, and it is for the decoder to say which colour each of them has: that of the
 * four, or one between it and its neighbours'. `grainy` is blended, and each value up to two off, for what else decoders
 * round otherwise.
 */
export const COLOUR_WAYS = ['repeated', 'blended', 'grainy'] as const;
export type ColourWay = (typeof COLOUR_WAYS)[number];

/** What red and blue are beyond the brightness, one value for a block of 2x2 pixels. */
type Plane = { readonly values: Float32Array; readonly width: number; readonly height: number };

/** Of red, green and blue in the brightness (JFIF). */
const RED = 0.299;
const GREEN = 0.587;
const BLUE = 0.114;
/** Of grain: the most a value is off; the factors of Numerical Recipes. */
const GRAIN = { most: 2, seed: 12_345, factor: 1_664_525, step: 1_013_904_223 };

/**
 * The picture as a decoder that goes this way would have made it from the same JPEG, as far as can be told from its pixels:
 * brightness stays, colours are those of 2x2 pixels.
 */
export function withOtherColours(picture: RgbPicture, way: ColourWay): RgbPicture {
  const { widthPx, heightPx, data } = picture;
  const made = way === 'repeated' ? sharpened : (plane: Plane) => plane;
  const [reds, blues] = [made(planeOf(picture, 0)), made(planeOf(picture, 2))];
  const valueAt = way === 'repeated' ? repeatedAt : blendedAt;
  const out = new Uint8ClampedArray(widthPx * heightPx * 3);
  for (let y = 0, at = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++, at += 3) {
      const brightness = brightnessAt(data, at);
      const red = valueAt(reds, x, y);
      const blue = valueAt(blues, x, y);
      out[at] = brightness + red;
      out[at + 1] = brightness - (RED * red + BLUE * blue) / GREEN;
      out[at + 2] = brightness + blue;
    }
  }
  if (way === 'grainy') addGrain(out);
  return { ...picture, data: new Uint8Array(out.buffer) };
}

// The same in every picture, so that a look gives the same each time (a linear congruential generator).
function addGrain(values: Uint8ClampedArray): void {
  let state = GRAIN.seed;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, GRAIN.factor) + GRAIN.step) >>> 0;
    values[i] = (values[i] ?? 0) + ((state >>> 16) % (2 * GRAIN.most + 1)) - GRAIN.most;
  }
}

function brightnessAt(data: Uint8Array, at: number): number {
  return RED * (data[at] ?? 0) + GREEN * (data[at + 1] ?? 0) + BLUE * (data[at + 2] ?? 0);
}

/** @param channel 0: red, 2: blue. */
function planeOf({ widthPx, heightPx, data }: RgbPicture, channel: 0 | 2): Plane {
  const [width, height] = [Math.ceil(widthPx / 2), Math.ceil(heightPx / 2)];
  const values = new Float32Array(width * height);
  const counts = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++, at += 3) {
      const block = (y >> 1) * width + (x >> 1);
      values[block] = (values[block] ?? 0) + (data[at + channel] ?? 0) - brightnessAt(data, at);
      counts[block] = (counts[block] ?? 0) + 1;
    }
  }
  for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) / (counts[i] ?? 1);
  return { values, width, height };
}

function repeatedAt({ values, width }: Plane, x: number, y: number): number {
  return values[(y >> 1) * width + (x >> 1)] ?? 0;
}

// As libjpeg does: three parts of the nearer and one of the farther, along both axes.
function blendedAt({ values, width, height }: Plane, x: number, y: number): number {
  const [left, top] = [x >> 1, y >> 1];
  const beside = Math.min(width - 1, Math.max(0, left + (x % 2 === 0 ? -1 : 1)));
  const above = Math.min(height - 1, Math.max(0, top + (y % 2 === 0 ? -1 : 1)));
  const near = 3 * (values[top * width + left] ?? 0) + (values[top * width + beside] ?? 0);
  const far = 3 * (values[above * width + left] ?? 0) + (values[above * width + beside] ?? 0);
  return (3 * near + far) / 16;
}

/** What blending took away: the mean of four blended pixels has an eighth of the neighbours on each side. */
const TAKEN = 0.125;

function sharpened(plane: Plane): Plane {
  return sharpenedAlong(sharpenedAlong(plane, 1, 0), 0, 1);
}

function sharpenedAlong({ values, width, height }: Plane, dx: 0 | 1, dy: 0 | 1): Plane {
  const out = new Float32Array(values.length);
  const at = (x: number, y: number) =>
    values[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] ?? 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sides = at(x - dx, y - dy) + at(x + dx, y + dy);
      out[y * width + x] = (at(x, y) - TAKEN * sides) / (1 - 2 * TAKEN);
    }
  }
  return { values: out, width, height };
}
