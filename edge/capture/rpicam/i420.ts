/** Bytes of a planar YUV 4:2:0 picture without padding: a plane of Y, a quarter each of U and V. Sides are even. */
export function i420Bytes(widthPx: number, heightPx: number): number {
  return (widthPx * heightPx * 3) / 2;
}

/** How a picture's colours became YUV: for standard and for high definition. */
export type YuvStandard = 'bt601' | 'bt709';

// What of U and V is in red, green and blue, limited range, times 1024 (ITU-R BT.601-7 and BT.709-6).
const COLOURS = {
  bt601: { redV: 1634, greenU: 401, greenV: 833, blueU: 2065 },
  bt709: { redV: 1836, greenU: 218, greenV: 546, blueU: 2163 },
} as const;

/** What rpicam-vid delivers in a size unless it is told otherwise (rpicam-apps, core/rpicam_app.cpp: ConfigureVideo). */
export function yuvStandardOf(widthPx: number, heightPx: number): YuvStandard {
  return widthPx >= 1280 || heightPx >= 720 ? 'bt709' : 'bt601';
}

/**
 * Planar YUV 4:2:0 of limited range to RGB.
 * @param yuv u8 [i420Bytes] @param rgb u8 [height, width, 3], written whole.
 */
export function i420ToRgb(
  yuv: Uint8Array,
  rgb: Uint8Array,
  widthPx: number,
  heightPx: number,
  standard: YuvStandard,
): void {
  const { redV, greenU, greenV, blueU } = COLOURS[standard];
  const half = widthPx >> 1;
  const atU = widthPx * heightPx;
  const atV = atU + (atU >> 2);
  let out = 0;
  for (let y = 0; y < heightPx; y++) {
    const row = y * widthPx;
    const chroma = (y >> 1) * half;
    for (let x = 0; x < widthPx; x++) {
      const luma = 1192 * ((yuv[row + x] ?? 0) - 16);
      const u = (yuv[atU + chroma + (x >> 1)] ?? 0) - 128;
      const v = (yuv[atV + chroma + (x >> 1)] ?? 0) - 128;
      const r = (luma + redV * v) >> 10;
      const g = (luma - greenU * u - greenV * v) >> 10;
      const b = (luma + blueU * u) >> 10;
      rgb[out++] = r < 0 ? 0 : r > 255 ? 255 : r;
      rgb[out++] = g < 0 ? 0 : g > 255 ? 255 : g;
      rgb[out++] = b < 0 ? 0 : b > 255 ? 255 : b;
    }
  }
}
