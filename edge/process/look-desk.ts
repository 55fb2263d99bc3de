import type { Clock } from '../../base/clock.js';
import { messageOf, OperationError } from '../../base/errors.js';
import { SHARED_BOXES_MAX, type SharedBox } from '../../protocol/sharing.js';
import type { RgbPicture } from '../capture/frame.js';
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

/** Pictures that wait; more are refused as `busy`. */
export const LOOKS_WAITING_MAX = 16;

type Waiting = { readonly look: LookVision; readonly untilMonoMs: number };

/** Runs the detector on pictures that are no camera's: those of other nodes, and own results that are looked at again. */
export class LookDesk {
  readonly #options: LookDeskOptions;
  readonly #waiting: Waiting[] = [];
  #detector: Detector | undefined;
  #places = 0;
  #guestsRunning = 0;
  #isOwnRunning = false;

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
    if (!look.isGuest) void this.#runOwn(this.#detector);
    else if (this.#guestsRunning < this.#places) void this.#runGuests(this.#detector);
  }

  // Own ones do not wait behind guests, whose turn may never come.
  async #runOwn(detector: Detector): Promise<void> {
    if (this.#isOwnRunning) return;
    this.#isOwnRunning = true;
    for (let next = this.#next(false); next !== undefined; next = this.#next(false))
      await this.#serve(next, detector, 'own looks');
    this.#isOwnRunning = false;
  }

  async #runGuests(detector: Detector): Promise<void> {
    const who = `look ${this.#guestsRunning++}`;
    for (let next = this.#next(true); next !== undefined; next = this.#next(true))
      await this.#serve(next, detector, who);
    this.#guestsRunning--;
  }

  // In the order they came.
  #next(isGuest: boolean): Waiting | undefined {
    const index = this.#waiting.findIndex(({ look }) => look.isGuest === isGuest);
    return index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  async #serve({ look, untilMonoMs }: Waiting, detector: Detector, who: string): Promise<void> {
    const { turns, clock, signal } = this.#options;
    const late = new AbortController();
    const onStop = () => late.abort();
    signal.addEventListener('abort', onStop, { once: true });
    const cancel = clock.after(Math.max(0, untilMonoMs - clock.monoMs()), onStop);
    try {
      const turn = await turns.take(who, { isUrgent: false, isGuest: look.isGuest, isHome: true }, late.signal);
      try {
        await this.#detect(look, detector);
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

  async #detect(look: LookVision, detector: Detector): Promise<void> {
    const { clock, report } = this.#options;
    let picture: RgbPicture;
    try {
      picture = await decodePicture(look.jpeg, { subject: `picture ${look.request}` });
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
      report({ type: 'looked', request: look.request, ok: true, boxes, widthPx, heightPx, tookMs });
    } catch (error) {
      if (!(error instanceof OperationError) || error.code !== 'inference-failed') throw error;
      this.#refuse(look, 'failed', error.message);
    }
  }

  #refuse({ request }: LookVision, code: NonNullable<LookReport['code']>, message: string): void {
    this.#options.report({ type: 'looked', request, ok: false, code, message });
  }
}

function toSharedBox({ label, score, box }: Detection): SharedBox {
  const [x1, y1, x2, y2] = box;
  return { l: label, p: score, b: [x1, y1, x2, y2] };
}
