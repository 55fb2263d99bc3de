import { type BoxXyxyPx, boxArea } from '../box.js';
import type { RegionSettings } from '../config.js';
import type { MotionReading } from '../motion/motion-gate.js';
import { clusterRegions, type RegionShape, zoomOf } from './region-geometry.js';

/** Why the detector looks, or rests. */
export type RegionReason = 'start' | 'periodic' | 'unsure' | 'motion' | 'tracked' | 'recheck' | 'still';

/** Where the detector looks this frame. No regions: it rests. */
export type RegionDecision = {
  readonly regions: readonly BoxXyxyPx[];
  readonly isWhole: boolean;
  readonly reason: RegionReason;
};

/** What the choice needs to know of a tracked object. */
export type RegionTrack = {
  /** Where it is expected now, picture pixels. */
  readonly box: BoxXyxyPx;
  readonly isStationary: boolean;
  /** It was looked for and not seen the last time, or it is too new to be told. */
  readonly isUncertain: boolean;
  /** When it was last looked for, monotonic ms. */
  readonly lookedMonoMs: number;
};

export type RegionInput = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly inputWidthPx: number;
  readonly inputHeightPx: number;
  readonly monoMs: number;
  /** Undefined: there is no gate, everything may have changed. */
  readonly motion: MotionReading | undefined;
  readonly tracks: readonly RegionTrack[];
  /** When the whole picture was last looked at, monotonic ms; undefined: never. */
  readonly wholeMonoMs: number | undefined;
};

// While the gate cannot tell what moves, the whole picture is looked at, but four times a second are enough for that.
const UNSURE_EVERY_MS = 250;

/**
 * Decides where the detector looks. A still scene gives no region; the whole picture comes at the start, every
 * `wholeEveryMs`, while the gate is unsure, and whenever crops would not show things clearly larger.
 */
export function chooseRegions(input: RegionInput, settings: RegionSettings): RegionDecision {
  const { motion, tracks, monoMs, wholeMonoMs } = input;
  if (wholeMonoMs === undefined) return whole(input, 'start');
  if (monoMs - wholeMonoMs >= settings.wholeEveryMs) return whole(input, 'periodic');
  if (motion === undefined) return whole(input, 'motion');
  const active = tracks.filter((track) => !track.isStationary || track.isUncertain);
  if (motion.state !== 'watching' && (active.length > 0 || monoMs - wholeMonoMs >= UNSURE_EVERY_MS))
    return whole(input, 'unsure');
  const touched = tracks.filter((track) => track.isStationary && motion.boxes.some((box) => overlaps(box, track.box)));
  const due = tracks.filter((track) => track.isStationary && monoMs - track.lookedMonoMs >= settings.recheckEveryMs);
  const boxes = [...motion.boxes, ...[...active, ...touched, ...due].map((track) => track.box)];
  if (boxes.length === 0) return { regions: [], isWhole: false, reason: 'still' };
  const reason = motion.boxes.length > 0 ? 'motion' : active.length > 0 ? 'tracked' : 'recheck';
  if (settings.mode === 'whole') return whole(input, reason);
  return crops(boxes, input, settings, reason);
}

function crops(
  boxes: readonly BoxXyxyPx[],
  input: RegionInput,
  settings: RegionSettings,
  reason: RegionReason,
): RegionDecision {
  const shape: RegionShape = { ...input, margin: settings.margin };
  const smallest = zoomOf(
    [0, 0, Math.min(input.widthPx, input.inputWidthPx), Math.min(input.heightPx, input.inputHeightPx)],
    shape,
  );
  if (smallest < settings.zoomMin) return whole(input, reason);
  const regions = clusterRegions(
    boxes.map((box) => insidePicture(box, input)).filter((box) => boxArea(box) > 0),
    shape,
  );
  if (regions.length === 0) return whole(input, reason);
  const covered = regions.reduce((sum, region) => sum + boxArea(region), 0) / (input.widthPx * input.heightPx);
  const isWhole =
    regions.length > settings.regionsMax ||
    covered > settings.coverageMax ||
    regions.some((region) => zoomOf(region, shape) < settings.zoomMin);
  return isWhole ? whole(input, reason) : { regions, isWhole: false, reason };
}

function whole(input: RegionInput, reason: RegionReason): RegionDecision {
  return { regions: [[0, 0, input.widthPx, input.heightPx]], isWhole: true, reason };
}

function overlaps(a: BoxXyxyPx, b: BoxXyxyPx): boolean {
  return Math.min(a[2], b[2]) > Math.max(a[0], b[0]) && Math.min(a[3], b[3]) > Math.max(a[1], b[1]);
}

function insidePicture(box: BoxXyxyPx, input: RegionInput): BoxXyxyPx {
  return [Math.max(0, box[0]), Math.max(0, box[1]), Math.min(input.widthPx, box[2]), Math.min(input.heightPx, box[3])];
}
