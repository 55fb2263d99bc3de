import type { Clock } from '../../base/clock.js';
import type { TrackView } from '../vision/track/track.js';
import type { AskSnapshot, VisionReport } from './vision-message.js';

/** Pictures asked for and not taken yet, per camera; as many as commands can be under way. */
const WAITING_MAX = 16;
/** Who asked has given up by then. */
export const SNAPSHOT_WAIT_MS = 5000;
/** What the picture of no object in particular is called, in place of a label. */
export const WHOLE_PICTURE = 'now';

type Answer = Extract<VisionReport, { type: 'answer' }>;
type Waiting = { readonly ask: AskSnapshot; readonly untilMonoMs: number };

/** What is to be drawn for one request: the object, or the whole picture. */
export type SnapshotOrder = { readonly request: string; readonly label: string; readonly track: TrackView | undefined };

/** Pictures that were asked for and wait for the next frame of their camera. */
export class SnapshotDesk {
  readonly #clock: Clock;
  #waiting: Waiting[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns an answer if it cannot wait. */
  ask(ask: AskSnapshot): Answer | undefined {
    const nowMonoMs = this.#clock.monoMs();
    this.#waiting = this.#waiting.filter(({ untilMonoMs }) => untilMonoMs > nowMonoMs);
    if (this.#waiting.length >= WAITING_MAX) return refusal(ask, 'try-again', `${WAITING_MAX} pictures are asked for`);
    this.#waiting.push({ ask, untilMonoMs: nowMonoMs + SNAPSHOT_WAIT_MS });
    return undefined;
  }

  /** What to draw from the frame just processed, and the answers to those who asked for what is not there. */
  serve(tracks: readonly TrackView[]): {
    readonly orders: readonly SnapshotOrder[];
    readonly refusals: readonly Answer[];
  } {
    const orders: SnapshotOrder[] = [];
    const refusals: Answer[] = [];
    const nowMonoMs = this.#clock.monoMs();
    for (const { ask, untilMonoMs } of this.#waiting.splice(0)) {
      if (untilMonoMs <= nowMonoMs) continue;
      const { request, label } = ask;
      const track = label === undefined ? undefined : bestOf(tracks, label);
      if (label !== undefined && track === undefined)
        refusals.push(refusal(ask, 'not-found', `no ${label} is in view`));
      else orders.push({ request, label: label ?? WHOLE_PICTURE, track });
    }
    return { orders, refusals };
  }
}

function bestOf(tracks: readonly TrackView[], label: string): TrackView | undefined {
  return tracks.filter((track) => track.label === label).sort((a, b) => b.score - a.score)[0];
}

function refusal({ request }: AskSnapshot, code: string, message: string): Answer {
  return { type: 'answer', request, ok: false, code, message };
}
