import { type BoxXyxyPx, boxArea } from '../box.js';
import type { SnapshotSettings } from '../config.js';
import type { TrackView } from '../track/track.js';

/** A frame worth publishing as the picture of a label. The pixels are those of the frame just processed. */
export type SnapshotCandidate = {
  readonly label: string;
  readonly trackId: number;
  readonly box: BoxXyxyPx;
  readonly score: number;
};

type Quality = { readonly score: number; readonly areaPx: number; readonly isAtEdge: boolean };
type Best = Quality & { readonly trackId: number; readonly atMonoMs: number };

// As Frigate is_better_thumbnail: clearly more certain, or clearly larger and not clearly less certain.
const SCORE_GAIN = 0.05;
const AREA_GAIN = 1.1;
const SCORE_LOSS_MAX = 0.1;
// An object this near to the border is cut by it.
const EDGE_SHARE = 0.01;

/** Chooses the frames that become snapshots: per label the best one of the last while, not more often than allowed. */
export class BestFrame {
  readonly #settings: SnapshotSettings;
  readonly #bestByLabel = new Map<string, Best>();
  // Tracks whose picture has not been taken yet come first: a new visitor beats a better picture of the old one.
  readonly #pictured = new Set<number>();

  constructor(settings: SnapshotSettings) {
    this.#settings = settings;
  }

  /** @returns at most one candidate per label, for the frame of these tracks. */
  choose(tracks: readonly TrackView[], widthPx: number, heightPx: number, monoMs: number): SnapshotCandidate[] {
    if (!this.#settings.enabled) return [];
    this.#forget(tracks);
    const chosen = new Map<string, TrackView>();
    for (const track of tracks) {
      if (!track.isSeen) continue;
      const rival = chosen.get(track.label);
      if (rival === undefined || this.#isPreferred(track, rival, widthPx, heightPx)) chosen.set(track.label, track);
    }
    const candidates: SnapshotCandidate[] = [];
    for (const [label, track] of chosen) {
      const quality = qualityOf(track, widthPx, heightPx);
      if (!this.#isDue(label, track, quality, monoMs)) continue;
      this.#bestByLabel.set(label, { ...quality, trackId: track.id, atMonoMs: monoMs });
      this.#pictured.add(track.id);
      candidates.push({ label, trackId: track.id, box: track.box, score: track.score });
    }
    return candidates;
  }

  #isPreferred(track: TrackView, rival: TrackView, widthPx: number, heightPx: number): boolean {
    const isFresh = !this.#pictured.has(track.id);
    const isRivalFresh = !this.#pictured.has(rival.id);
    if (isFresh !== isRivalFresh) return isFresh;
    return isBetter(qualityOf(track, widthPx, heightPx), qualityOf(rival, widthPx, heightPx));
  }

  #isDue(label: string, track: TrackView, quality: Quality, monoMs: number): boolean {
    const best = this.#bestByLabel.get(label);
    if (best === undefined) return true;
    const ageMs = monoMs - best.atMonoMs;
    if (ageMs < this.#settings.everyMs) return false;
    return !this.#pictured.has(track.id) || ageMs >= this.#settings.bestForMs || isBetter(quality, best);
  }

  #forget(tracks: readonly TrackView[]): void {
    for (const id of this.#pictured) if (!tracks.some((track) => track.id === id)) this.#pictured.delete(id);
  }
}

function qualityOf(track: TrackView, widthPx: number, heightPx: number): Quality {
  const [x1, y1, x2, y2] = track.box;
  const isAtEdge =
    x1 < EDGE_SHARE * widthPx ||
    y1 < EDGE_SHARE * heightPx ||
    x2 > (1 - EDGE_SHARE) * widthPx ||
    y2 > (1 - EDGE_SHARE) * heightPx;
  return { score: track.score, areaPx: boxArea(track.box), isAtEdge };
}

function isBetter(now: Quality, before: Quality): boolean {
  if (now.isAtEdge !== before.isAtEdge) return before.isAtEdge;
  if (now.score > before.score + SCORE_GAIN) return true;
  return now.areaPx > AREA_GAIN * before.areaPx && now.score >= before.score - SCORE_LOSS_MAX;
}
