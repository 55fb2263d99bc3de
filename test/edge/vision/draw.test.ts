import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { RgbPicture } from '../../../edge/capture/frame.js';
import type { Detection } from '../../../edge/vision/detection.js';
import { glyphRows } from '../../../edge/vision/draw/bitmap-font.js';
import { colourOfClass, drawDetections } from '../../../edge/vision/draw/box-drawing.js';
import { writePicture } from '../../../edge/vision/draw/picture-file.js';

function blackPicture(widthPx: number, heightPx: number): RgbPicture {
  return { kind: 'rgb', widthPx, heightPx, data: new Uint8Array(widthPx * heightPx * 3) };
}

function detection(box: Detection['box'], options: Partial<Detection> = {}): Detection {
  return { classId: 0, label: 'person', score: 0.9, box, ...options };
}

function pixel(picture: RgbPicture, x: number, y: number): readonly number[] {
  const at = (y * picture.widthPx + x) * 3;
  return [...picture.data.subarray(at, at + 3)];
}

describe('drawing detections', () => {
  it('draws the four sides of the box in the colour of its class and leaves its inside alone', () => {
    const picture = blackPicture(100, 100);
    drawDetections(picture, [detection([20, 40, 80, 90], { classId: 3 })]);
    const colour = colourOfClass(3);
    for (const [x, y] of [
      [20, 60],
      [79, 60],
      [50, 89],
      [50, 40],
    ] as const)
      expect(pixel(picture, x, y)).toEqual(colour);
    for (const [x, y] of [
      [50, 60],
      [10, 60],
      [90, 60],
      [50, 95],
    ] as const)
      expect(pixel(picture, x, y)).toEqual([0, 0, 0]);
  });

  it('writes the label above the box, and inside where there is no room above', () => {
    const above = blackPicture(200, 100);
    drawDetections(above, [detection([20, 40, 180, 90])]);
    expect(pixel(above, 20, 35)).not.toEqual([0, 0, 0]);
    const inside = blackPicture(200, 100);
    drawDetections(inside, [detection([20, 0, 180, 90])]);
    expect(pixel(inside, 20, 5)).not.toEqual([0, 0, 0]);
  });

  it('draws the stronger one on top', () => {
    const picture = blackPicture(100, 100);
    drawDetections(picture, [
      detection([20, 40, 80, 90], { score: 0.9, classId: 1 }),
      detection([20, 40, 80, 90], { score: 0.5, classId: 2 }),
    ]);
    expect(pixel(picture, 79, 70)).toEqual(colourOfClass(1));
  });

  it('never touches a byte outside of the picture, wherever the box lies and whatever the label is', () => {
    const coordinate = fc.double({ min: -1e4, max: 1e4, noNaN: true });
    fc.assert(
      fc.property(
        fc.tuple(coordinate, coordinate, coordinate, coordinate),
        fc.string({ unit: 'binary', maxLength: 80 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        (box, label, widthPx, heightPx) => {
          const guarded = new Uint8Array(widthPx * heightPx * 3 + 200).fill(7);
          const data = guarded.subarray(100, 100 + widthPx * heightPx * 3);
          drawDetections({ kind: 'rgb', widthPx, heightPx, data }, [detection(box, { label })]);
          expect(guarded.subarray(0, 100).every((byte) => byte === 7)).toBe(true);
          expect(guarded.subarray(-100).every((byte) => byte === 7)).toBe(true);
        },
      ),
    );
  });

  it('has a letter of its own for each of the alphabet, and a question mark for the rest', () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
    expect(new Set(letters.map((letter) => glyphRows(letter).join())).size).toBe(letters.length);
    expect(glyphRows('a')).toEqual(glyphRows('A'));
    expect(glyphRows('門')).toEqual(glyphRows('?'));
    expect(glyphRows('toString')).toEqual(glyphRows('?'));
  });
});

describe('writing a picture', () => {
  it('gives PNG pixels back exactly, takes JPEG by its ending, and leaves no other file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vedette-draw-'));
    try {
      const picture = blackPicture(40, 30);
      drawDetections(picture, [detection([5, 12, 30, 28])]);
      await writePicture(join(dir, 'a.png'), picture);
      const { data, info } = await sharp(join(dir, 'a.png')).raw().toBuffer({ resolveWithObject: true });
      expect(info).toMatchObject({ width: 40, height: 30, channels: 3 });
      expect(Buffer.compare(data, picture.data)).toBe(0);
      await writePicture(join(dir, 'b.JPG'), picture);
      expect(await sharp(join(dir, 'b.JPG')).metadata()).toMatchObject({ format: 'jpeg', width: 40 });
      expect((await readdir(dir)).sort()).toEqual(['a.png', 'b.JPG']);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
