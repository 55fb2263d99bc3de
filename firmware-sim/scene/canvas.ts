import type { Tile } from './texture.js';

/** Red, green, blue, each 0 to 255. */
export type Rgb = readonly [number, number, number];

/** How a path is coloured: one colour, or a linear blend between two along a segment given in picture pixels. */
export type Paint = {
  readonly from: Rgb;
  readonly to?: Rgb;
  /** Segment along which `from` turns into `to`: x1, y1, x2, y2 in picture pixels. */
  readonly alongPx?: readonly [number, number, number, number];
  /** 0 to 1, default 1. */
  readonly alpha?: number;
  /** Repeating grain added to the colour: amplitude in grey levels, step in tile texels per pixel. */
  readonly grain?: {
    readonly tile: Tile;
    readonly amplitude: number;
    readonly stepX: number;
    readonly stepY: number;
    readonly originX?: number;
    readonly originY?: number;
  };
};

/** Pixels and bounds of one figure, in picture pixels; bounds are x1, y1 inclusive and x2, y2 exclusive. */
export type PixelCount = { pixels: number; x1: number; y1: number; x2: number; y2: number };

/** Id of things that hide figures but are no figures themselves. */
export const CLUTTER_ID = 255;
/** Figures are numbered from 1; 31 is what fits in the 32-bit plane that tells who was drawn where. */
export const FIGURES_MAX = 31;

// A pixel belongs to a figure if the figure covers at least this share of it. Strokes are kept at least one pixel
// wide (see Pen), and a one-pixel stroke covers at least half of one of the two pixels it may straddle.
const OWNED_COVERAGE = 0.35;

/**
 * An RGB picture with exact-area antialiasing, and beside it an id plane drawn in the same pass without antialiasing,
 * from which truth is counted. The id plane reaches beyond the picture by a margin, so that a figure cut by the border
 * is known in full.
 *
 * Coverage is accumulated as signed area per pixel (the method of font-rs by Raph Levien), so that overlapping
 * contours of one path count once and a reversed contour cuts a hole.
 */
export class Canvas {
  readonly widthPx: number;
  readonly heightPx: number;
  /** u8 [height, width, 3], RGB. */
  readonly rgb: Uint8Array;
  readonly marginPx: number;
  readonly #spanW: number;
  readonly #spanH: number;
  readonly #area: Float32Array;
  readonly #stride: number;
  readonly #ids: Uint8Array | undefined;
  readonly #drawn: Uint32Array | undefined;
  readonly #alone: PixelCount[] = [];
  #xMin = 0;
  #xMax = -1;
  #yMin = 0;
  #yMax = -1;

  /** @param marginPx how far the id plane reaches beyond each border; `undefined` draws no id plane at all. */
  constructor(widthPx: number, heightPx: number, marginPx?: number) {
    this.widthPx = widthPx;
    this.heightPx = heightPx;
    this.rgb = new Uint8Array(widthPx * heightPx * 3);
    this.marginPx = marginPx ?? 0;
    this.#spanW = widthPx + 2 * this.marginPx;
    this.#spanH = heightPx + 2 * this.marginPx;
    this.#stride = this.#spanW + 3;
    this.#area = new Float32Array(this.#stride * (this.#spanH + 1));
    if (marginPx !== undefined) {
      this.#ids = new Uint8Array(this.#spanW * this.#spanH);
      this.#drawn = new Uint32Array(this.#spanW * this.#spanH);
      for (let i = 0; i <= FIGURES_MAX; i++) this.#alone.push(emptyCount());
    }
    this.#resetBounds();
  }

  /** Forgets all ids and counts; the picture is kept. */
  clearIds(): void {
    this.#ids?.fill(0);
    this.#drawn?.fill(0);
    for (const count of this.#alone) Object.assign(count, emptyCount());
  }

  /** Adds a closed contour given as x, y pairs in picture pixels; `reverse` walks it backwards, which cuts a hole. */
  contour(points: ArrayLike<number>, count = points.length / 2, reverse = false): void {
    const direction = reverse ? -1 : 1;
    let px = at(points, 2 * count - 2);
    let py = at(points, 2 * count - 1);
    for (let i = 0; i < count; i++) {
      const x = at(points, 2 * i);
      const y = at(points, 2 * i + 1);
      this.#edge(px + this.marginPx, py + this.marginPx, x + this.marginPx, y + this.marginPx, direction);
      px = x;
      py = y;
    }
  }

  /** Paints what the contours added since the last call cover, and marks it with `id` (0 marks nothing). */
  paint(paint: Paint, id = 0): void {
    const x0 = Math.max(0, this.#xMin);
    const x1 = Math.min(this.#spanW - 1, this.#xMax);
    const y0 = Math.max(0, this.#yMin);
    const y1 = Math.min(this.#spanH - 1, this.#yMax);
    const area = this.#area;
    const ids = id === 0 ? undefined : this.#ids;
    const m = this.marginPx;
    const w = this.widthPx;
    const alpha = paint.alpha ?? 1;
    const [r0, g0, b0] = paint.from;
    const [r1, g1, b1] = paint.to ?? paint.from;
    const blend = paint.to !== undefined && paint.alongPx !== undefined;
    let ax = 0;
    let ay = 0;
    let a0 = 0;
    if (paint.alongPx !== undefined) {
      const [sx, sy, ex, ey] = paint.alongPx;
      const d = (ex - sx) ** 2 + (ey - sy) ** 2 || 1;
      ax = (ex - sx) / d;
      ay = (ey - sy) / d;
      a0 = -(sx * ax + sy * ay);
    }
    const tile = paint.grain?.tile;
    const gain = (paint.grain?.amplitude ?? 0) / 128;
    const stepX = paint.grain?.stepX ?? 0;
    const stepY = paint.grain?.stepY ?? 0;
    const originX = paint.grain?.originX ?? 0;
    const originY = paint.grain?.originY ?? 0;
    const rgb = this.rgb;
    for (let y = y0; y <= y1; y++) {
      const row = y * this.#stride;
      const py = y - m;
      const inRows = py >= 0 && py < this.heightPx;
      let sum = 0;
      for (let x = x0; x <= x1 + 1; x++) {
        const i = row + x;
        sum += at(area, i);
        area[i] = 0;
        if (x > x1) break;
        const cover = sum > 1 || sum < -1 ? 1 : sum < 0 ? -sum : sum;
        if (cover < 0.004) continue;
        if (ids !== undefined && cover >= OWNED_COVERAGE) this.#mark(ids, x, y, id);
        const px = x - m;
        if (!inRows || px < 0 || px >= w) continue;
        let r = r0;
        let g = g0;
        let b = b0;
        if (blend) {
          let t = px * ax + py * ay + a0;
          t = t < 0 ? 0 : Math.min(t, 1);
          r += (r1 - r0) * t;
          g += (g1 - g0) * t;
          b += (b1 - b0) * t;
        }
        if (tile !== undefined) {
          const tx = ((px - originX) * stepX) & 255;
          const ty = ((py - originY) * stepY) & 255;
          const n = (at(tile, (ty << 8) | tx) - 128) * gain;
          r += n;
          g += n;
          b += n;
        }
        const k = cover * alpha;
        const o = (py * w + px) * 3;
        rgb[o] = byte(at(rgb, o) + (r - at(rgb, o)) * k);
        rgb[o + 1] = byte(at(rgb, o + 1) + (g - at(rgb, o + 1)) * k);
        rgb[o + 2] = byte(at(rgb, o + 2) + (b - at(rgb, o + 2)) * k);
      }
    }
    this.#resetBounds();
  }

  /** Pixels the figure covers when nothing is in front of it, margin included. Shared: do not keep across frames. */
  alone(id: number): PixelCount {
    return this.#alone[id] ?? emptyCount();
  }

  /**
   * Pixels of every figure that are visible inside the picture, by counting the id plane. Index = figure id.
   * @param window count only there: x1, y1 inclusive, x2, y2 exclusive, inside the picture.
   */
  countVisible(window: readonly [number, number, number, number] = [0, 0, this.widthPx, this.heightPx]): PixelCount[] {
    const counts = this.#alone.map(() => emptyCount());
    const ids = this.#ids;
    if (ids === undefined) return counts;
    const [x1, y1, x2, y2] = window;
    for (let y = y1; y < y2; y++) {
      let i = (y + this.marginPx) * this.#spanW + this.marginPx + x1;
      for (let x = x1; x < x2; x++, i++) {
        const id = at(ids, i);
        if (id === 0 || id === CLUTTER_ID) continue;
        const count = counts[id];
        if (count !== undefined) grow(count, x, y);
      }
    }
    return counts;
  }

  /** Who owns a pixel of the picture: 0 nobody, 1 to 31 a figure, 255 clutter. */
  idAt(x: number, y: number): number {
    return this.#ids?.[(y + this.marginPx) * this.#spanW + x + this.marginPx] ?? 0;
  }

  /** Gives the pixels of a mask back to what stands in front: copies them from `source` and marks them as clutter. */
  restore(spans: Int32Array, source: Canvas, shiftX: number, shiftY: number): void {
    const ids = this.#ids;
    for (let s = 0; s < spans.length; s += 3) {
      const y = at(spans, s) - shiftY;
      if (y < 0 || y >= this.heightPx) continue;
      const from = Math.max(0, at(spans, s + 1) - shiftX);
      const to = Math.min(this.widthPx, at(spans, s + 2) - shiftX);
      if (to <= from) continue;
      const src = ((y + shiftY) * source.widthPx + from + shiftX) * 3;
      this.rgb.set(source.rgb.subarray(src, src + (to - from) * 3), (y * this.widthPx + from) * 3);
      const row = (y + this.marginPx) * this.#spanW + this.marginPx;
      ids?.fill(CLUTTER_ID, row + from, row + to);
    }
  }

  /** The pixels marked with `id` as runs of y, xFrom, xTo (exclusive), for `restore`. */
  spansOf(id: number): Int32Array {
    const spans: number[] = [];
    for (let y = 0; y < this.heightPx; y++) {
      let from = -1;
      for (let x = 0; x <= this.widthPx; x++) {
        const mine = x < this.widthPx && this.idAt(x, y) === id;
        if (mine && from < 0) from = x;
        if (!mine && from >= 0) {
          spans.push(y, from, x);
          from = -1;
        }
      }
    }
    return Int32Array.from(spans);
  }

  #mark(ids: Uint8Array, x: number, y: number, id: number): void {
    const i = y * this.#spanW + x;
    ids[i] = id;
    const drawn = this.#drawn;
    if (drawn === undefined || id > FIGURES_MAX) return;
    const bit = 1 << (id - 1);
    const before = at(drawn, i);
    if ((before & bit) !== 0) return;
    drawn[i] = before | bit;
    const count = this.#alone[id];
    if (count !== undefined) grow(count, x - this.marginPx, y - this.marginPx);
  }

  #resetBounds(): void {
    this.#xMin = this.#spanW;
    this.#xMax = -1;
    this.#yMin = this.#spanH;
    this.#yMax = -1;
  }

  #edge(xa: number, ya: number, xb: number, yb: number, direction: number): void {
    const xLow = Math.floor(Math.min(xa, xb));
    const xHigh = Math.ceil(Math.max(xa, xb));
    if (xLow < this.#xMin) this.#xMin = Math.max(0, xLow);
    if (xHigh > this.#xMax) this.#xMax = xHigh;
    if (ya === yb) return;
    const down = ya < yb;
    const sign = down ? direction : -direction;
    const xTop = down ? xa : xb;
    const yTop = down ? ya : yb;
    const yEnd = down ? yb : ya;
    const slope = ((down ? xb : xa) - xTop) / (yEnd - yTop);
    const yFirst = Math.max(0, Math.floor(yTop));
    const yLast = Math.min(this.#spanH, Math.ceil(yEnd));
    if (yFirst < this.#yMin) this.#yMin = yFirst;
    if (yLast - 1 > this.#yMax) this.#yMax = yLast - 1;
    const area = this.#area;
    const right = this.#spanW;
    for (let y = yFirst; y < yLast; y++) {
      const from = Math.max(y, yTop);
      const to = Math.min(y + 1, yEnd);
      const d = (to - from) * sign;
      const xs = clamp(xTop + (from - yTop) * slope, right);
      const xe = clamp(xTop + (to - yTop) * slope, right);
      const x0 = Math.min(xs, xe);
      const x1 = Math.max(xs, xe);
      const i0 = Math.floor(x0);
      const i1 = Math.ceil(x1);
      const row = y * this.#stride;
      if (i1 <= i0 + 1) {
        const mid = 0.5 * (xs + xe) - i0;
        area[row + i0] = at(area, row + i0) + d - d * mid;
        area[row + i0 + 1] = at(area, row + i0 + 1) + d * mid;
        continue;
      }
      const s = 1 / (x1 - x0);
      const f0 = x0 - i0;
      const first = 0.5 * s * (1 - f0) * (1 - f0);
      const f1 = x1 - i1 + 1;
      const last = 0.5 * s * f1 * f1;
      area[row + i0] = at(area, row + i0) + d * first;
      if (i1 === i0 + 2) {
        area[row + i0 + 1] = at(area, row + i0 + 1) + d * (1 - first - last);
      } else {
        const second = s * (1.5 - f0);
        area[row + i0 + 1] = at(area, row + i0 + 1) + d * (second - first);
        for (let x = i0 + 2; x < i1 - 1; x++) area[row + x] = at(area, row + x) + d * s;
        const before = second + (i1 - i0 - 3) * s;
        area[row + i1 - 1] = at(area, row + i1 - 1) + d * (1 - before - last);
      }
      area[row + i1] = at(area, row + i1) + d * last;
    }
  }
}

// Typed arrays read under noUncheckedIndexedAccess: the indices here are bounded by construction.
function at(array: ArrayLike<number>, index: number): number {
  return array[index] ?? 0;
}

function byte(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}

function clamp(x: number, right: number): number {
  return x < 0 ? 0 : Math.min(x, right);
}

function emptyCount(): PixelCount {
  return {
    pixels: 0,
    x1: Number.POSITIVE_INFINITY,
    y1: Number.POSITIVE_INFINITY,
    x2: Number.NEGATIVE_INFINITY,
    y2: Number.NEGATIVE_INFINITY,
  };
}

function grow(count: PixelCount, x: number, y: number): void {
  count.pixels++;
  if (x < count.x1) count.x1 = x;
  if (y < count.y1) count.y1 = y;
  if (x + 1 > count.x2) count.x2 = x + 1;
  if (y + 1 > count.y2) count.y2 = y + 1;
}
