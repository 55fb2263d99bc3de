import type { BoxXyxyPx } from '../box.js';
import type { EventSettings, ZoneSettings } from '../config.js';
import type { TrackView } from '../track/track.js';
import type { TrackEvent } from './track-event.js';
import { ZoneWatch } from './zone-watch.js';

/** One processed frame as the events see it. */
export type EventInput = {
  readonly tracks: readonly TrackView[];
  readonly ended: readonly TrackView[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly capturedAtMs: number;
  readonly monoMs: number;
};

type Told = {
  readonly zoneWatch: ZoneWatch;
  event: TrackEvent;
  atMonoMs: number;
};

// Zones, stationary state and label change rarely (they have inertia of their own), so they are told at once; this only
// keeps a setting without inertia from flooding the log.
const CHANGE_EVERY_MS = 200;

/** Turns tracks into events: one `new`, updates that say something, one `end`. */
export class EventStream {
  readonly #settings: EventSettings;
  readonly #zones: Readonly<Record<string, ZoneSettings>>;
  readonly #told = new Map<number, Told>();

  constructor(settings: EventSettings, zones: Readonly<Record<string, ZoneSettings>>) {
    this.#settings = settings;
    this.#zones = zones;
  }

  /** Events of one frame: ends first, so that a count never exceeds what is there, then by id. */
  process(input: EventInput): TrackEvent[] {
    const events: TrackEvent[] = [];
    for (const track of input.ended) {
      const told = this.#told.get(track.id);
      if (told === undefined) continue;
      this.#told.delete(track.id);
      events.push(eventOf('end', track, told.zoneWatch.zones, input.capturedAtMs));
    }
    for (const track of input.tracks) {
      const told = this.#told.get(track.id);
      const event = told === undefined ? this.#begin(track, input) : this.#continue(track, told, input);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #begin(track: TrackView, input: EventInput): TrackEvent {
    const zoneWatch = new ZoneWatch(this.#zones);
    zoneWatch.begin(track.label, track.box, input.widthPx, input.heightPx);
    const event = eventOf('new', track, zoneWatch.zones, input.capturedAtMs);
    this.#told.set(track.id, { zoneWatch, event, atMonoMs: input.monoMs });
    return event;
  }

  #continue(track: TrackView, told: Told, input: EventInput): TrackEvent | undefined {
    // What is only coasting has nothing new to say.
    if (!track.isSeen) return undefined;
    told.zoneWatch.see(track.label, track.box, input.widthPx, input.heightPx);
    const event = eventOf('update', track, told.zoneWatch.zones, input.capturedAtMs);
    const quietMs = input.monoMs - told.atMonoMs;
    const isDue =
      (quietMs >= CHANGE_EVERY_MS && isChanged(told.event, event)) ||
      (quietMs >= this.#settings.updateEveryMs && this.#isWorthTelling(told.event, event, input));
    if (!isDue) return undefined;
    told.event = event;
    told.atMonoMs = input.monoMs;
    return event;
  }

  #isWorthTelling(before: TrackEvent, now: TrackEvent, input: EventInput): boolean {
    const diagonal = Math.hypot(input.widthPx, input.heightPx);
    const isMoved = largestMove(before.box, now.box) >= this.#settings.moveMin * diagonal;
    return isMoved || now.scoreBest >= before.scoreBest + this.#settings.scoreGainMin;
  }
}

function eventOf(ev: TrackEvent['ev'], track: TrackView, zones: readonly string[], capturedAtMs: number): TrackEvent {
  const { id, label, score, scoreBest, box, isStationary } = track;
  return { ev, id, label, score, scoreBest, box, zones, stationary: isStationary, capturedAtMs };
}

function isChanged(before: TrackEvent, now: TrackEvent): boolean {
  return before.label !== now.label || before.stationary !== now.stationary || before.zones.join() !== now.zones.join();
}

// Corners rather than the centre: an object walking at the camera grows without moving its centre.
function largestMove(a: BoxXyxyPx, b: BoxXyxyPx): number {
  return Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), Math.hypot(a[2] - b[2], a[3] - b[3]));
}
