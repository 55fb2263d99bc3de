import { PICTURE_PIXELS_MAX, PICTURE_SIDE_PX_MAX } from './limits.js';

/** Longest header ffmpeg writes: `P6\n16384 16384\n255\n`; anything longer is not one. */
export const PPM_HEADER_BYTES_MAX = 20;

const LATIN1 = new TextDecoder('latin1');

export type PpmHeader = { readonly widthPx: number; readonly heightPx: number; readonly headerBytes: number };

/**
 * The header of a binary PPM as ffmpeg's encoder writes it: `P6`, width, height, 255, one byte of white space each.
 * @param bytes the first PPM_HEADER_BYTES_MAX bytes or more.
 * @returns undefined if it is not one, or larger than any picture we take.
 */
export function parsePpmHeader(bytes: Uint8Array): PpmHeader | undefined {
  const text = LATIN1.decode(bytes.subarray(0, PPM_HEADER_BYTES_MAX));
  const match = /^P6\n(\d{1,5}) (\d{1,5})\n255\n/.exec(text);
  if (match === null) return undefined;
  const widthPx = Number(match[1]);
  const heightPx = Number(match[2]);
  const fits = widthPx * heightPx > 0 && widthPx * heightPx <= PICTURE_PIXELS_MAX;
  if (!fits || Math.max(widthPx, heightPx) > PICTURE_SIDE_PX_MAX) return undefined;
  return { widthPx, heightPx, headerBytes: match[0].length };
}
