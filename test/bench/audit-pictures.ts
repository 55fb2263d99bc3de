import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JpegSplitter } from '../../edge/capture/file/jpeg-splitter.js';

export type BenchPicture = { readonly name: string; readonly jpeg: Uint8Array };

const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** Pictures and frames of footage in a folder of test data. @param every one of so many. */
export function readPictures(fixtures: string, every: number): BenchPicture[] {
  const images = filesOf(fixtures, 'images', '.jpg').map((path) => ({ name: path, jpeg: readFileSync(path) }));
  const frames = filesOf(fixtures, 'videos', '.mjpeg').flatMap(readFrames);
  return [...images, ...frames].filter((_, i) => i % every === 0);
}

function filesOf(fixtures: string, folder: string, ending: string): string[] {
  const names = readdirSync(join(fixtures, folder)).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => join(fixtures, folder, name));
}

function readFrames(path: string): BenchPicture[] {
  const splitter = new JpegSplitter(FRAME_BYTES_MAX);
  splitter.push(readFileSync(path));
  const frames: BenchPicture[] = [];
  for (let jpeg = splitter.next(); jpeg !== undefined; jpeg = splitter.next()) {
    frames.push({ name: `${path}#${frames.length}`, jpeg });
  }
  return frames;
}
