import type { SceneLabel } from './backdrops/stage.js';

/** x1, y1, x2, y2 in picture pixels; x2 and y2 exclusive. */
export type BoxPx = readonly [number, number, number, number];

/** One object as it really is in one frame, counted from the id plane. */
export type TruthObject = {
  /** The same for one object through all frames of a clip. */
  readonly actorId: number;
  readonly label: SceneLabel;
  /** Bounds of its visible pixels. */
  readonly boxXyxyPx: BoxPx;
  /** Bounds of all its pixels as if nothing stood in front and the picture went on beyond its border. */
  readonly wholeBoxXyxyPx: BoxPx;
  readonly visiblePixels: number;
  /** Visible pixels over the pixels it has when drawn alone, the part beyond the border counted in. 0 to 1. */
  readonly visible: number;
};
