import type { RgbPicture } from '../capture/frame.js';
import type { BoxXyxyPx } from './box.js';
import type { Detection } from './detection.js';

/** A model ready to look at pictures. Calls do not overlap: the caller awaits one before it makes the next. */
export interface Detector {
  readonly labels: readonly string[];
  readonly inputWidthPx: number;
  readonly inputHeightPx: number;
  /**
   * Looks at a picture, or at one region of it (integer pixels, inside the picture).
   * @returns detections above `scoreMin`, boxes in pixels of the whole picture, highest score first; NMS done.
   * @throws OperationError `inference-failed`.
   */
  detect(
    picture: RgbPicture,
    options: { readonly region?: BoxXyxyPx; readonly scoreMin?: number },
  ): Promise<readonly Detection[]>;
  close(): Promise<void>;
}
