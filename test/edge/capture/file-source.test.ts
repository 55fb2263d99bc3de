import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SimulatedClock, SystemClock } from '../../../base/clock.js';
import type { FileSource as FileSourceConfig } from '../../../edge/capture/config.js';
import { FileSource } from '../../../edge/capture/file/file-source.js';
import { naturalOrder } from '../../../edge/capture/file/natural-order.js';
import type { Frame } from '../../../edge/capture/frame.js';
import { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import { decodePicture } from '../../../edge/capture/picture-decoder.js';
import { describeWithFixtures } from '../../fixtures.js';
import { frameSourceContract } from './frame-source-contract.js';
import { jpegPicture } from './pictures.js';

const never = new AbortController().signal;
let dir = '';
const pictures: Buffer[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-file-'));
  for (let seed = 0; seed < 3; seed++) pictures.push(await jpegPicture(seed));
  const [a = '', b = '', c = ''] = pictures;
  await mkdir(join(dir, 'folder/inner.jpg'), { recursive: true });
  await writeFile(join(dir, 'folder/shot-10.JPG'), c);
  await writeFile(join(dir, 'folder/shot-9.jpeg'), b);
  await writeFile(join(dir, 'folder/shot-1.jpg'), a);
  await writeFile(join(dir, 'folder/notes.txt'), 'not a picture');
  await writeFile(join(dir, 'folder/.hidden.jpg'), a);
  await mkdir(join(dir, 'none'));
  await writeFile(join(dir, 'clip.mjpeg'), Buffer.concat(pictures));
  await writeFile(join(dir, 'empty.mjpeg'), '');
  await writeFile(join(dir, 'empty.jpg'), '');
  await writeFile(join(dir, 'text.mjpeg'), 'this is not a film');
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

function source(path: string, options: Partial<FileSourceConfig> = {}, clock = new SystemClock()) {
  const config = { driver: 'file' as const, path: join(dir, path), loop: true, fps: 'max' as const, ...options };
  return new FileSource(config, clock, new FrameBuffers());
}

async function readAll(subject: FileSource, framesMax = 1000): Promise<Frame[]> {
  const frames: Frame[] = [];
  try {
    await subject.open(never);
    while (frames.length < framesMax) {
      const frame = await subject.read(never);
      if (frame === undefined) break;
      frames.push(frame);
    }
  } finally {
    await subject.close();
  }
  return frames;
}

/** Which of the pictures each frame is. */
const which = (frames: readonly Frame[]) =>
  frames.map(({ picture }) => pictures.findIndex((p) => picture.kind === 'encoded' && p.equals(picture.bytes)));

frameSourceContract('the file driver on a picture', () => ({
  make: () => source('folder/shot-1.jpg'),
  makeSlow: () => source('folder/shot-1.jpg', { fps: 0.01 }),
}));
frameSourceContract('the file driver on a folder', () => ({
  make: () => source('folder'),
  makeSlow: () => source('folder', { fps: 0.01 }),
}));
frameSourceContract('the file driver on an .mjpeg', () => ({
  make: () => source('clip.mjpeg'),
  makeSlow: () => source('clip.mjpeg', { fps: 0.01 }),
}));

describe('order and end', () => {
  test('a folder is shown in the order a person would count it, folders and hidden files left out', async () => {
    const frames = await readAll(source('folder', { loop: false }));
    expect(which(frames)).toEqual([0, 1, 2]);
    expect(frames.map((frame) => frame.name)).toEqual(
      ['shot-1.jpg', 'shot-9.jpeg', 'shot-10.JPG'].map((name) => join(dir, 'folder', name)),
    );
  });

  test('natural order is total: equal only for the same name', () => {
    expect(['b2', 'b10', 'a', 'B2', 'b02'].sort(naturalOrder)).toEqual(['a', 'B2', 'b02', 'b2', 'b10']);
    expect(naturalOrder('x1', 'x01')).not.toBe(0);
  });

  test.each(['folder', 'clip.mjpeg'])('%s once gives each picture once, in a loop again and again', async (path) => {
    expect(which(await readAll(source(path, { loop: false })))).toEqual([0, 1, 2]);
    const looped = await readAll(source(path), 8);
    expect(which(looped)).toEqual([0, 1, 2, 0, 1, 2, 0, 1]);
    expect(looped.map((frame) => frame.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('a picture once is one frame', async () => {
    expect(await readAll(source('folder/shot-1.jpg', { loop: false }))).toHaveLength(1);
  });
});

describe('pace', () => {
  test.each([
    ['clip.mjpeg', 'source', 10],
    ['clip.mjpeg', 4, 4],
    ['folder', 'source', 1],
    ['folder/shot-1.jpg', 2, 2],
  ] as const)('%s at %s gives %d frames a second on the clock', async (path, fps, perSecond) => {
    const clock = new SimulatedClock();
    const subject = source(path, { fps }, clock);
    await subject.open(never);
    for (let i = 0; i < 6; i++) {
      const frame = await readWhileTimePasses(subject, clock);
      expect(frame?.index).toBe(i);
      expect(Math.abs((frame?.capturedMonoMs ?? -1) - (i * 1000) / perSecond)).toBeLessThanOrEqual(50);
    }
    await subject.close();
  });

  /** Moves the clock on in steps of 10 ms while the source waits; reading the file itself takes real time. */
  async function readWhileTimePasses(subject: FileSource, clock: SimulatedClock): Promise<Frame | undefined> {
    let isDone = false;
    const reading = subject.read(never).finally(() => {
      isDone = true;
    });
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 3));
      if (isDone) return await reading;
      await clock.advance(10);
    }
  }
});

describe('what cannot be shown', () => {
  const openError = (path: string) => readAll(source(path), 1).catch((error: unknown) => error);

  test.each([
    ['nothing-here.mjpeg', 'not-found'],
    ['nothing-here.jpg', 'not-found'],
    ['nothing-here', 'not-found'],
    ['none', 'camera-refused'],
    ['empty.mjpeg', 'camera-garbage'],
    ['text.mjpeg', 'camera-garbage'],
    ['empty.jpg', 'picture-invalid'],
  ])('%s: %s, naming the path', async (path, code) => {
    const error = await openError(path);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(join(dir, path));
  });

  test('an empty picture of a folder is one error; the next read goes on', async () => {
    const folder = join(dir, 'with-empty');
    await mkdir(folder);
    for (const [i, picture] of [pictures[0], '', pictures[1]].entries()) {
      await writeFile(join(folder, `${i}.jpg`), picture ?? '');
    }
    const subject = source('with-empty', { loop: false });
    await subject.open(never);
    const frames = [await subject.read(never)];
    await expect(subject.read(never)).rejects.toMatchObject({ code: 'picture-invalid' });
    frames.push(await subject.read(never));
    expect(await subject.read(never)).toBeUndefined();
    expect(which(frames.filter((frame) => frame !== undefined))).toEqual([0, 1]);
    await subject.close();
  });
});

describeWithFixtures('real clips as .mjpeg', (fixtures) => {
  // The README of the test data: 10 frames/s, 22 s, 14 s and 14 s of footage, and a short clip as a whole. ffprobe
  // counts one frame more than 14 s in cars-topdown too.
  test.each([
    ['one-person-room', 220, 768, 432],
    ['cars-topdown', 141, 768, 432],
    ['person-bicycle-car', 140, 768, 432],
    ['shop-aisle', 45, 480, 270],
  ])('%s has %d frames of %dx%d, nothing skipped', async (name, count, widthPx, heightPx) => {
    const path = join(fixtures, 'videos', `${name}.mjpeg`);
    const config = { driver: 'file' as const, path, loop: false, fps: 'max' as const };
    const subject = new FileSource(config, new SystemClock(), new FrameBuffers());
    const frames = await readAll(subject);
    expect(frames).toHaveLength(count);
    expect(subject.drops()).toEqual({ garbageBytes: 0, badPictures: 0 });
    const { picture } = frames.at(-1) ?? {};
    const decoded = await decodePicture(picture?.kind === 'encoded' ? picture.bytes : new Uint8Array());
    expect([decoded.widthPx, decoded.heightPx]).toEqual([widthPx, heightPx]);
  });

  test('every picture of the test data decodes', async () => {
    const config = { driver: 'file' as const, path: join(fixtures, 'images'), loop: false, fps: 'max' as const };
    const frames = await readAll(new FileSource(config, new SystemClock(), new FrameBuffers()));
    expect(frames).toHaveLength(12);
    for (const { picture, name } of frames) {
      await decodePicture(picture.kind === 'encoded' ? picture.bytes : new Uint8Array(), { subject: name ?? '' });
    }
  });
});
