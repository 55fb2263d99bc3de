import { type BoxXyxyPx, boxArea } from '../box.js';
import type { TrackerSettings } from '../config.js';
import type { FilteredDetection } from './detection-filter.js';
import { familyOf } from './label-family.js';
import { MotionFilter } from './motion-filter.js';
import { Stillness } from './stillness.js';

/** What the rest of the pipeline sees of a track. A live view: it changes with the next frame. */
export interface TrackView {
  /** Number of the track in its camera and epoch, from 1, in the order they were told; 0 while it is not told yet. */
  readonly id: number;
  readonly label: string;
  /** Where it was last seen, picture pixels. */
  readonly box: BoxXyxyPx;
  /** Score of the last sighting, 0..1. */
  readonly score: number;
  readonly scoreBest: number;
  readonly isStationary: boolean;
  /** Seen in the frame just processed. */
  readonly isSeen: boolean;
}

const SCORES_KEPT = 10;
// Votes fade so that a label wrong for the first second does not stay wrong for an hour: half-life about 35 sightings.
const VOTE_KEEP = 0.98;
// Another label must lead by this factor: a car that is a truck in every third frame stays a car.
const LABEL_LEAD = 1.3;
// An untold track that is missed this long was noise; told ones are held far longer.
const TENTATIVE_MISSED_MS = 450;
const EDGE_SHARE = 0.02;
// Sizes per second towards the edge it touches; a box cut by the edge shows half the object's speed.
const EXIT_SPEED_MIN = 0.12;
const GONE_VISIBLE_MAX = 0.35;

/** One object over time. */
export class Track implements TrackView {
  readonly firstSeenMonoMs: number;
  id = 0;
  label: string;
  box: BoxXyxyPx;
  score: number;
  scoreBest: number;
  isSeen = true;
  hits = 1;
  lookedMonoMs: number;
  /** First look that missed it, since it was last seen. */
  missedMonoMs: number | undefined;
  /** Where it was seen first, picture pixels. */
  readonly firstBox: BoxXyxyPx;
  #filter: MotionFilter;
  #stillness: Stillness;
  readonly #scores: number[];
  readonly #votes: Map<string, number>;

  constructor(detection: FilteredDetection, monoMs: number) {
    this.firstSeenMonoMs = monoMs;
    this.lookedMonoMs = monoMs;
    this.label = detection.label;
    this.box = detection.box;
    this.firstBox = detection.box;
    this.score = detection.score;
    this.scoreBest = detection.score;
    this.#filter = new MotionFilter(detection.box, monoMs);
    this.#stillness = new Stillness(detection.box, monoMs);
    this.#scores = [detection.score];
    this.#votes = new Map([[detection.label, detection.score]]);
  }

  /** Family of the label most saw. */
  get family(): string {
    return familyOf(this.label);
  }

  get isTold(): boolean {
    return this.id > 0;
  }

  get isStationary(): boolean {
    return this.#stillness.isStationary;
  }

  /** Not seen at the last look that should have. */
  get isCoasting(): boolean {
    return this.missedMonoMs !== undefined;
  }

  /** Where it is expected, picture pixels; may reach beyond the picture. */
  get expectedBox(): BoxXyxyPx {
    return this.#filter.box;
  }

  /** Median of the last ten scores, a miss counting 0: what one lucky frame does not raise. */
  get scoreMedian(): number {
    const sorted = [...this.#scores].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const upper = sorted[middle] ?? 0;
    return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
  }

  predict(monoMs: number): void {
    this.isSeen = false;
    this.#filter.predict(monoMs, this.isCoasting);
  }

  see(detection: FilteredDetection, monoMs: number, settings: TrackerSettings): void {
    this.isSeen = true;
    this.hits++;
    this.lookedMonoMs = monoMs;
    this.missedMonoMs = undefined;
    this.score = detection.score;
    this.scoreBest = Math.max(this.scoreBest, detection.score);
    this.#pushScore(detection.score);
    this.#vote(detection);
    // The piece of an object that a crop left over says where it is not, hardly where it is.
    if (detection.isClipped && this.isTold) return;
    this.box = detection.box;
    this.#filter.correct(detection.box);
    this.#stillness.see(this.#filter.box, monoMs, settings.stationaryAfterMs);
  }

  /** Goes on as another track that has turned out to be the same object: its place and speed, this id and history. */
  continueAs(other: Track): void {
    this.isSeen = other.isSeen;
    this.box = other.box;
    this.score = other.score;
    this.scoreBest = Math.max(this.scoreBest, other.scoreBest);
    this.hits += other.hits;
    this.lookedMonoMs = other.lookedMonoMs;
    this.missedMonoMs = other.missedMonoMs;
    this.#filter = other.#filter;
    this.#stillness = other.#stillness;
    for (const [label, votes] of other.#votes) this.#votes.set(label, votes + (this.#votes.get(label) ?? 0));
    this.#settleLabel();
  }

  miss(monoMs: number): void {
    this.lookedMonoMs = monoMs;
    this.missedMonoMs ??= monoMs;
    this.#pushScore(0);
  }

  /** How long it may stay unseen, ms. @param isOccluded another track stands in front of where it is expected. */
  holdMs(settings: TrackerSettings, widthPx: number, heightPx: number, isOccluded: boolean): number {
    if (!this.isTold) return TENTATIVE_MISSED_MS;
    if (this.#isLeaving(widthPx, heightPx)) return settings.exitMsMax;
    if (this.isStationary) return settings.stationaryMissedMsMax;
    return isOccluded ? settings.occludedMsMax : settings.missedMsMax;
  }

  #isLeaving(widthPx: number, heightPx: number): boolean {
    const [x1, y1, x2, y2] = this.box;
    const [speedX, speedY] = this.#filter.speedPxS;
    const speedMin = EXIT_SPEED_MIN * this.#filter.sizePx;
    const edgeX = EDGE_SHARE * widthPx;
    const edgeY = EDGE_SHARE * heightPx;
    return (
      (x1 < edgeX && speedX < -speedMin) ||
      (y1 < edgeY && speedY < -speedMin) ||
      (x2 > widthPx - edgeX && speedX > speedMin) ||
      (y2 > heightPx - edgeY && speedY > speedMin) ||
      visibleShare(this.expectedBox, widthPx, heightPx) < GONE_VISIBLE_MAX
    );
  }

  #pushScore(score: number): void {
    this.#scores.push(score);
    if (this.#scores.length > SCORES_KEPT) this.#scores.shift();
  }

  #vote(detection: FilteredDetection): void {
    for (const [label, votes] of this.#votes) this.#votes.set(label, votes * VOTE_KEEP);
    this.#votes.set(detection.label, (this.#votes.get(detection.label) ?? 0) + detection.score);
    this.#settleLabel();
  }

  #settleLabel(): void {
    const lead = this.isTold ? LABEL_LEAD : 1;
    for (const [label, votes] of this.#votes) if (votes > lead * (this.#votes.get(this.label) ?? 0)) this.label = label;
  }
}

/** The part of a box that lies in the picture, 0..1. */
export function visibleShare(box: BoxXyxyPx, widthPx: number, heightPx: number): number {
  const area = boxArea(box);
  if (area <= 0) return 0;
  const width = Math.min(widthPx, box[2]) - Math.max(0, box[0]);
  const height = Math.min(heightPx, box[3]) - Math.max(0, box[1]);
  return width > 0 && height > 0 ? (width * height) / area : 0;
}
