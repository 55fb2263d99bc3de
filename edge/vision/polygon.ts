import type { BoxXyxyPx } from './box.js';

/** A point as x, y in fractions of the picture, 0..1, origin at the top left. */
export type PointUnit = readonly [x: number, y: number];

/** A closed polygon; the last point joins the first. Holds at any picture size. */
export type PolygonUnit = readonly PointUnit[];

/** Whether a point lies inside (even-odd rule, so a self-crossing polygon has holes). A polygon of under three points holds nothing. */
export function polygonContains(polygon: PolygonUnit, x: number, y: number): boolean {
  let inside = false;
  let previous = polygon[polygon.length - 1];
  for (const point of polygon) {
    if (previous !== undefined && point[1] > y !== previous[1] > y) {
      const crossing = point[0] + ((y - point[1]) / (previous[1] - point[1])) * (previous[0] - point[0]);
      if (x < crossing) inside = !inside;
    }
    previous = point;
  }
  return inside;
}

// The lower and right edges of the picture belong to it, but the even-odd rule leaves points on them outside.
const JUST_INSIDE = 1 - 1e-6;

/** Where an object stands: the bottom-centre of its box in fractions of the picture, kept inside it. */
export function standingPoint(box: BoxXyxyPx, widthPx: number, heightPx: number): PointUnit {
  const x = (box[0] + box[2]) / 2 / widthPx;
  const y = box[3] / heightPx;
  return [Math.min(JUST_INSIDE, Math.max(0, x)), Math.min(JUST_INSIDE, Math.max(0, y))];
}
