import { type BoxXyxyPx, boxArea, iou } from '../box.js';
import type { FilteredDetection } from './detection-filter.js';
import { familyOf } from './label-family.js';
import type { Track } from './track.js';

/** How well a detection fits a track: larger is better, at most 1.05; -Infinity when it cannot be the same object. */
export type Affinity = (track: Track, detection: FilteredDetection) => number;

const NEVER = Number.NEGATIVE_INFINITY;
const SAME_LABEL_BONUS = 0.05;
// A track whose speed is known is found where it is expected; a fresh or long unseen one within about a width.
const DISTANCE_MIN_KNOWN = -0.05;
const DISTANCE_MIN_LOOSE = -0.2;
const KNOWN_HITS = 3;
// Boxes that do not even touch must at least be of a size.
const SIZE_RATIO_MAX = 2;
// The place it was last seen at is the second guess for one that is missed: it may have stopped behind something.
const LAST_PLACE_MALUS = 0.05;
const WEAK_IOU_MIN = 0.4;
const STRANGER_IOU_MIN = 0.6;

/** For certain detections: overlap and distance (DIoU, Zheng et al. 2020) to where the track is expected. */
export function strongAffinity(track: Track, detection: FilteredDetection): number {
  if (familyOf(detection.label) !== track.family) return NEVER;
  let fit = distanceIou(track.expectedBox, detection.box);
  if (track.isCoasting) fit = Math.max(fit, distanceIou(track.box, detection.box) - LAST_PLACE_MALUS);
  const isKnown = track.hits >= KNOWN_HITS && !track.isCoasting;
  if (fit < (isKnown ? DISTANCE_MIN_KNOWN : DISTANCE_MIN_LOOSE)) return NEVER;
  if (fit < 0 && sizeRatio(track.box, detection.box) > SIZE_RATIO_MAX) return NEVER;
  return fit + (detection.label === track.label ? SAME_LABEL_BONUS : 0);
}

/** For uncertain detections: they keep a track alive only where it already is (ByteTrack, Zhang et al. 2022). */
export function weakAffinity(track: Track, detection: FilteredDetection): number {
  if (familyOf(detection.label) !== track.family) return NEVER;
  const overlap = iou(track.expectedBox, detection.box);
  return overlap >= WEAK_IOU_MIN ? overlap : NEVER;
}

/** For what is left: a detector that calls a crouching person a dog for some frames has still seen somebody there. */
export function strangerAffinity(track: Track, detection: FilteredDetection): number {
  const overlap = iou(track.expectedBox, detection.box);
  return overlap >= STRANGER_IOU_MIN ? overlap : NEVER;
}

// IoU less the squared distance of the centres over the squared diagonal of the box around both; -1..1.
function distanceIou(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const dx = (a[0] + a[2] - b[0] - b[2]) / 2;
  const dy = (a[1] + a[3] - b[1] - b[3]) / 2;
  const width = Math.max(a[2], b[2]) - Math.min(a[0], b[0]);
  const height = Math.max(a[3], b[3]) - Math.min(a[1], b[1]);
  const diagonal = width * width + height * height;
  return iou(a, b) - (diagonal > 0 ? (dx * dx + dy * dy) / diagonal : 0);
}

function sizeRatio(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const small = Math.min(boxArea(a), boxArea(b));
  return small <= 0 ? Number.POSITIVE_INFINITY : Math.sqrt(Math.max(boxArea(a), boxArea(b)) / small);
}
