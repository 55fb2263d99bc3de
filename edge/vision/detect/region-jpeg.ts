import sharp from 'sharp';
import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';

/** A part of a picture as JPEG, and its size, which may be smaller than the part. */
export type RegionJpeg = {
  readonly jpeg: Uint8Array<ArrayBuffer>;
  readonly widthPx: number;
  readonly heightPx: number;
};

/**
 * Encodes a region as JPEG, no larger than a detector with this input has use for: neither axis gets fewer pixels than it
 * takes in, be it letterboxed or stretched.
 * @param region integer pixels, inside the picture.
 */
export async function encodeRegion(
  { data, widthPx, heightPx }: RgbPicture,
  region: BoxXyxyPx,
  input: { readonly widthPx: number; readonly heightPx: number },
  quality: number,
): Promise<RegionJpeg> {
  const [left, top] = region;
  const width = region[2] - left;
  const height = region[3] - top;
  const scale = Math.min(1, Math.max(input.widthPx / width, input.heightPx / height));
  const sent = { widthPx: Math.max(1, Math.round(width * scale)), heightPx: Math.max(1, Math.round(height * scale)) };
  const raw = { width: widthPx, height: heightPx, channels: 3 } as const;
  const cut = sharp(data.subarray(0, widthPx * heightPx * 3), { raw }).extract({ left, top, width, height });
  const scaled = scale < 1 ? cut.resize(sent.widthPx, sent.heightPx, { fit: 'fill' }) : cut;
  const jpeg = await scaled.jpeg({ quality }).toBuffer();
  return { jpeg: new Uint8Array(jpeg), ...sent };
}
