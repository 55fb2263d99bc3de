import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../../base/random.js';
import type { RgbPicture } from '../../../../edge/capture/frame.js';
import { SnapshotSettings } from '../../../../edge/vision/config.js';
import { drawBox, encodeSnapshot } from '../../../../edge/vision/event/snapshot.js';
import { routes } from '../../../../protocol/routes.js';

// Noise is the worst JPEG there is: nothing compresses less.
function noisy(widthPx: number, heightPx: number): RgbPicture {
  const random = new Random('snapshot');
  return {
    kind: 'rgb',
    widthPx,
    heightPx,
    data: Uint8Array.from({ length: widthPx * heightPx * 3 }, () => random.int(256)),
  };
}

function grey(widthPx: number, heightPx: number): RgbPicture {
  return { kind: 'rgb', widthPx, heightPx, data: new Uint8Array(widthPx * heightPx * 3).fill(128) };
}

describe('a snapshot', () => {
  test('fits the limit of its route even when the picture is noise', async () => {
    const payloadBytesMax = routes.snapshot.payloadBytesMax;
    const jpeg = await encodeSnapshot(
      { picture: noisy(1280, 960), box: [10, 10, 200, 300], payloadBytesMax },
      SnapshotSettings.parse({ heightPxMax: 960 }),
    );
    expect(jpeg.length).toBeLessThanOrEqual(payloadBytesMax);
    expect((await sharp(jpeg).metadata()).format).toBe('jpeg');
  });

  test('gives up size only when quality alone does not do', async () => {
    const picture = noisy(320, 240);
    const heights = await Promise.all(
      [200_000, 30_000, 6000].map(
        async (payloadBytesMax) =>
          (
            await sharp(
              await encodeSnapshot({ picture, box: [5, 5, 90, 90], payloadBytesMax }, SnapshotSettings.parse({})),
            ).metadata()
          ).height,
      ),
    );
    expect(heights[0]).toBe(240);
    expect(heights[2]).toBeLessThan(240);
  });

  test('says so when nothing fits', async () => {
    const request = { picture: noisy(320, 240), box: [5, 5, 90, 90] as const, payloadBytesMax: 100 };
    await expect(encodeSnapshot(request, SnapshotSettings.parse({}))).rejects.toMatchObject({
      code: 'picture-invalid',
    });
  });

  test('is scaled to heightPxMax, never up; a crop shows the object and its surroundings', async () => {
    const size = async (settings: object) => {
      const jpeg = await encodeSnapshot(
        { picture: grey(640, 480), box: [100, 100, 200, 300], payloadBytesMax: 262_144 },
        SnapshotSettings.parse(settings),
      );
      const { width, height } = await sharp(jpeg).metadata();
      return [width, height];
    };
    expect(await size({ heightPxMax: 240 })).toEqual([320, 240]);
    expect(await size({ heightPxMax: 1080 })).toEqual([640, 480]);
    expect(await size({ style: 'crop' })).toEqual([170, 340]);
  });

  test('has the box in it and leaves the frame as it was', async () => {
    const picture = grey(640, 480);
    const jpeg = await encodeSnapshot(
      { picture, box: [100, 100, 200, 300], payloadBytesMax: 262_144 },
      SnapshotSettings.parse({}),
    );
    const { data } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [...data.subarray((y * 640 + x) * 3, (y * 640 + x) * 3 + 3)];
    expect(at(101, 200)[1]).toBeGreaterThan(180);
    expect(at(101, 200)[0]).toBeLessThan(90);
    expect(at(150, 200)).toEqual([128, 128, 128]);
    expect(picture.data.every((value) => value === 128)).toBe(true);
  });

  test('a box that reaches out of the picture is cut', () => {
    const pixels = new Uint8Array(10 * 10 * 3);
    drawBox(pixels, 10, 10, [-5, -5, 40, 5]);
    expect(pixels.length).toBe(300);
    expect(pixels.some((value) => value > 0)).toBe(true);
  });
});
