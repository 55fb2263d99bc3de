/** Bytes of a planar YUV 4:2:0 picture without padding: a plane of Y, a quarter each of U and V. Sides are even. */
export function i420Bytes(widthPx: number, heightPx: number): number {
  return (widthPx * heightPx * 3) / 2;
}

/**
 * Planar YUV 4:2:0 (BT.601, limited range, what rpicam-vid delivers by default) to RGB.
 * @param yuv u8 [i420Bytes] @param rgb u8 [height, width, 3], written whole.
 */
export function i420ToRgb(yuv: Uint8Array, rgb: Uint8Array, widthPx: number, heightPx: number): void {
  const half = widthPx >> 1;
  const atU = widthPx * heightPx;
  const atV = atU + (atU >> 2);
  let out = 0;
  for (let y = 0; y < heightPx; y++) {
    const row = y * widthPx;
    const chroma = (y >> 1) * half;
    for (let x = 0; x < widthPx; x++) {
      // Coefficients of ITU-R BT.601 times 1024: 1.164, 1.596, 0.392, 0.813, 2.017.
      const luma = 1192 * ((yuv[row + x] ?? 0) - 16);
      const u = (yuv[atU + chroma + (x >> 1)] ?? 0) - 128;
      const v = (yuv[atV + chroma + (x >> 1)] ?? 0) - 128;
      const r = (luma + 1634 * v) >> 10;
      const g = (luma - 401 * u - 833 * v) >> 10;
      const b = (luma + 2065 * u) >> 10;
      rgb[out++] = r < 0 ? 0 : r > 255 ? 255 : r;
      rgb[out++] = g < 0 ? 0 : g > 255 ? 255 : g;
      rgb[out++] = b < 0 ? 0 : b > 255 ? 255 : b;
    }
  }
}
