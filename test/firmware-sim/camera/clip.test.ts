import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeClip } from '../../../firmware-sim/camera/clip.js';
import { parseJson } from '../../../protocol/codec.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vedette-clip-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const CLIP = { seed: 8, frames: 6, fps: 10, widthPx: 160, heightPx: 120 };

/** JPEGs cut apart at their start markers; scenes hold no thumbnails. */
function pictures(bytes: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] === 0xff && bytes[i + 1] === 0xd8 && bytes[i + 2] === 0xff) starts.push(i);
  }
  return starts.map((start, i) => bytes.subarray(start, starts[i + 1] ?? bytes.length));
}

describe('clip of the simulated camera', () => {
  it('holds as many pictures as frames and tells what is in each', async () => {
    const out = join(folder, 'clip.mjpeg');
    const truthPath = join(folder, 'clip.json');
    const progress: number[] = [];
    const truth = await writeClip({ ...CLIP, out, truth: truthPath, onProgress: (done) => progress.push(done) });
    const jpegs = pictures(await readFile(out));
    expect(jpegs.length).toBe(6);
    for (const jpeg of jpegs) await expect(sharp(jpeg).metadata()).resolves.toMatchObject({ width: 160, height: 120 });
    expect(truth.frames.map((frame) => frame.atMs)).toEqual([0, 100, 200, 300, 400, 500]);
    expect(parseJson(await readFile(truthPath, 'utf8'))).toEqual(truth);
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is the same clip for the same seed', async () => {
    const [a, b] = [join(folder, 'a.mjpeg'), join(folder, 'b.mjpeg')];
    const first = await writeClip({ ...CLIP, out: a });
    const second = await writeClip({ ...CLIP, out: b });
    expect(second).toEqual(first);
    expect((await readFile(b)).equals(await readFile(a))).toBe(true);
  });

  it('names a path that cannot be written', async () => {
    const out = join(folder, 'absent', 'clip.mjpeg');
    await expect(writeClip({ ...CLIP, out })).rejects.toMatchObject({ code: 'state-unwritable', subject: out });
  });

  it('stops when told to', async () => {
    const stop = new AbortController();
    const clip = writeClip({
      ...CLIP,
      frames: 10_000,
      out: join(folder, 'long.mjpeg'),
      signal: stop.signal,
      onProgress: (done) => done === 3 && stop.abort(),
    });
    await expect(clip).rejects.toMatchObject({ code: 'aborted' });
  });
});
