import type { SensorReading } from '../../protocol/status.js';
import { type CameraNews, RuleFacts, type TrackNews } from './rule-facts.js';
import { type RuleNews, RuleSet, type RuleSetOptions } from './rule-set.js';

/** Something a node saw or read, as it was recorded. */
export type ReplayEvent = { readonly atMs: number } & Recorded;

type Recorded =
  // Another life of the node.
  | { readonly kind: 'start' }
  // Something rules do not look at: the recording goes at least so far.
  | { readonly kind: 'time' }
  | { readonly kind: 'track'; readonly track: TrackNews }
  | { readonly kind: 'camera'; readonly camera: string; readonly state: CameraNews }
  | { readonly kind: 'motion'; readonly camera: string; readonly isMoving: boolean }
  | { readonly kind: 'reading'; readonly sensor: string; readonly reading: SensorReading };

export type ReplayedNews = RuleNews & { readonly atMs: number };

/** As a node does: hours, `for` and cooldowns end without anything happening. */
const TICK_MS = 1_000;
/** Looks between two breaths, for a caller that wants to be stopped or show how far it is. */
const LOOKS_A_BREATH = 5_000;

/** What rules would have said of something recorded. Pure: the same events give the same news. */
export class RuleReplay {
  readonly rules: RuleSet;
  readonly #facts: RuleFacts;

  /** @param isSeeing the events tell nothing of how cameras were: they are taken as seeing. */
  constructor(options: Omit<RuleSetOptions, 'facts'>, isSeeing: boolean) {
    this.#facts = new RuleFacts(Object.keys(options.scope.cameras));
    if (isSeeing) this.#facts.setSeeing();
    this.rules = new RuleSet({ ...options, facts: this.#facts });
  }

  /**
   * @param events in order of time.
   * @returns what happened, in order; a number now and then: the time it is at, wall clock ms.
   */
  *run(events: readonly ReplayEvent[]): Generator<ReplayedNews | number> {
    let tickMs = events[0]?.atMs ?? 0;
    let looks = 0;
    for (const [i, event] of events.entries()) {
      for (; tickMs < event.atMs; tickMs += TICK_MS) {
        yield* this.#look(tickMs);
        if (++looks % LOOKS_A_BREATH === 0) yield tickMs;
      }
      this.#take(event);
      // What happens at one time is looked at once.
      if (events[i + 1]?.atMs !== event.atMs) yield* this.#look(event.atMs);
    }
  }

  *#look(atMs: number): Generator<ReplayedNews> {
    for (const news of this.rules.step(atMs, atMs)) yield { ...news, atMs };
  }

  #take(event: ReplayEvent): void {
    const facts = this.#facts;
    switch (event.kind) {
      case 'start':
        facts.forget();
        break;
      case 'time':
        break;
      case 'track':
        facts.applyTrack(event.track, event.atMs);
        break;
      case 'camera':
        facts.setCamera(event.camera, event.state);
        break;
      case 'motion':
        facts.setMotion(event.camera, event.isMoving);
        break;
      case 'reading':
        facts.setReading(event.sensor, event.reading);
    }
  }
}
