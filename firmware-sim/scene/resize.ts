/**
 * Shrinks or stretches an RGB picture, u8 [height, width, 3]. `area` averages all pixels that fall into a new one,
 * `bilinear` blends the four nearest to its centre and so keeps more of the noise, as most detectors' letterbox does.
 * @returns u8 [toHeight, toWidth, 3], newly allocated.
 */
export function resizeRgb(
  rgb: Uint8Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
  method: 'area' | 'bilinear',
): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight * 3);
  const columns = taps(width, toWidth, method);
  const rows = taps(height, toHeight, method);
  let o = 0;
  for (const row of rows) {
    for (const column of columns) {
      let r = 0;
      let g = 0;
      let b = 0;
      for (let j = 0; j < row.weights.length; j++) {
        const wy = row.weights[j] ?? 0;
        let i = ((row.first + j) * width + column.first) * 3;
        for (let k = 0; k < column.weights.length; k++, i += 3) {
          const w = wy * (column.weights[k] ?? 0);
          r += w * (rgb[i] ?? 0);
          g += w * (rgb[i + 1] ?? 0);
          b += w * (rgb[i + 2] ?? 0);
        }
      }
      out[o++] = r + 0.5;
      out[o++] = g + 0.5;
      out[o++] = b + 0.5;
    }
  }
  return out;
}

type Taps = { readonly first: number; readonly weights: readonly number[] };

function taps(size: number, toSize: number, method: 'area' | 'bilinear'): Taps[] {
  const step = size / toSize;
  return Array.from({ length: toSize }, (_, i) => {
    if (method === 'area' && step > 1) {
      const from = i * step;
      const to = Math.min(size, from + step);
      const first = Math.floor(from);
      const weights: number[] = [];
      for (let k = first; k < to; k++) weights.push((Math.min(k + 1, to) - Math.max(k, from)) / step);
      return { first, weights };
    }
    const at = Math.max(0, Math.min(size - 1, (i + 0.5) * step - 0.5));
    const first = Math.min(size - 1, Math.floor(at));
    return first + 1 < size ? { first, weights: [1 - (at - first), at - first] } : { first, weights: [1] };
  });
}
