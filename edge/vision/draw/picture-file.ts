import sharp from 'sharp';
import { writeFileAtomic } from '../../../base/atomic-file.js';
import type { RgbPicture } from '../../capture/frame.js';

/** Ending of a written picture; the same kind as the picture it was made from, PNG for everything that is no JPEG. */
export function pictureEnding(path: string): 'jpg' | 'png' {
  return /\.jpe?g$/i.test(path) ? 'jpg' : 'png';
}

/** Writes a picture as JPEG or PNG, by the ending of the path, whole or not at all. @throws the system's error */
export async function writePicture(path: string, picture: RgbPicture): Promise<void> {
  const raw = { width: picture.widthPx, height: picture.heightPx, channels: 3 } as const;
  const image = sharp(picture.data, { raw });
  // 92: thin lines and letters stay clean of block noise.
  const encoded = pictureEnding(path) === 'jpg' ? image.jpeg({ quality: 92, chromaSubsampling: '4:4:4' }) : image.png();
  await writeFileAtomic(path, await encoded.toBuffer(), 0o644);
}
