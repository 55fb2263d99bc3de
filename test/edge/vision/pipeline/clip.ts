import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { RgbPicture } from '../../../../edge/capture/frame.js';

/** The pictures of an .mjpeg of the test data, decoded: JPEG files one after the other, split at their markers. */
export async function readClip(path: string): Promise<RgbPicture[]> {
  const bytes = await readFile(path);
  const pictures: RgbPicture[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(END_OF_IMAGE, at);
    if (end < 0) break;
    const { data, info } = await sharp(bytes.subarray(at, end + 2))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    pictures.push({ kind: 'rgb', widthPx: info.width, heightPx: info.height, data: new Uint8Array(data) });
    at = end + 2;
  }
  return pictures;
}

const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);
