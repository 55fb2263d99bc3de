import jpeg from 'jpeg-js';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../base/random.js';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import { withOtherColours } from '../../../edge/capture/other-colours.js';
import { decodePicture } from '../../../edge/capture/picture-decoder.js';

/** Coloured patches with soft and hard edges, of odd size. */
async function patches(): Promise<Uint8Array> {
  const random = new Random('patches');
  const [width, height] = [95, 71];
  const tiny = Buffer.from(Array.from({ length: 12 * 9 * 3 }, () => random.int(256)));
  const soft = sharp(tiny, { raw: { width: 12, height: 9, channels: 3 } }).resize(width, height, { fit: 'fill' });
  const hard = {
    input: { create: { width: 31, height: 23, channels: 3, background: '#d02010' } },
    left: 20,
    top: 17,
  } as const;
  return sharp(await soft.composite([hard]).png().toBuffer())
    .jpeg({ quality: 85, chromaSubsampling: '4:2:0' })
    .toBuffer();
}

function inJavaScript(bytes: Uint8Array): RgbPicture {
  const { width, height, data } = jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false });
  return { kind: 'rgb', widthPx: width, heightPx: height, data };
}

/** Mean over all values. */
function distance(one: RgbPicture, other: RgbPicture): number {
  return one.data.reduce((sum, value, i) => sum + Math.abs(value - (other.data[i] ?? 0)), 0) / one.data.length;
}

describe('a picture with other colours', () => {
  it('is nearly what a decoder that goes that way makes of the same JPEG', async () => {
    const bytes = await patches();
    const [blended, repeated] = [await decodePicture(bytes), inJavaScript(bytes)];
    const between = distance(blended, repeated);
    expect(distance(withOtherColours(repeated, 'blended'), blended)).toBeLessThan(between / 2);
    expect(distance(withOtherColours(blended, 'repeated'), repeated)).toBeLessThan(between / 2);
  });

  it('with grain is the blended one, each value up to two off, the same each time', async () => {
    const picture = await decodePicture(await patches());
    const [blended, grainy] = [withOtherColours(picture, 'blended'), withOtherColours(picture, 'grainy')];
    const off = grainy.data.map((value, i) => Math.abs(value - (blended.data[i] ?? 0)));
    expect(new Set(off)).toEqual(new Set([0, 1, 2]));
    expect(withOtherColours(picture, 'grainy')).toEqual(grainy);
  });

  it('has the size it had, and where all is of one colour nothing changes', async () => {
    const grey = { kind: 'rgb', widthPx: 5, heightPx: 3, data: new Uint8Array(45).fill(77) } as const;
    for (const way of ['blended', 'repeated'] as const) {
      const { widthPx, heightPx, data } = withOtherColours(grey, way);
      expect([widthPx, heightPx, data.length]).toEqual([5, 3, 45]);
      expect(data).toEqual(grey.data);
    }
  });
});
