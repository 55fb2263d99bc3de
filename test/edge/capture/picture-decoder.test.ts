import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { OperationError } from '../../../base/errors.js';
import { Random } from '../../../base/random.js';
import { decodePicture } from '../../../edge/capture/picture-decoder.js';
import { pictureFormatOf } from '../../../edge/capture/picture-format.js';
import { jpegPicture } from './pictures.js';

const plain = () => sharp({ create: { width: 64, height: 48, channels: 3, background: { r: 200, g: 100, b: 50 } } });
const refused = async (bytes: Uint8Array, options = {}) => {
  const error: unknown = await decodePicture(bytes, { subject: 'yard.jpg', ...options }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OperationError)) throw new Error('it was decoded');
  expect(error.code).toBe('picture-invalid');
  expect(error.message).toMatch(/^decode yard\.jpg: /);
  return error.message;
};

describe('what is taken', () => {
  const first = async (bytes: Uint8Array) => {
    const picture = await decodePicture(bytes);
    expect(picture.data.byteLength).toBe(picture.widthPx * picture.heightPx * 3);
    return [...picture.data.subarray(0, 3)];
  };
  const near = (pixel: number[], want: number[]) => {
    for (const [i, value] of want.entries()) expect(Math.abs((pixel[i] ?? -99) - value)).toBeLessThan(8);
  };

  test('a JPEG, a PNG and a WebP become RGB of the same colour', async () => {
    near(await first(await plain().jpeg().toBuffer()), [200, 100, 50]);
    near(await first(await plain().png().toBuffer()), [200, 100, 50]);
    near(await first(await plain().webp().toBuffer()), [200, 100, 50]);
    near(await first(await plain().png({ palette: true }).toBuffer()), [200, 100, 50]);
  });

  test('a grey JPEG becomes RGB with three equal channels', async () => {
    const [r, g, b] = await first(await plain().greyscale().toColourspace('b-w').jpeg().toBuffer());
    expect(g).toBe(r);
    expect(b).toBe(r);
  });

  test('a CMYK JPEG becomes RGB of about its colour', async () => {
    const [r = 0, g = 0, b = 0] = await first(await plain().toColourspace('cmyk').jpeg().toBuffer());
    expect(r).toBeGreaterThan(g);
    expect(g).toBeGreaterThan(b);
    near([r, g], [200, 100]);
  });

  test('a PNG of 16 bits becomes one of 8', async () => {
    near(await first(await plain().toColourspace('rgb16').png().toBuffer()), [200, 100, 50]);
  });

  test('a transparent PNG lies on black, hidden colours stay hidden', async () => {
    const half = { r: 200, g: 100, b: 50, alpha: 0.5 };
    const hidden = { r: 200, g: 100, b: 50, alpha: 0 };
    const create = (background: typeof half) => sharp({ create: { width: 8, height: 8, channels: 4, background } });
    near(await first(await create(half).png().toBuffer()), [100, 50, 25]);
    near(await first(await create(hidden).png().toBuffer()), [0, 0, 0]);
  });

  test('the orientation of the EXIF data is applied', async () => {
    const picture = await decodePicture(await plain().withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect([picture.widthPx, picture.heightPx]).toEqual([48, 64]);
  });

  test('of an animated WebP the first frame is taken', async () => {
    const frames = [await jpegPicture(1), await jpegPicture(2)];
    const animated = await sharp(frames, { join: { animated: true } })
      .webp({ loop: 0, lossless: true })
      .toBuffer();
    const picture = await decodePicture(animated);
    const alone = await decodePicture(await jpegPicture(1));
    expect([picture.widthPx, picture.heightPx]).toEqual([64, 48]);
    expect(Buffer.compare(Buffer.from(picture.data), Buffer.from(alone.data))).toBe(0);
  });

  test('two pictures never share their pixels', async () => {
    const jpeg = await jpegPicture(1);
    const [a, b] = await Promise.all([decodePicture(jpeg), decodePicture(jpeg)]);
    a.data.fill(7);
    expect(b.data.some((value) => value !== 7)).toBe(true);
  });
});

describe('what is refused', () => {
  // Made before anything is decoded: the decoder switches the other loaders of the process off.
  const bad: Record<string, Buffer> = {};
  beforeAll(async () => {
    bad.gif = await plain().gif().toBuffer();
    bad.tiff = await plain().tiff().toBuffer();
    bad.svg = Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    bad.pdf = Buffer.from('%PDF-1.4 ');
    bad.bmp = Buffer.from('BM            ');
  });

  test.each(['gif', 'tiff', 'svg', 'pdf', 'bmp'])('a %s, by its name', async (name) => {
    expect(await refused(bad[name] ?? Buffer.alloc(0))).toBe(`decode yard.jpg: ${name}, allowed jpeg, png, webp`);
  });

  test('an empty file', async () => {
    expect(await refused(Buffer.alloc(0))).toContain('it has 0 bytes');
  });

  test('bytes that are no picture', async () => {
    expect(await refused(Buffer.from('hello, I am a text file'))).toContain('no known picture format');
  });

  test('more bytes than allowed, one more', async () => {
    const jpeg = await jpegPicture(1);
    await decodePicture(jpeg, { bytesMax: jpeg.length });
    expect(await refused(jpeg, { bytesMax: jpeg.length - 1 })).toContain(`allowed ${jpeg.length - 1}`);
  });

  test('more pixels than allowed, one more', async () => {
    const jpeg = await jpegPicture(1);
    await decodePicture(jpeg, { pixelsMax: 64 * 48 });
    expect(await refused(jpeg, { pixelsMax: 64 * 48 - 1 })).toContain('64x48 pixels, allowed 3071 in all');
  });

  test('a truncated JPEG, PNG and WebP', async () => {
    const noise = await jpegPicture(1, 320, 240);
    const png = await sharp(noise).png().toBuffer();
    const webp = await sharp(noise).webp().toBuffer();
    for (const whole of [noise, png, webp]) {
      expect(await refused(whole.subarray(0, Math.floor(whole.length * 0.6)))).toContain('broken');
    }
  });

  test('a JPEG that lost half of its scan data but not its end', async () => {
    const jpeg = await jpegPicture(1, 320, 240);
    expect(await refused(Buffer.concat([jpeg.subarray(0, jpeg.length / 2), jpeg.subarray(-2)]))).toContain(
      'broken jpeg',
    );
  });

  test('nothing else happens to 300 damaged JPEGs: a picture or this one error', async () => {
    const jpeg = await jpegPicture(3);
    const random = new Random('damaged');
    const tally = { decoded: 0, refused: 0 };
    for (let round = 0; round < 300; round++) {
      const damaged = Buffer.from(jpeg);
      for (let i = 0; i <= random.int(4); i++) damaged[random.int(damaged.length)] = random.int(256);
      const outcome = await decodePicture(damaged).catch((error: unknown) => error);
      if (!(outcome instanceof OperationError)) tally.decoded++;
      else {
        expect(outcome.code).toBe('picture-invalid');
        tally.refused++;
      }
    }
    expect(tally.decoded).toBeGreaterThan(20);
    expect(tally.refused).toBeGreaterThan(20);
  });

  test('an SVG that wears the first bytes of a JPEG', async () => {
    const dressed = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), bad.svg ?? Buffer.alloc(0)]);
    expect(await refused(dressed)).toContain('broken jpeg');
  });

  test('a decompression bomb, at once and without its memory', async () => {
    const bomb = pngOfZeros(30_000, 30_000);
    expect(bomb.length).toBeLessThan(200_000);
    const startedMs = performance.now();
    const rssBefore = process.memoryUsage.rss();
    expect(await refused(bomb)).toContain('30000x30000 pixels, allowed');
    expect(performance.now() - startedMs).toBeLessThan(500);
    expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(100 * 1024 * 1024);
  });

  test('a header that lies about a size', async () => {
    const png = Buffer.from(await plain().png().toBuffer());
    png.writeUInt32BE(63, 16);
    expect(await refused(png)).toContain('broken png');
  });
});

test('names formats by their first bytes, whatever follows', () => {
  expect(pictureFormatOf(Buffer.from([0xff, 0xd8, 0xff, 0xe0]))).toBe('jpeg');
  expect(pictureFormatOf(Buffer.from('RIFF\0\0\0\0WEBPVP8 '))).toBe('webp');
  expect(pictureFormatOf(Buffer.from('RIFF\0\0\0\0AVI LIST'))).toBeUndefined();
  expect(pictureFormatOf(Buffer.from([0xff, 0xd8]))).toBeUndefined();
  expect(pictureFormatOf(Buffer.from('  <svg/>'))).toBe('svg');
});

/** A black 1-bit PNG: the most pixels for the fewest bytes. */
function pngOfZeros(widthPx: number, heightPx: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((Math.ceil(widthPx / 8) + 1) * heightPx), { level: 9 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(kind: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), content]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(content.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
