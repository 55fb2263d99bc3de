import type { TrackRecord } from '../../../protocol/record.js';
import type { BoxXyxyPx } from '../box.js';

/** Something worth telling about one track. Each track has one `new`, any number of `update`, one `end`, in this order. */
export type TrackEvent = {
  readonly ev: 'new' | 'update' | 'end';
  /** Number of the track in its camera and epoch, from 1, never used again. */
  readonly id: number;
  readonly label: string;
  /** Score of the last sighting, 0..1. */
  readonly score: number;
  readonly scoreBest: number;
  /** Where it was last seen, picture pixels. */
  readonly box: BoxXyxyPx;
  /** Zones it is in, sorted. */
  readonly zones: readonly string[];
  readonly stationary: boolean;
  /** Capture time of the frame it was told from, wall clock ms; of an `end`: when it was given up, not when last seen. */
  readonly capturedAtMs: number;
};

/** The fields of a track record that come from the event; the log adds the others. */
export type TrackRecordFields = Pick<TrackRecord, 'ev' | 'id' | 'l' | 'p' | 'b' | 'z' | 'st'>;

/** An event as record fields: score and box in thousandths, absent fields left out. An `end` carries the best score. */
export function trackEventToRecordFields(event: TrackEvent, widthPx: number, heightPx: number): TrackRecordFields {
  const [x1, y1, x2, y2] = event.box;
  return {
    ev: event.ev,
    id: event.id,
    l: event.label,
    p: permille(event.ev === 'end' ? event.scoreBest : event.score),
    b: [permille(x1 / widthPx), permille(y1 / heightPx), permille(x2 / widthPx), permille(y2 / heightPx)],
    ...(event.zones.length > 0 ? { z: [...event.zones] } : {}),
    ...(event.stationary ? { st: 1 as const } : {}),
  };
}

function permille(fraction: number): number {
  return Math.min(1000, Math.max(0, Math.round(fraction * 1000)));
}
