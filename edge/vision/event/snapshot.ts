import sharp from 'sharp';
import { OperationError } from '../../../base/errors.js';
import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';
import type { SnapshotSettings } from '../config.js';

/** What is drawn: the picture, the object in it if there is one, the most bytes the JPEG may have (the route's limit). */
export type SnapshotRequest = {
  readonly picture: RgbPicture;
  readonly box?: BoxXyxyPx;
  readonly payloadBytesMax: number;
};

// Below this JPEG shows blocks instead of a face; a smaller picture says more.
const QUALITY_MIN = 35;
const QUALITY_STEP = 15;
const SHRINK = 0.75;
const HEIGHT_PX_MIN = 48;
// A crop shows this much around the object, in object sides.
const CROP_AIR = 0.35;
// Signal green: seen on night and day pictures alike.
const LINE_RGB = [0, 230, 64] as const;

/**
 * Draws the box of an object into a copy of the picture (or of its surroundings) and encodes it as JPEG, lowering first
 * the quality, then the size, until it fits.
 * @throws OperationError `picture-invalid` when even the smallest picture is larger than the limit.
 */
export async function encodeSnapshot(request: SnapshotRequest, settings: SnapshotSettings): Promise<Buffer> {
  const { picture, box } = request;
  const view =
    settings.style === 'crop' && box !== undefined
      ? surroundings(picture, box)
      : { x: 0, y: 0, width: picture.widthPx, height: picture.heightPx };
  const pixels = cutOut(picture, view);
  if (box !== undefined) {
    drawBox(pixels, view.width, view.height, [box[0] - view.x, box[1] - view.y, box[2] - view.x, box[3] - view.y]);
  }
  let heightPx = Math.min(settings.heightPxMax, view.height);
  for (;;) {
    for (let quality = settings.quality; ; quality = Math.max(QUALITY_MIN, quality - QUALITY_STEP)) {
      const jpeg = await sharp(pixels, { raw: { width: view.width, height: view.height, channels: 3 } })
        .resize({ height: heightPx })
        .jpeg({ quality })
        .toBuffer();
      if (jpeg.length <= request.payloadBytesMax) return jpeg;
      if (quality <= QUALITY_MIN) break;
    }
    if (heightPx <= HEIGHT_PX_MIN) throw tooLarge(request);
    heightPx = Math.max(HEIGHT_PX_MIN, Math.floor(heightPx * SHRINK));
  }
}

type View = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

function surroundings(picture: RgbPicture, box: BoxXyxyPx): View {
  const airX = CROP_AIR * (box[2] - box[0]);
  const airY = CROP_AIR * (box[3] - box[1]);
  const x = clamp(Math.floor(box[0] - airX), 0, picture.widthPx - 1);
  const y = clamp(Math.floor(box[1] - airY), 0, picture.heightPx - 1);
  return {
    x,
    y,
    width: clamp(Math.ceil(box[2] + airX), x + 1, picture.widthPx) - x,
    height: clamp(Math.ceil(box[3] + airY), y + 1, picture.heightPx) - y,
  };
}

function cutOut(picture: RgbPicture, view: View): Uint8Array {
  const pixels = new Uint8Array(view.width * view.height * 3);
  for (let row = 0; row < view.height; row++) {
    const from = ((view.y + row) * picture.widthPx + view.x) * 3;
    pixels.set(picture.data.subarray(from, from + view.width * 3), row * view.width * 3);
  }
  return pixels;
}

/** Draws a frame of about 0.5 % of the height into `u8 [heightPx, widthPx, 3]` pixels, in place; parts outside are cut. */
export function drawBox(pixels: Uint8Array, widthPx: number, heightPx: number, box: BoxXyxyPx): void {
  const line = Math.max(2, Math.round(heightPx / 200));
  const [x1, y1, x2, y2] = [Math.round(box[0]), Math.round(box[1]), Math.round(box[2]), Math.round(box[3])];
  fill(x1, y1, x2, y1 + line);
  fill(x1, y2 - line, x2, y2);
  fill(x1, y1, x1 + line, y2);
  fill(x2 - line, y1, x2, y2);

  function fill(fromX: number, fromY: number, toX: number, toY: number): void {
    for (let y = Math.max(0, fromY); y < Math.min(heightPx, toY); y++) {
      for (let x = Math.max(0, fromX); x < Math.min(widthPx, toX); x++) pixels.set(LINE_RGB, (y * widthPx + x) * 3);
    }
  }
}

function tooLarge(request: SnapshotRequest): OperationError {
  return new OperationError({
    code: 'picture-invalid',
    op: 'encode snapshot',
    subject: `${request.picture.widthPx}x${request.picture.heightPx}`,
    message: `does not fit into ${request.payloadBytesMax} bytes`,
  });
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
