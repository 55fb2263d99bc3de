/**
 * A level pinhole camera above a flat ground: what ties a place on the ground to a row and a scale of the picture.
 * World coordinates in metres: x to the right of the optical axis, z away from the camera.
 */
export type View = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Row of the horizon; may lie above the picture (camera looking down). */
  readonly horizonPx: number;
  readonly cameraHeightM: number;
  readonly focalPx: number;
};

/** Pixels per metre for things standing at distance z. */
export function pxPerM(view: View, zM: number): number {
  return view.focalPx / zM;
}

/** Column and row of a ground point. */
export function groundX(view: View, xM: number, zM: number): number {
  return view.widthPx / 2 + xM * pxPerM(view, zM);
}

export function groundY(view: View, zM: number): number {
  return view.horizonPx + view.cameraHeightM * pxPerM(view, zM);
}

/** Distance of the ground seen in a row below the horizon. */
export function distanceAtRow(view: View, yPx: number): number {
  return (view.cameraHeightM * view.focalPx) / Math.max(1e-3, yPx - view.horizonPx);
}

/** Distance at which a thing is drawn with the given scale. */
export function distanceAtScale(view: View, scalePxPerM: number): number {
  return view.focalPx / scalePxPerM;
}
