import { type BoxXyxyPx, boxArea, iou } from '../box.js';
import type { Detection } from '../detection.js';
import { familyOf } from '../track/label-family.js';
import type { Look } from './look.js';

/** A detection of a whole frame, after its looks were joined. */
export type MergedDetection = Detection & {
  /** It ends at the edge of a crop that is not an edge of the picture: the object goes on beyond. */
  readonly isClipped: boolean;
};

// A box this near to a crop's edge ends there because the crop does (Frigate reduce_detections: 5 px).
const CLIP_EDGE_PX = 5;
// Same thing twice: same family from different looks, or one thing under two names within one look.
const TWIN_IOU = 0.5;
const NAMESAKE_IOU = 0.85;
// Family flips inside one look (car and truck on one car) overlap less well than exact namesakes.
const FAMILY_IOU = 0.7;
// The part seen in a neighbouring crop lies inside the whole of it.
const CLIPPED_INSIDE = 0.7;
const UNCLIPPED_INSIDE = 0.9;
// Under this share of the larger box it is a thing of its own (a child before a bus), not a part (Frigate: 5 %).
const PART_AREA_MIN = 0.25;

/**
 * Joins what several looks at one frame saw: of twins the unclipped one stays, then the higher score; pieces cut off
 * by a crop go when the whole is there; one thing under two names keeps the more certain one. Within one look NMS has
 * already been done, so two people who overlap there are two people.
 * @returns highest score first.
 */
export function mergeLooks(looks: readonly Look[], widthPx: number, heightPx: number): MergedDetection[] {
  const candidates = looks.flatMap((look, lookIndex) =>
    look.detections.map((detection) => ({
      lookIndex,
      detection,
      family: familyOf(detection.label),
      isClipped: isClipped(detection.box, look.region, widthPx, heightPx),
    })),
  );
  candidates.sort((a, b) => Number(a.isClipped) - Number(b.isClipped) || b.detection.score - a.detection.score);
  const kept: typeof candidates = [];
  for (const candidate of candidates) {
    const isRepeat = kept.some((other) => {
      const overlap = iou(candidate.detection.box, other.detection.box);
      const isSameFamily = candidate.family === other.family;
      if (!isSameFamily || candidate.lookIndex === other.lookIndex) {
        return (
          overlap >= (isSameFamily && candidate.detection.label !== other.detection.label ? FAMILY_IOU : NAMESAKE_IOU)
        );
      }
      if (overlap >= TWIN_IOU) return true;
      const isPart = boxArea(candidate.detection.box) >= PART_AREA_MIN * boxArea(other.detection.box);
      const limit = candidate.isClipped ? CLIPPED_INSIDE : UNCLIPPED_INSIDE;
      return (candidate.isClipped || isPart) && insideShare(candidate.detection.box, other.detection.box) >= limit;
    });
    if (!isRepeat) kept.push(candidate);
  }
  return kept
    .map(({ detection, isClipped: clipped }) => ({ ...detection, isClipped: clipped }))
    .sort((a, b) => b.score - a.score);
}

function isClipped(box: BoxXyxyPx, region: BoxXyxyPx, widthPx: number, heightPx: number): boolean {
  return (
    (region[0] > 0 && box[0] - region[0] < CLIP_EDGE_PX) ||
    (region[1] > 0 && box[1] - region[1] < CLIP_EDGE_PX) ||
    (region[2] < widthPx && region[2] - box[2] < CLIP_EDGE_PX) ||
    (region[3] < heightPx && region[3] - box[3] < CLIP_EDGE_PX)
  );
}

function insideShare(inner: BoxXyxyPx, outer: BoxXyxyPx): number {
  const width = Math.min(inner[2], outer[2]) - Math.max(inner[0], outer[0]);
  const height = Math.min(inner[3], outer[3]) - Math.max(inner[1], outer[1]);
  const area = boxArea(inner);
  return width > 0 && height > 0 && area > 0 ? (width * height) / area : 0;
}
