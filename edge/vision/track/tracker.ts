import { type BoxXyxyPx, iou } from '../box.js';
import type { TrackerSettings } from '../config.js';
import { coverage } from '../regions/look.js';
import type { RegionTrack } from '../regions/region-choice.js';
import {
  type Affinity,
  revivalAffinity,
  strangerAffinity,
  tentativeAffinity,
  toldAffinity,
  weakAffinity,
} from './affinity.js';
import { assign } from './assignment.js';
import type { DetectionFilter, FilteredDetection } from './detection-filter.js';
import { familyOf } from './label-family.js';
import { Track, type TrackView, visibleShare } from './track.js';

/** What was seen in one frame. */
export type TrackerInput = {
  readonly detections: readonly FilteredDetection[];
  /** Where the detector looked; empty when it rested. A track outside of it is not held to be missing. */
  readonly regions: readonly BoxXyxyPx[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly monoMs: number;
};

// A track must lie in a look by this much before not seeing it means anything.
const LOOKED_COVERAGE_MIN = 0.7;
// An unmatched detection this much on a track that has just been seen is its double, not a new object.
const DOUBLE_IOU = 0.7;
// So much of the expected box lies behind a nearer object (its feet lower in the picture) that nobody could see it.
const OCCLUDED_SHARE_MIN = 0.35;

/**
 * Follows objects from frame to frame: one id for one object. Association in the manner of ByteTrack: certain
 * detections to told tracks, uncertain ones to the told tracks left over, then certain ones to untold tracks, then
 * whatever overlaps a track well under another name. Missing is measured in time and only where somebody looked.
 */
export class Tracker {
  readonly #settings: TrackerSettings;
  readonly #filter: DetectionFilter;
  #tracks: Track[] = [];
  #lastId = 0;
  #refused = 0;

  constructor(settings: TrackerSettings, filter: DetectionFilter) {
    this.#settings = settings;
    this.#filter = filter;
  }

  /** Tracks that have been told and have not ended, in the order of their ids. */
  get told(): readonly TrackView[] {
    return this.#tracks.filter((track) => track.isTold).sort((a, b) => a.id - b.id);
  }

  /** Objects refused because `tracksMax` were held. */
  get refused(): number {
    return this.#refused;
  }

  /** What the choice of regions needs to know of every track, untold ones included. */
  regionTracks(monoMs: number): RegionTrack[] {
    return this.#tracks.map((track) => {
      track.predict(monoMs);
      return {
        box: track.isCoasting ? unionOf(track.expectedBox, track.box) : track.expectedBox,
        isStationary: track.isStationary,
        isUncertain: track.isCoasting || !track.isTold,
        lookedMonoMs: track.lookedMonoMs,
      };
    });
  }

  /** Takes in one frame. @returns the tracks that ended with it; they keep their last state. */
  update(input: TrackerInput): readonly TrackView[] {
    for (const track of this.#tracks) track.predict(input.monoMs);
    const strong = new Set(input.detections.filter((detection) => detection.isStrong));
    const weak = new Set(input.detections.filter((detection) => !detection.isStrong));
    this.#match((track) => track.isTold, strong, toldAffinity, input.monoMs);
    this.#match((track) => track.isTold, weak, weakAffinity, input.monoMs);
    this.#match((track) => !track.isTold, strong, tentativeAffinity, input.monoMs);
    this.#match((track) => track.isTold, strong, strangerAffinity, input.monoMs);
    this.#match((track) => !track.isTold, strong, strangerAffinity, input.monoMs);
    for (const track of this.#tracks) if (!track.isSeen && wasLookedFor(track, input)) track.miss(input.monoMs);
    for (const detection of strong) this.#begin(detection, input.monoMs);
    for (const track of this.#tracks.filter((track) => this.#isCredible(track, input.monoMs)))
      this.#tell(track, input.monoMs);
    return this.#drop(input);
  }

  /** Ends everything; ids go on counting. @returns the told tracks that were open. */
  end(): readonly TrackView[] {
    const ended = this.told;
    this.#tracks = [];
    return ended;
  }

  #match(
    isCandidate: (track: Track) => boolean,
    detections: Set<FilteredDetection>,
    affinity: Affinity,
    monoMs: number,
  ): void {
    const tracks = this.#tracks.filter((track) => !track.isSeen && isCandidate(track));
    const list = [...detections];
    const fit = (row: number, column: number) => {
      const track = tracks[row];
      const detection = list[column];
      return track === undefined || detection === undefined ? Number.NEGATIVE_INFINITY : affinity(track, detection);
    };
    const columns = assign(tracks.length, list.length, fit);
    tracks.forEach((track, row) => {
      const detection = list[columns[row] ?? -1];
      if (detection === undefined) return;
      track.see(detection, monoMs, this.#settings);
      detections.delete(detection);
    });
  }

  #drop(input: TrackerInput): readonly TrackView[] {
    const gone = this.#tracks.filter((track) => {
      if (track.missedMonoMs === undefined) return false;
      const hold = track.holdMs(this.#settings, input.widthPx, input.heightPx, this.#isOccluded(track));
      return input.monoMs - track.missedMonoMs >= hold && !this.#mayBeRevived(track, input.monoMs);
    });
    this.#tracks = this.#tracks.filter((track) => !gone.includes(track));
    return gone.filter((track) => track.isTold);
  }

  // Somebody too young to be told stands where it may be: who it is, is known in a moment.
  #mayBeRevived(track: Track, monoMs: number): boolean {
    return (
      track.isTold &&
      this.#tracks.some(
        (other) => !other.isTold && other.isSeen && other.hits > 1 && revivalAffinity(track, other, monoMs) > 0,
      )
    );
  }

  #isOccluded(track: Track): boolean {
    return this.#tracks.some((other) => {
      const isNearer = other !== track && other.isTold && other.isSeen && other.box[3] >= track.box[3];
      return isNearer && coverage(track.expectedBox, [other.box]) >= OCCLUDED_SHARE_MIN;
    });
  }

  #begin(detection: FilteredDetection, monoMs: number): void {
    const family = familyOf(detection.label);
    const isDouble = this.#tracks.some(
      (track) => track.isSeen && track.family === family && iou(track.box, detection.box) >= DOUBLE_IOU,
    );
    if (isDouble) return;
    if (this.#tracks.length >= this.#settings.tracksMax) {
      this.#refused++;
      return;
    }
    this.#tracks.push(new Track(detection, monoMs));
  }

  // An object that proves real near a told one that is missed is that one, found again; else it is new.
  #tell(track: Track, monoMs: number): void {
    let missed: Track | undefined;
    let best = Number.NEGATIVE_INFINITY;
    for (const other of this.#tracks) {
      const fit = other.isTold ? revivalAffinity(other, track, monoMs) : Number.NEGATIVE_INFINITY;
      if (fit > best) [best, missed] = [fit, other];
    }
    if (missed === undefined) {
      track.id = ++this.#lastId;
      return;
    }
    missed.continueAs(track);
    this.#tracks = this.#tracks.filter((other) => other !== track);
  }

  #isCredible(track: Track, monoMs: number): boolean {
    if (track.isTold || !track.isSeen || track.hits < this.#settings.hitsMin) return false;
    if (monoMs - track.firstSeenMonoMs < this.#settings.confirmMs) return false;
    const rule = this.#filter.rule(track.label);
    return rule !== undefined && track.scoreMedian >= rule.threshold;
  }
}

function wasLookedFor(track: Track, input: TrackerInput): boolean {
  const expected = track.expectedBox;
  if (visibleShare(expected, input.widthPx, input.heightPx) < 1 - LOOKED_COVERAGE_MIN) return true;
  const inside: BoxXyxyPx = [
    Math.max(0, expected[0]),
    Math.max(0, expected[1]),
    Math.min(input.widthPx, expected[2]),
    Math.min(input.heightPx, expected[3]),
  ];
  return coverage(inside, input.regions) >= LOOKED_COVERAGE_MIN;
}

function unionOf(a: BoxXyxyPx, b: BoxXyxyPx): BoxXyxyPx {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}
