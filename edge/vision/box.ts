/** A box as x1, y1, x2, y2 in pixels of the source picture, floats, x1 <= x2, y1 <= y2. */
export type BoxXyxyPx = readonly [x1: number, y1: number, x2: number, y2: number];

export function boxArea(box: BoxXyxyPx): number {
  return Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);
}

/** Overlap of two boxes: intersection over union, 0..1. Without the `+1` some references add to widths. */
export function iou(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / (boxArea(a) + boxArea(b) - intersection);
}
