import type { RgbPicture } from '../../edge/capture/frame.js';
import { withOtherColours } from '../../edge/capture/other-colours.js';
import { AUDIT_LIMITS } from '../../edge/sharing/audits/audit-limits.js';
import type { JpegDecoder } from './audit-boards.js';

/** The copies of one picture at which auditors look before they dispute, by their decoder; made when they are asked for. */
export class PictureCopies {
  readonly #decoded: ReadonlyMap<JpegDecoder, RgbPicture>;
  readonly #made = new Map<JpegDecoder, readonly RgbPicture[]>();

  constructor(decoded: ReadonlyMap<JpegDecoder, RgbPicture>) {
    this.#decoded = decoded;
  }

  of(decoder: JpegDecoder): readonly RgbPicture[] {
    const picture = this.#decoded.get(decoder);
    const made = this.#made.get(decoder);
    if (made !== undefined || picture === undefined) return made ?? [];
    const copies = AUDIT_LIMITS.againColours.map((way) => withOtherColours(picture, way));
    this.#made.set(decoder, copies);
    return copies;
  }
}
