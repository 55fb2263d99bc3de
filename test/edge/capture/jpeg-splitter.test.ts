import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { JpegSplitter } from '../../../edge/capture/file/jpeg-splitter.js';
import { jpegPicture, jpegWithThumbnail } from './pictures.js';

const pictures: Buffer[] = [];

beforeAll(async () => {
  for (let seed = 0; seed < 3; seed++) pictures.push(await jpegPicture(seed), await jpegWithThumbnail(seed));
});

function split(bytes: Uint8Array, chunkBytes = 1000, bytesMax = 1_000_000) {
  const splitter = new JpegSplitter(bytesMax);
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    splitter.push(bytes.subarray(at, at + chunkBytes));
    for (let picture = splitter.next(); picture !== undefined; picture = splitter.next()) found.push(picture);
  }
  splitter.finish();
  return { found: found.map((picture) => Buffer.from(picture).toString('latin1')), counts: splitter.counts };
}

const text = (list: readonly Buffer[]) => list.map((picture) => picture.toString('latin1'));
const clean = { garbageBytes: 0, badPictures: 0 };

test('gives back what was put together, however the bytes arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 8 }), fc.integer({ min: 1, max: 5000 }), (order, chunkBytes) => {
      const list = order.map((i) => pictures[i] ?? Buffer.alloc(0));
      expect(split(Buffer.concat(list), chunkBytes)).toEqual({ found: text(list), counts: clean });
    }),
    { numRuns: 60 },
  );
});

test('the end marker of a thumbnail does not cut a picture in two', () => {
  const whole = pictures[1] ?? Buffer.alloc(0);
  const marker = Buffer.from([0xff, 0xd9]);
  expect(whole.indexOf(marker)).toBeLessThan(whole.length - 2);
  expect(split(whole).found).toEqual(text([whole]));
});

describe('garbage', () => {
  test('between pictures is skipped and counted to the byte', () => {
    const garbage = Buffer.from('--boundary\r\nContent-Type: image/jpeg\r\n\r\n');
    const stuffed = pictures.flatMap((picture) => [garbage, picture]);
    const result = split(Buffer.concat([...stuffed, garbage]), 777);
    expect(result.found).toEqual(text(pictures));
    expect(result.counts).toEqual({ garbageBytes: garbage.length * (pictures.length + 1), badPictures: 0 });
  });

  test('with half a start marker at its end does not eat the picture behind it', () => {
    const [picture = Buffer.alloc(0)] = pictures;
    for (const tail of [[0xff], [0xff, 0xd8], [0xff, 0xd8, 0x00], [0xff, 0xff, 0xff]]) {
      expect(split(Buffer.concat([Buffer.from(tail), picture]), 1).found).toEqual(text([picture]));
    }
  });

  test('alone gives nothing and holds nothing', () => {
    const result = split(Buffer.alloc(3_000_000, 0xff), 65_536, 10_000);
    expect(result.found).toEqual([]);
    expect(result.counts.garbageBytes).toBe(3_000_000);
  });

  test('of any kind never throws, and never costs a picture that follows in one piece', () => {
    const [picture = Buffer.alloc(0)] = pictures;
    // 64 KiB of zeros end whatever segment the garbage may seem to begin.
    const gap = Buffer.alloc(70_000);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (garbage) => {
        const { found } = split(Buffer.concat([garbage, gap, picture]), 4096);
        expect(found.at(-1)).toBe(picture.toString('latin1'));
      }),
      { numRuns: 100 },
    );
  });
});

describe('a bad picture', () => {
  test('that breaks off in its scan is dropped, the next is whole', () => {
    const [a = Buffer.alloc(0), b = Buffer.alloc(0), c = Buffer.alloc(0)] = pictures;
    const result = split(Buffer.concat([a, b.subarray(0, b.length - 200), c]), 333);
    expect(result.found).toEqual(text([a, c]));
    expect(result.counts).toEqual({ garbageBytes: 0, badPictures: 1 });
  });

  test('that breaks off does not leave its thumbnail as a picture', () => {
    const [a = Buffer.alloc(0), withThumbnail = Buffer.alloc(0)] = pictures;
    const broken = withThumbnail.subarray(0, withThumbnail.length - 150);
    expect(split(Buffer.concat([broken, a])).found).toEqual(text([a]));
  });

  test('at the end of the stream is counted', () => {
    const [a = Buffer.alloc(0), , c = Buffer.alloc(0)] = pictures;
    const result = split(Buffer.concat([a, c.subarray(0, 500)]));
    expect(result.found).toEqual(text([a]));
    expect(result.counts.badPictures).toBe(1);
  });

  test('larger than allowed is dropped, one that is exactly so large is not', () => {
    const [a = Buffer.alloc(0), , c = Buffer.alloc(0)] = pictures;
    const both = Buffer.concat([a, c]);
    const largest = Math.max(a.length, c.length);
    expect(split(both, 100, largest).found).toEqual(text([a, c]));
    expect(split(a, 100_000, a.length - 1).found).toEqual([]);
    expect(split(a, 100, a.length - 1).found).toEqual([]);
    expect(split(a, 100, a.length - 1).counts.badPictures).toBe(1);
  });
});
