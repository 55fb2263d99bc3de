import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RgbPicture } from '../../../../edge/capture/frame.js';
import type { BoxXyxyPx } from '../../../../edge/vision/box.js';
import { inputX, inputY, pictureX, pictureY, planGeometry } from '../../../../edge/vision/detect/input-geometry.js';
import { PictureTensor } from '../../../../edge/vision/detect/picture-tensor.js';
import { planAxis } from '../../../../edge/vision/detect/resize-plan.js';
import type { ModelInput } from '../../../../edge/vision/model/manifest.js';
import { testManifest } from '../manifest-builder.js';

const RESIZES = ['stretch', 'letterbox-centre', 'letterbox-topleft'] as const;

function inputWith(given: Partial<ModelInput>): ModelInput {
  return testManifest({ family: 'yolox', input: given }).input;
}

function noise(widthPx: number, heightPx: number, seed: number): RgbPicture {
  const data = new Uint8Array(widthPx * heightPx * 3);
  let state = seed + 1;
  for (let i = 0; i < data.length; i++) {
    state = (state * 48_271) % 2_147_483_647;
    data[i] = state % 256;
  }
  return { kind: 'rgb', widthPx, heightPx, data };
}

// The same recipe written down a second time, point by point: triangle weights, normalised, one axis after the other.
function weightsFor(i: number, source: number, target: number, shifted: boolean): [index: number, weight: number][] {
  return allWeights(i, source, target, shifted).filter(([, weight]) => weight > 0);
}

function allWeights(i: number, source: number, target: number, shifted: boolean): [index: number, weight: number][] {
  const scale = source / target;
  const reach = Math.max(1, scale);
  const at = (centre: number): [number, number][] => {
    const near = Math.max(0.5, centre);
    const all = Array.from({ length: source }, (_, x): [number, number] => [
      x,
      Math.max(0, 1 - Math.abs((x + 0.5 - near) / reach)),
    ]);
    const sum = all.reduce((total, [, weight]) => total + weight, 0);
    return all.map(([x, weight]) => [x, weight / sum]);
  };
  if (!shifted) return at((i + 0.5) * scale);
  if (scale < 1) return at(i * scale);
  const [early, late] = [at((i - 0.5) * scale), at((i + 0.5) * scale)];
  return early.map(([x, weight], n) => [x, (weight + (late[n]?.[1] ?? 0)) / 2]);
}

function sampleAt(
  picture: RgbPicture,
  region: BoxXyxyPx,
  input: ModelInput,
  column: number,
  row: number,
  colour: number,
) {
  const geometry = planGeometry(input, region);
  const x = column - geometry.contentX;
  const y = row - geometry.contentY;
  if (x < 0 || y < 0 || x >= geometry.contentWidth || y >= geometry.contentHeight) return input.padValue;
  const shifted = geometry.contentWidth > geometry.regionWidth || geometry.contentHeight > geometry.regionHeight;
  const across = weightsFor(x, geometry.regionWidth, geometry.contentWidth, shifted);
  const down = weightsFor(y, geometry.regionHeight, geometry.contentHeight, shifted);
  let value = 0;
  for (const [sy, wy] of down) {
    for (const [sx, wx] of across) {
      const at = ((region[1] + sy) * picture.widthPx + region[0] + sx) * 3 + colour;
      value += wx * wy * (picture.data[at] ?? 0);
    }
  }
  return value;
}

function expectTensor(tensor: PictureTensor, picture: RgbPicture, region: BoxXyxyPx, input: ModelInput): void {
  const { widthPx, heightPx, layout, colour, dtype, scale, mean, std } = input;
  let worst = 0;
  for (let row = 0; row < heightPx; row++) {
    for (let column = 0; column < widthPx; column++) {
      for (let channel = 0; channel < 3; channel++) {
        const sample = sampleAt(picture, region, input, column, row, colour === 'rgb' ? channel : 2 - channel);
        const pixel = row * widthPx + column;
        const at = layout === 'nchw' ? channel * widthPx * heightPx + pixel : pixel * 3 + channel;
        const std0 = std[channel] ?? 1;
        const expected = dtype === 'uint8' ? sample : (sample * scale - (mean[channel] ?? 0)) / std0;
        // The first pass keeps a 64th of a step of brightness.
        const tolerance = dtype === 'uint8' ? 0.55 : (0.05 * scale) / std0;
        worst = Math.max(worst, Math.abs((tensor.data[at] ?? Number.NaN) - expected) / tolerance);
      }
    }
  }
  expect(worst).toBeLessThanOrEqual(1);
}

const anyInput = fc
  .record({
    layout: fc.constantFrom('nchw' as const, 'nhwc' as const),
    dtype: fc.constantFrom('float32' as const, 'uint8' as const),
    colour: fc.constantFrom('rgb' as const, 'bgr' as const),
    resize: fc.constantFrom(...RESIZES),
    widthPx: fc.integer({ min: 16, max: 24 }),
    heightPx: fc.integer({ min: 16, max: 24 }),
    scale: fc.constantFrom(1, 1 / 255),
    mean: fc.constantFrom<[number, number, number]>([0, 0, 0], [0.485, 0.456, 0.406]),
    std: fc.constantFrom<[number, number, number]>([1, 1, 1], [0.229, 0.224, 0.225]),
  })
  .map(inputWith);

const anyLook = fc
  .record({
    width: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 70 }),
    left: fc.integer({ min: 0, max: 9 }),
    top: fc.integer({ min: 0, max: 9 }),
    right: fc.integer({ min: 0, max: 9 }),
    below: fc.integer({ min: 0, max: 9 }),
    seed: fc.integer({ min: 1, max: 1000 }),
  })
  .map(({ width, height, left, top, right, below, seed }) => ({
    picture: noise(left + width + right, top + height + below, seed),
    region: [left, top, left + width, top + height] as const,
  }));

// The second writing of the recipe is slow.
describe('the tensor of a picture', { timeout: 60_000 }, () => {
  it('holds the resized region in the layout, colour order and scale of the manifest', () => {
    fc.assert(
      fc.property(anyInput, anyLook, (input, { picture, region }) => {
        const tensor = new PictureTensor(input);
        tensor.fill(picture, region);
        expectTensor(tensor, picture, region, input);
      }),
      { numRuns: 25 },
    );
  });

  it('is right again after regions of other sizes and pictures that need more memory', () => {
    const input = inputWith({ widthPx: 20, heightPx: 16, resize: 'letterbox-centre', padValue: 77 });
    const tensor = new PictureTensor(input);
    for (const [width, height] of [
      [30, 10],
      [300, 200],
      [10, 30],
      [30, 10],
      [641, 479],
    ] as const) {
      const picture = noise(width, height, width);
      tensor.fill(picture, [0, 0, width, height]);
      expectTensor(tensor, picture, [0, 0, width, height], input);
    }
  });

  it.each(RESIZES)('of its own size is the picture, also between others (%s)', (resize) => {
    for (const dtype of ['uint8', 'float32'] as const) {
      const input = inputWith({
        widthPx: 24,
        heightPx: 16,
        dtype,
        layout: 'nhwc',
        colour: 'rgb',
        padValue: 77,
        resize,
      });
      const tensor = new PictureTensor(input);
      for (const [width, height, y] of [
        [24, 16, 0],
        [48, 16, 0],
        [24, 20, 3],
        [48, 16, 0],
      ] as const) {
        const picture = noise(width, height, width + y);
        const region = [0, y, width, y + 16] as const;
        tensor.fill(picture, region);
        expectTensor(tensor, picture, region, input);
        if (dtype === 'uint8' && width === 24)
          expect(tensor.data).toEqual(picture.data.subarray(y * 72, (y + 16) * 72));
      }
    }
  });

  it('keeps black black and white white at every size', () => {
    for (const value of [0, 255]) {
      for (const side of [1, 2, 15, 16, 17, 33, 100]) {
        const tensor = new PictureTensor(inputWith({ widthPx: 32, heightPx: 32, dtype: 'uint8', layout: 'nhwc' }));
        const data = new Uint8Array(side * side * 3).fill(value);
        tensor.fill({ kind: 'rgb', widthPx: side, heightPx: side, data }, [0, 0, side, side]);
        expect(new Set(tensor.data)).toEqual(new Set([value]));
      }
    }
  });
});

describe('where a region lies in the input', () => {
  it('is undone exactly, for every resize', () => {
    const anyRegion = fc.tuple(
      fc.integer({ min: 0, max: 500 }),
      fc.integer({ min: 0, max: 500 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 2000 }),
    );
    fc.assert(
      fc.property(
        anyRegion,
        fc.constantFrom(...RESIZES),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (r, resize, at) => {
          const region = [r[0], r[1], r[0] + r[2], r[1] + r[3]] as const;
          const geometry = planGeometry({ widthPx: 416, heightPx: 320, resize }, region);
          const x = r[0] + at * r[2];
          const y = r[1] + at * r[3];
          expect(pictureX(geometry, inputX(geometry, x))).toBeCloseTo(x, 6);
          expect(pictureY(geometry, inputY(geometry, y))).toBeCloseTo(y, 6);
          // Rounding the resized size moves an edge by at most a pixel of the input, the enlarging shift by half of one.
          expect(inputX(geometry, x)).toBeGreaterThanOrEqual(geometry.contentX);
          expect(inputX(geometry, x)).toBeLessThanOrEqual(geometry.contentX + geometry.contentWidth + 1.5);
          expect(geometry.contentX + geometry.contentWidth).toBeLessThanOrEqual(416);
          expect(geometry.contentY + geometry.contentHeight).toBeLessThanOrEqual(320);
        },
      ),
    );
  });

  it.each([
    ['letterbox-topleft', [0, 0, 640, 480], [0, 0, 416, 312]],
    ['letterbox-topleft', [0, 0, 500, 333], [0, 0, 416, 277]],
    ['letterbox-centre', [0, 0, 640, 480], [0, 52, 416, 312]],
    ['letterbox-centre', [0, 0, 810, 1080], [52, 0, 312, 416]],
    ['stretch', [0, 0, 810, 1080], [0, 0, 416, 416]],
  ] as const)('%s puts %j at %j', (resize, region, [x, y, width, height]) => {
    const geometry = planGeometry({ widthPx: 416, heightPx: 416, resize }, region);
    expect(geometry).toMatchObject({ contentX: x, contentY: y, contentWidth: width, contentHeight: height });
  });
});

describe('the taps of an axis', () => {
  it('are one where nothing is resized', () => {
    expect(planAxis(416, 416, false)).toMatchObject({ taps: 1, first: Int32Array.from({ length: 416 }, (_, i) => i) });
  });

  it('lie inside the source and add up to one, whatever the lengths', () => {
    const length = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(length, length, fc.boolean(), (source, target, isShifted) => {
        const { first, taps, weights } = planAxis(source, target, isShifted);
        for (let i = 0; i < target; i++) {
          const start = first[i] ?? -1;
          expect(start).toBeGreaterThanOrEqual(0);
          expect(start + taps).toBeLessThanOrEqual(source);
          expect(weights.subarray(i * taps, (i + 1) * taps).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
        }
      }),
    );
  });
});
