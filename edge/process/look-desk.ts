import type { Clock } from '../../base/clock.js';
import { messageOf, OperationError } from '../../base/errors.js';
import { SHARED_BOXES_MAX, type SharedBox } from '../../protocol/shared-box.js';
import type { RgbPicture } from '../capture/frame.js';
import { withOtherColours } from '../capture/other-colours.js';
import { decodePicture } from '../capture/picture-decoder.js';
import type { Detection } from '../vision/detection.js';
import type { Detector } from '../vision/detector.js';
import type { Turns } from './turns.js';
import type { LookReport, LookVision } from './vision-message.js';

export type LookDeskOptions = {
  /** Of all cameras of the node. */
  readonly turns: Turns;
  readonly clock: Clock;
  readonly report: (report: LookReport) => void;
  readonly signal: AbortSignal;
};

/** Pictures that wait; more are refused as `busy`. What a node takes for others is less: offers, audits, and its own results. */
export const LOOKS_WAITING_MAX = 80;
/** Where cameras never rest, one look for others that is owed a turn has it so often: twice as often as audits come on end. */
export const OWED_EVERY_MS = 2_500;

type Waiting = { readonly look: LookVision; readonly untilMonoMs: number };
/** Looks of each line are served in the order they came, and wait behind those of no other. */
type Line = 'own' | 'owed' | 'guest';

/** Runs the detector on pictures that are no camera's: those of other nodes, and own results that are looked at again. */
export class LookDesk {
  readonly #options: LookDeskOptions;
  readonly #waiting: Waiting[] = [];
  #detector: Detector | undefined;
  #places = 0;
  readonly #running: Record<Line, number> = { own: 0, owed: 0, guest: 0 };
  #owedMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: LookDeskOptions) {
    this.#options = options;
  }

  /** From now on looks are served; until then they are refused as `busy`. @param places pictures looked at at a time. */
  open(detector: Detector, places: number): void {
    this.#detector = detector;
    this.#places = places;
  }

  /** Every look is answered once, unless the process ends. */
  look(look: LookVision): void {
    const { clock } = this.#options;
    if (this.#detector === undefined) {
      this.#refuse(look, 'busy', 'the model is being loaded');
      return;
    }
    if (this.#waiting.length >= LOOKS_WAITING_MAX) {
      this.#refuse(look, 'busy', `${LOOKS_WAITING_MAX} pictures are waiting`);
      return;
    }
    this.#waiting.push({ look, untilMonoMs: clock.monoMs() + look.deadlineMs });
    const line = lineOf(look);
    if (this.#running[line] < (line === 'guest' ? this.#places : 1)) void this.#run(line, this.#detector);
  }

  // Own ones do not wait behind guests, whose turn may never come.
  async #run(line: Line, detector: Detector): Promise<void> {
    const who = `${line} look ${this.#running[line]++}`;
    for (let next = this.#next(line); next !== undefined; next = this.#next(line))
      await this.#serve(next, detector, who);
    this.#running[line]--;
  }

  #next(line: Line): Waiting | undefined {
    const index = this.#waiting.findIndex(({ look }) => lineOf(look) === line);
    return index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  async #serve({ look, untilMonoMs }: Waiting, detector: Detector, who: string): Promise<void> {
    const { turns, clock, signal } = this.#options;
    const late = new AbortController();
    const onStop = () => late.abort();
    signal.addEventListener('abort', onStop, { once: true });
    const cancel = clock.after(Math.max(0, untilMonoMs - clock.monoMs()), onStop);
    try {
      const owedFromMonoMs = lineOf(look) === 'owed' ? this.#owedMonoMs + OWED_EVERY_MS : undefined;
      const wish = { isUrgent: false, isGuest: look.isGuest, isHome: true, owedFromMonoMs };
      const turn = await turns.take(who, wish, late.signal);
      if (turn.wasOwed) this.#owedMonoMs = clock.monoMs();
      try {
        await this.#detect(look, detector, turn.wasOwed);
      } finally {
        turn.end();
      }
    } catch (error) {
      // The detector may be closed by the time a look that waited comes to it.
      if (!late.signal.aborted && !signal.aborted) throw error;
      this.#refuse(look, 'late', `no turn in ${look.deadlineMs} ms`);
    } finally {
      cancel();
      signal.removeEventListener('abort', onStop);
    }
  }

  async #detect(look: LookVision, detector: Detector, wasOwed: boolean): Promise<void> {
    const { clock, report } = this.#options;
    let picture: RgbPicture;
    try {
      picture = await pictureOf(look);
    } catch (error) {
      this.#refuse(look, 'picture', messageOf(error));
      return;
    }
    const { widthPx, heightPx } = picture;
    const startedMonoMs = clock.monoMs();
    try {
      const detections = await detector.detect(picture, { scoreMin: look.scoreMin });
      const boxes = detections.slice(0, SHARED_BOXES_MAX).map(toSharedBox);
      const tookMs = clock.monoMs() - startedMonoMs;
      report({ type: 'looked', request: look.request, ok: true, boxes, widthPx, heightPx, tookMs, wasOwed });
    } catch (error) {
      if (!(error instanceof OperationError) || error.code !== 'inference-failed') throw error;
      this.#refuse(look, 'failed', error.message);
    }
  }

  #refuse({ request }: LookVision, code: NonNullable<LookReport['code']>, message: string): void {
    this.#options.report({ type: 'looked', request, ok: false, code, message });
  }
}

async function pictureOf({ jpeg, request, colours }: LookVision): Promise<RgbPicture> {
  const picture = await decodePicture(jpeg, { subject: `picture ${request}` });
  return colours === undefined ? picture : withOtherColours(picture, colours);
}

function lineOf({ isGuest, isOwed }: LookVision): Line {
  if (!isGuest) return 'own';
  return isOwed === true ? 'owed' : 'guest';
}

function toSharedBox({ label, score, box }: Detection): SharedBox {
  const [x1, y1, x2, y2] = box;
  return { l: label, p: score, b: [x1, y1, x2, y2] };
}
