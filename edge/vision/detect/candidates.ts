import type { BoxXyxyPx } from '../box.js';
import { type InputGeometry, pictureX, pictureY } from './input-geometry.js';

/**
 * Candidates of one picture before NMS. The largest head here (8,400 cells) gives some hundred above a sensible score;
 * a floor of 0.001, as for measuring mAP, gives thousands, and NMS takes 10 ms for 2,048.
 */
export const CANDIDATES_MAX = 2048;

/** What was not taken, since the detector was opened. */
export type CandidateDrops = {
  /** A coordinate or score that is NaN or infinite. */
  readonly notFinite: number;
  /** A box whose right or lower side lies before its left or upper side, or that has no area. */
  readonly inverted: number;
  /** A box that lies wholly outside the picture, in the border of a letterbox for instance. */
  readonly outside: number;
  /** A class number that the manifest has no label for. */
  readonly unknownClass: number;
  /** The weakest of more than CANDIDATES_MAX. */
  readonly overflow: number;
};

/**
 * What a decoder found in one picture: parallel arrays, used again for every picture.
 * Boxes are f32 x1, y1, x2, y2 in pixels of the whole source picture, clipped to the region looked at.
 */
export class Candidates {
  count = 0;
  readonly boxes = new Float32Array(4 * CANDIDATES_MAX);
  readonly scores = new Float32Array(CANDIDATES_MAX);
  /** Index into the manifest's labels. */
  readonly labels = new Int32Array(CANDIDATES_MAX);
  readonly #drops = { notFinite: 0, inverted: 0, outside: 0, unknownClass: 0, overflow: 0 };
  #geometry: InputGeometry | undefined;
  #weakestKept = 0;

  get drops(): CandidateDrops {
    return this.#drops;
  }

  /** Forgets the last picture's candidates. @param geometry how the next ones are mapped back. */
  start(geometry: InputGeometry): void {
    this.count = 0;
    this.#weakestKept = 0;
    this.#geometry = geometry;
  }

  /** Takes a box in pixels of the model's input, or drops and counts it. @param label -1: no label for it. */
  add(x1: number, y1: number, x2: number, y2: number, score: number, label: number): void {
    const geometry = this.#geometry;
    if (geometry === undefined) return;
    // The sum is finite only if each part is.
    if (!Number.isFinite(x1 + y1 + x2 + y2 + score)) this.#drops.notFinite++;
    else if (label < 0) this.#drops.unknownClass++;
    else if (x2 <= x1 || y2 <= y1) this.#drops.inverted++;
    else this.#addMapped(geometry, x1, y1, x2, y2, score, label);
  }

  #addMapped(to: InputGeometry, x1: number, y1: number, x2: number, y2: number, score: number, label: number): void {
    const left = Math.max(pictureX(to, x1), to.regionX);
    const top = Math.max(pictureY(to, y1), to.regionY);
    const right = Math.min(pictureX(to, x2), to.regionX + to.regionWidth);
    const bottom = Math.min(pictureY(to, y2), to.regionY + to.regionHeight);
    if (right <= left || bottom <= top) {
      this.#drops.outside++;
      return;
    }
    if (this.count === CANDIDATES_MAX) this.#dropWeakerHalf();
    if (score < this.#weakestKept) {
      this.#drops.overflow++;
      return;
    }
    const at = this.count++;
    this.boxes[4 * at] = left;
    this.boxes[4 * at + 1] = top;
    this.boxes[4 * at + 2] = right;
    this.boxes[4 * at + 3] = bottom;
    // Some recipes give a hair more than 1.
    this.scores[at] = Math.min(1, score);
    this.labels[at] = label;
  }

  /** The box of one candidate, as a value of its own. */
  boxAt(at: number): BoxXyxyPx {
    const { boxes } = this;
    return [boxes[4 * at] ?? 0, boxes[4 * at + 1] ?? 0, boxes[4 * at + 2] ?? 0, boxes[4 * at + 3] ?? 0];
  }

  // Half at a time, so that a picture with thousands costs a few sorts and not one per candidate.
  #dropWeakerHalf(): void {
    const sorted = this.scores.slice(0, this.count).sort();
    const median = sorted[this.count >> 1] ?? 0;
    let kept = 0;
    for (let at = 0; at < this.count; at++) {
      // Equal scores must not keep all of them.
      if ((this.scores[at] ?? 0) < median || kept >= CANDIDATES_MAX / 2) continue;
      this.boxes.copyWithin(4 * kept, 4 * at, 4 * at + 4);
      this.scores[kept] = this.scores[at] ?? 0;
      this.labels[kept] = this.labels[at] ?? 0;
      kept++;
    }
    this.#drops.overflow += this.count - kept;
    this.#weakestKept = median;
    this.count = kept;
  }
}
