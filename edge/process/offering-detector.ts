import type { Clock } from '../../base/clock.js';
import { OperationError } from '../../base/errors.js';
import type { SharedBox } from '../../protocol/shared-box.js';
import type { RgbPicture } from '../capture/frame.js';
import type { BoxXyxyPx } from '../vision/box.js';
import { encodeRegion } from '../vision/detect/region-jpeg.js';
import type { Detection } from '../vision/detection.js';
import type { Detector } from '../vision/detector.js';
import type { OfferBox } from './offer-box.js';
import type { Turn, Turns } from './turns.js';

export type OfferingDetectorOptions = {
  readonly camera: string;
  /** The node's own. */
  readonly here: Detector;
  readonly offers: OfferBox;
  readonly turns: Turns;
  readonly clock: Clock;
  /** Others are being waited for, or a place here: the camera waits, it does not work. */
  readonly onWaiting: (isWaiting: boolean) => void;
};

/** The frame that is looked at, and the turn it has. */
export type OfferedFrame = {
  readonly turn: Turn;
  readonly isUrgent: boolean;
  readonly capturedMonoMs: number;
  readonly signal: AbortSignal;
};

type Options = Parameters<Detector['detect']>[1];

/** A frame that nobody had time for in this time is not looked at any more: what it shows is gone. */
export const FRAME_AGE_MAX_MS = 3_000;
/** Boxes found in it agree with those of the picture itself; see `test/edge/process/offering-detector.test.ts`. */
const JPEG_QUALITY = 85;

/**
 * The detector of one camera that may be away: with a turn `away` regions go to another node, and what nobody did is done
 * here when a place is free.
 */
export class OfferingDetector implements Detector {
  readonly #options: OfferingDetectorOptions;
  #frame: OfferedFrame | undefined;
  #isAway = false;

  constructor(options: OfferingDetectorOptions) {
    this.#options = options;
  }

  get labels(): readonly string[] {
    return this.#options.here.labels;
  }

  get inputWidthPx(): number {
    return this.#options.here.inputWidthPx;
  }

  get inputHeightPx(): number {
    return this.#options.here.inputHeightPx;
  }

  /** From now on calls are for this frame. */
  begin(frame: OfferedFrame): void {
    this.#frame = frame;
    this.#isAway = false;
  }

  /** The frame is done with, and so is its turn. @returns whether others looked at it. */
  end(): boolean {
    this.#frame?.turn.end();
    this.#frame = undefined;
    return this.#isAway;
  }

  /** @throws OperationError `timeout`: nobody had time for the frame; `inference-failed`. */
  async detect(picture: RgbPicture, options: Options): Promise<readonly Detection[]> {
    const frame = this.#frame;
    if (frame === undefined || frame.turn.place === 'here') return this.#options.here.detect(picture, options);
    const detections = await this.#waiting(() => this.#away(picture, options, frame.turn));
    if (detections !== undefined) {
      this.#isAway = true;
      return detections;
    }
    this.#frame = { ...frame, turn: await this.#waiting(() => this.#home(frame)) };
    return this.#options.here.detect(picture, options);
  }

  // The detector belongs to all cameras of the node.
  async close(): Promise<void> {}

  async #away(picture: RgbPicture, options: Options, turn: Turn): Promise<readonly Detection[] | undefined> {
    const { offers, clock } = this.#options;
    const region = options.region ?? [0, 0, picture.widthPx, picture.heightPx];
    const input = { widthPx: this.inputWidthPx, heightPx: this.inputHeightPx };
    const sent = await encodeRegion(picture, region, input, JPEG_QUALITY).catch(() => undefined);
    if (sent === undefined) {
      offers.unencoded++;
      return undefined;
    }
    const startedMonoMs = clock.monoMs();
    const boxes = await offers.offer({ ...sent, scoreMin: options.scoreMin ?? 0 });
    turn.spendAway(clock.monoMs() - startedMonoMs);
    return boxes?.flatMap((box) => this.#detectionOf(box, region, sent));
  }

  #detectionOf({ l, p, b }: SharedBox, region: BoxXyxyPx, sent: { widthPx: number; heightPx: number }): Detection[] {
    const classId = this.labels.indexOf(l);
    if (classId === -1) return [];
    const scaleX = (region[2] - region[0]) / sent.widthPx;
    const scaleY = (region[3] - region[1]) / sent.heightPx;
    const box: BoxXyxyPx = [
      region[0] + b[0] * scaleX,
      region[1] + b[1] * scaleY,
      region[0] + b[2] * scaleX,
      region[1] + b[3] * scaleY,
    ];
    return [{ classId, label: l, score: p, box }];
  }

  /** A turn here for what nobody did; the one away is over. */
  async #home({ turn, isUrgent, capturedMonoMs, signal }: OfferedFrame): Promise<Turn> {
    const { turns, camera, clock } = this.#options;
    turn.end();
    signal.throwIfAborted();
    const late = new AbortController();
    const stop = () => late.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const leftMs = FRAME_AGE_MAX_MS - (clock.monoMs() - capturedMonoMs);
    const cancel = clock.after(Math.max(0, leftMs), () => late.abort(tooOld(camera)));
    try {
      return await turns.take(camera, { isUrgent, isHome: true }, late.signal);
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  async #waiting<T>(wait: () => Promise<T>): Promise<T> {
    const { onWaiting } = this.#options;
    onWaiting(true);
    try {
      return await wait();
    } finally {
      onWaiting(false);
    }
  }
}

function tooOld(camera: string): OperationError {
  return new OperationError({
    code: 'timeout',
    op: 'look at a frame',
    subject: `camera ${camera}`,
    message: `nobody had time for it in ${FRAME_AGE_MAX_MS} ms`,
    transient: true,
  });
}
