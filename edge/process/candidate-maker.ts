import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { Clock } from '../../base/clock.js';
import type { Frame, RgbPicture } from '../capture/frame.js';
import { pictureFormatOf } from '../capture/picture-format.js';
import { AUDIT_PICTURE_BYTES_MAX } from '../sharing/audits/audit-limits.js';
import type { CandidateReport } from './vision-message.js';

export type CandidateMakerOptions = {
  readonly camera: string;
  /** A sensor stands behind the camera: no two of its pictures have the same bytes. */
  readonly isLive: boolean;
  /** The pictures have a digest of their own in records: one that cannot be sent as it came is not sent. */
  readonly asItCame: boolean;
  /** The model's own threshold, 0..1. */
  readonly scoreMin: number;
  readonly clock: Clock;
};

/** One in two seconds: while everything is audited a node gives six a minute, and of the others one of a hundred is enough. */
const EVERY_MS = 2_000;
/** A frame with nothing to record, so that who has become blind is found out: two records a minute and camera. */
const QUIET_EVERY_MS = 30_000;
const QUALITIES = [90, 70, 50];
/** Models look at 640 pixels at most; what is larger costs the wire, and every auditor's decoder. */
const SIDE_PX_MAX = 1_280;

/** Makes the pictures of records that may be audited: the JPEG a camera gave, or one of the pixels that were looked at. */
export class CandidateMaker {
  readonly #options: CandidateMakerOptions;
  #madeMonoMs = Number.NEGATIVE_INFINITY;
  #quietMonoMs = Number.NEGATIVE_INFINITY;
  /** Frames that gave none because they were too large. */
  tooLarge = 0;

  constructor(options: CandidateMakerOptions) {
    this.#options = options;
  }

  /** Whether a frame is due to be kept. @param isQuiet the detector looked at it, and there is nothing to record. */
  isDue(isQuiet: boolean): boolean {
    const nowMonoMs = this.#options.clock.monoMs();
    const isQuietDue = !isQuiet || nowMonoMs - this.#quietMonoMs >= QUIET_EVERY_MS;
    return isQuietDue && nowMonoMs - this.#madeMonoMs >= EVERY_MS;
  }

  /** The picture of a frame, to be told before its records; undefined if it is too large. @throws what sharp throws. */
  async make(frame: Frame, picture: RgbPicture, isQuiet: boolean): Promise<CandidateReport | undefined> {
    const { camera, isLive, scoreMin, clock } = this.#options;
    this.#madeMonoMs = clock.monoMs();
    if (isQuiet) this.#quietMonoMs = this.#madeMonoMs;
    const jpeg = this.#asCaptured(frame) ?? (this.#options.asItCame ? undefined : await encode(picture));
    if (jpeg === undefined) {
      this.tooLarge++;
      return undefined;
    }
    const digest = createHash('sha256').update(jpeg).digest('hex');
    const about = { camera, capturedAtMs: frame.capturedAtMs, isQuiet, live: isLive, scoreMin };
    return { type: 'candidate', ...about, digest, jpeg };
  }

  #asCaptured({ picture }: Frame): CandidateReport['jpeg'] | undefined {
    if (picture.kind !== 'encoded' || picture.bytes.byteLength > AUDIT_PICTURE_BYTES_MAX) return undefined;
    return pictureFormatOf(picture.bytes) === 'jpeg' ? Uint8Array.from(picture.bytes) : undefined;
  }
}

async function encode({ data, widthPx, heightPx }: RgbPicture): Promise<CandidateReport['jpeg'] | undefined> {
  for (const quality of QUALITIES) {
    const jpeg = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .resize({ width: SIDE_PX_MAX, height: SIDE_PX_MAX, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality })
      .toBuffer();
    if (jpeg.byteLength <= AUDIT_PICTURE_BYTES_MAX) return new Uint8Array(jpeg);
  }
  return undefined;
}
