import sharp from 'sharp';
import { messageOf, OperationError } from '../../base/errors.js';
import type { RgbPicture } from './frame.js';
import { PICTURE_BYTES_MAX, PICTURE_PIXELS_MAX } from './limits.js';
import { isPictureFormat, PICTURE_FORMATS, pictureFormatOf } from './picture-format.js';

// Of the loaders in libvips only these three may ever see a byte from outside: sharp guesses the format from the
// content, so an SVG in a file called .jpg would be rendered. sharp.pixelplumbing.com/security.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp'] });
// Frames never repeat, so a cache only holds memory; and the cores belong to the detector (one decode on two threads
// took as long as on one, measured on 1080p JPEG).
sharp.cache(false);
sharp.concurrency(1);

/** A picture that takes longer than this to decode was made to; 16 megapixels take 0.2 s on a desktop core. */
const DECODE_SECONDS_MAX = 10;

export type DecodeOptions = {
  /** What the picture is called in an error: a path, `frame 42 of camera front`. */
  readonly subject?: string;
  readonly bytesMax?: number;
  readonly pixelsMax?: number;
};

/**
 * Decodes a JPEG, PNG or WebP into 8-bit RGB, upright by its EXIF orientation. CMYK, grey and embedded profiles become
 * sRGB, 16 bits become 8, transparency lies on black, of an animation the first frame is taken.
 * @returns a picture of its own; nothing is shared with `bytes` or later calls.
 * @throws OperationError `picture-invalid`, naming the picture and what is allowed; nothing is kept.
 */
export async function decodePicture(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbPicture> {
  const subject = options.subject ?? 'picture';
  const bytesMax = options.bytesMax ?? PICTURE_BYTES_MAX;
  const pixelsMax = options.pixelsMax ?? PICTURE_PIXELS_MAX;
  if (bytes.byteLength === 0) throw invalid(subject, 'it has 0 bytes');
  if (bytes.byteLength > bytesMax) throw invalid(subject, `${bytes.byteLength} bytes, allowed ${bytesMax}`);
  const format = pictureFormatOf(bytes);
  if (!isPictureFormat(format)) throw invalid(subject, `${format ?? 'no known picture format'}, allowed ${ALLOWED}`);
  try {
    const { data, info } = await decode(bytes, pixelsMax);
    if (info.channels !== 3) throw new Error(`${info.channels} channels instead of 3`);
    return { kind: 'rgb', widthPx: info.width, heightPx: info.height, data };
  } catch (error) {
    throw invalid(subject, await reasonOf(error, bytes, format, pixelsMax), error);
  }
}

const ALLOWED = PICTURE_FORMATS.join(', ');

function decode(bytes: Uint8Array, pixelsMax: number) {
  return (
    sharp(bytes, { limitInputPixels: pixelsMax, sequentialRead: true, failOn: 'warning' })
      .autoOrient()
      // Without this a hidden colour under full transparency would become visible.
      .flatten({ background: '#000000' })
      .toColourspace('srgb')
      .timeout({ seconds: DECODE_SECONDS_MAX })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
  );
}

async function reasonOf(error: unknown, bytes: Uint8Array, format: string, pixelsMax: number): Promise<string> {
  const message = messageOf(error);
  if (!message.includes('pixel limit')) return `broken ${format} (${firstLine(message)})`;
  // Reads the header only: cheap at any size.
  const size = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  const saidSize = size === undefined ? 'too many pixels' : `${size.width}x${size.height} pixels`;
  return `${saidSize}, allowed ${pixelsMax} in all`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 200) ?? '';
}

function invalid(subject: string, message: string, cause?: unknown): OperationError {
  return new OperationError({
    code: 'picture-invalid',
    op: 'decode',
    subject,
    message,
    hint: `pictures are ${ALLOWED}, at most ${PICTURE_BYTES_MAX} bytes and ${PICTURE_PIXELS_MAX} pixels`,
    cause,
  });
}
