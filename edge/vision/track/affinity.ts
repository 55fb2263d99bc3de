import { type BoxXyxyPx, boxArea, iou } from '../box.js';
import type { FilteredDetection } from './detection-filter.js';
import { familyOf } from './label-family.js';
import type { Track } from './track.js';

/** How well a detection fits a track: larger is better, at most 1.05; -Infinity when it cannot be the same object. */
export type Affinity = (track: Track, detection: FilteredDetection) => number;

const NEVER = Number.NEGATIVE_INFINITY;
const SAME_LABEL_BONUS = 0.05;
// A told track takes only what overlaps where it is expected: what lies beside it may be a false alarm, and one that
// pulls a track away costs its id. Real jumps come back through `revivalAffinity` once they have proved real.
const TOLD_IOU_MIN = 0.2;
// One that is missed is expected less exactly, and a false alarm on it has no rival: more is asked.
const COASTING_IOU_MIN = 0.3;
// An untold one may be anywhere within about a width: its speed is not known yet.
const DISTANCE_MIN = -0.2;
// Boxes that do not even touch must at least be of a size.
const SIZE_RATIO_MAX = 2;
// A walker does 0.8 sizes a second; after two seconds nobody can say which of two alike they were.
const REVIVAL_SIZES = 0.75;
const REVIVAL_SIZES_PER_S = 1;
const REVIVAL_SIZES_MAX = 2.5;
const REVIVAL_SIZE_RATIO_MAX = 1.6;
const WEAK_IOU_MIN = 0.4;
const STRANGER_IOU_MIN = 0.6;

/** For certain detections and told tracks: overlap and distance (DIoU, Zheng et al. 2020) to where the track is expected. */
export function toldAffinity(track: Track, detection: FilteredDetection): number {
  if (familyOf(detection.label) !== track.family) return NEVER;
  const places = track.isCoasting ? [track.expectedBox, track.box] : [track.expectedBox];
  const overlapMin = track.isCoasting ? COASTING_IOU_MIN : TOLD_IOU_MIN;
  let best = NEVER;
  for (const place of places) {
    if (iou(place, detection.box) >= overlapMin) best = Math.max(best, distanceIou(place, detection.box));
  }
  return best + (detection.label === track.label ? SAME_LABEL_BONUS : 0);
}

/** For certain detections and tracks that are not told yet. */
export function tentativeAffinity(track: Track, detection: FilteredDetection): number {
  if (familyOf(detection.label) !== track.family) return NEVER;
  return near(track.expectedBox, detection.box) + (detection.label === track.label ? SAME_LABEL_BONUS : 0);
}

/**
 * How well a young object continues a told track that is missed, -Infinity when it cannot: the nearer to where the old one
 * is expected or was last seen, the better. The reach grows with the time it is missed for.
 */
export function revivalAffinity(missed: Track, young: Track, monoMs: number): number {
  if (missed.missedMonoMs === undefined) return NEVER;
  // Under another name it must stand just there; the two names may have taken turns.
  if (missed.family !== young.family)
    return Math.max(iou(missed.expectedBox, young.box), iou(missed.box, young.box)) >= STRANGER_IOU_MIN ? 0 : NEVER;
  if (young.firstSeenMonoMs < missed.missedMonoMs || sizeRatio(missed.box, young.box) > REVIVAL_SIZE_RATIO_MAX)
    return NEVER;
  const size = Math.sqrt(Math.max(1, boxArea(missed.box)));
  const missedS = (monoMs - missed.missedMonoMs) / 1000;
  const reach = Math.min(REVIVAL_SIZES_MAX, REVIVAL_SIZES + REVIVAL_SIZES_PER_S * missedS) * size;
  const apart = Math.min(
    distance(missed.expectedBox, young.box),
    distance(missed.box, young.box),
    distance(missed.box, young.firstBox),
  );
  return apart <= reach ? 1 - apart / reach : NEVER;
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

function near(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const fit = distanceIou(a, b);
  if (fit < DISTANCE_MIN) return NEVER;
  return fit < 0 && sizeRatio(a, b) > SIZE_RATIO_MAX ? NEVER : fit;
}

// IoU less the squared distance of the centres over the squared diagonal of the box around both; -1..1.
function distanceIou(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const apart = distance(a, b);
  const width = Math.max(a[2], b[2]) - Math.min(a[0], b[0]);
  const height = Math.max(a[3], b[3]) - Math.min(a[1], b[1]);
  const diagonal = width * width + height * height;
  return iou(a, b) - (diagonal > 0 ? (apart * apart) / diagonal : 0);
}

function distance(a: BoxXyxyPx, b: BoxXyxyPx): number {
  return Math.hypot((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2);
}

function sizeRatio(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const small = Math.min(boxArea(a), boxArea(b));
  return small <= 0 ? Number.POSITIVE_INFINITY : Math.sqrt(Math.max(boxArea(a), boxArea(b)) / small);
}
