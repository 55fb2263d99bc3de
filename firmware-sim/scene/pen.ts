import type { Canvas, Paint, Rgb } from './canvas.js';
import type { Tile } from './texture.js';

/** Colour of a part: plain, or shaded from one side to the other. Local coordinates, metres. */
export type Ink = {
  readonly color: Rgb;
  /** Colour at the other end of `along`. */
  readonly shade?: Rgb;
  /** Local segment x1, y1, x2, y2 in metres along which color turns into shade. */
  readonly along?: readonly [number, number, number, number];
  readonly alpha?: number;
  readonly grain?: { readonly tile: Tile; readonly amplitude: number; readonly texelsPerM: number };
};

const SCRATCH_POINTS = 128;
// Strokes thinner than this fade instead of vanishing and would leave no pixel in the id plane.
const STROKE_RADIUS_MIN_PX = 0.5;

/** Draws in a figure's own frame: metres, x to the right (mirrored if facing left), y up from the ground point. */
export class Pen {
  readonly #canvas: Canvas;
  readonly #points = new Float64Array(2 * SCRATCH_POINTS);
  #id = 0;
  #x = 0;
  #y = 0;
  #scale = 1;
  #mirror = 1;

  constructor(canvas: Canvas) {
    this.#canvas = canvas;
  }

  /** Sets the figure: id for the id plane, ground point in picture pixels, pixels per metre, mirrored or not. */
  place(id: number, xPx: number, yPx: number, pxPerM: number, mirrored = false): void {
    this.#id = id;
    this.#x = xPx;
    this.#y = yPx;
    this.#scale = pxPerM;
    this.#mirror = mirrored ? -1 : 1;
  }

  /** Changes the id only: a rider and a bicycle are drawn in turns. */
  as(id: number): void {
    this.#id = id;
  }

  get pxPerM(): number {
    return this.#scale;
  }

  /** A closed polygon of x, y pairs in metres. */
  polygon(points: readonly number[], ink: Ink): void {
    this.#canvas.contour(this.#toPx(points));
    this.#paint(ink);
  }

  /** A limb: a stroke with round ends whose radius changes from r1 to r2. */
  limb(x1: number, y1: number, r1: number, x2: number, y2: number, r2: number, ink: Ink): void {
    const min = STROKE_RADIUS_MIN_PX / this.#scale;
    const a = Math.max(r1, min);
    const b = Math.max(r2, min);
    const angle = Math.atan2(y2 - y1, x2 - x1);
    const caps = a * this.#scale < 2 ? 3 : 6;
    let n = 0;
    for (let i = 0; i <= caps; i++) {
      const t = angle + Math.PI / 2 + (Math.PI * i) / caps;
      n = this.#put(n, x1 + a * Math.cos(t), y1 + a * Math.sin(t));
    }
    for (let i = 0; i <= caps; i++) {
      const t = angle - Math.PI / 2 + (Math.PI * i) / caps;
      n = this.#put(n, x2 + b * Math.cos(t), y2 + b * Math.sin(t));
    }
    this.#canvas.contour(this.#points, n);
    this.#paint(ink);
  }

  /** An ellipse, turned by `turn` radians. */
  ellipse(cx: number, cy: number, rx: number, ry: number, ink: Ink, turn = 0): void {
    this.#canvas.contour(this.#points, this.#ellipsePoints(cx, cy, rx, ry, turn));
    this.#paint(ink);
  }

  /** A ring: a circle stroked with the given width. */
  ring(cx: number, cy: number, radius: number, width: number, ink: Ink): void {
    const half = Math.max(width / 2, STROKE_RADIUS_MIN_PX / this.#scale);
    this.#canvas.contour(this.#points, this.#ellipsePoints(cx, cy, radius + half, radius + half, 0));
    if (radius > half) {
      this.#canvas.contour(this.#points, this.#ellipsePoints(cx, cy, radius - half, radius - half, 0), true);
    }
    this.#paint(ink);
  }

  /** A rectangle standing on its lower left corner. */
  rect(x: number, y: number, width: number, height: number, ink: Ink): void {
    this.polygon([x, y, x + width, y, x + width, y + height, x, y + height], ink);
  }

  #ellipsePoints(cx: number, cy: number, rx: number, ry: number, turn: number): number {
    const sizePx = Math.max(rx, ry) * this.#scale;
    const count = sizePx < 3 ? 8 : sizePx < 12 ? 14 : 24;
    const cos = Math.cos(turn);
    const sin = Math.sin(turn);
    let n = 0;
    for (let i = 0; i < count; i++) {
      const t = (2 * Math.PI * i) / count;
      const u = rx * Math.cos(t);
      const v = ry * Math.sin(t);
      n = this.#put(n, cx + u * cos - v * sin, cy + u * sin + v * cos);
    }
    return n;
  }

  #put(n: number, x: number, y: number): number {
    this.#points[2 * n] = this.#x + this.#mirror * x * this.#scale;
    this.#points[2 * n + 1] = this.#y - y * this.#scale;
    return n + 1;
  }

  #toPx(points: readonly number[]): Float64Array {
    let n = 0;
    for (let i = 0; i + 1 < points.length && n < SCRATCH_POINTS; i += 2) {
      n = this.#put(n, points[i] ?? 0, points[i + 1] ?? 0);
    }
    return this.#points.subarray(0, 2 * n);
  }

  #paint(ink: Ink): void {
    const s = this.#scale;
    const paint: Paint = {
      from: ink.color,
      ...(ink.alpha === undefined ? {} : { alpha: ink.alpha }),
      ...(ink.shade === undefined || ink.along === undefined
        ? {}
        : {
            to: ink.shade,
            alongPx: [
              this.#x + this.#mirror * ink.along[0] * s,
              this.#y - ink.along[1] * s,
              this.#x + this.#mirror * ink.along[2] * s,
              this.#y - ink.along[3] * s,
            ],
          }),
      ...(ink.grain === undefined
        ? {}
        : {
            grain: {
              tile: ink.grain.tile,
              amplitude: ink.grain.amplitude,
              stepX: ink.grain.texelsPerM / s,
              stepY: ink.grain.texelsPerM / s,
              originX: this.#x,
              originY: this.#y,
            },
          }),
    };
    this.#canvas.paint(paint, this.#id);
  }
}
