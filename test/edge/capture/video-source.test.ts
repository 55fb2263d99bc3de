import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { fpsOfReport } from '../../../edge/capture/file/video-rate.js';
import { VideoSource, type VideoSourceOptions } from '../../../edge/capture/file/video-source.js';
import type { Frame } from '../../../edge/capture/frame.js';
import { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import { parsePpmHeader } from '../../../edge/capture/ppm-header.js';
import { eventually } from '../../eventually.js';
import { describeWithFixtures, describeWithProgram } from '../../fixtures.js';
import { frameSourceContract } from './frame-source-contract.js';
import { isRunning } from './processes.js';

const never = new AbortController().signal;
const run = promisify(execFile);

type Options = Partial<VideoSourceOptions>;
const video = (path: string, options: Options = {}) =>
  new VideoSource({ path, loop: false, fps: 'max', clock: new SystemClock(), buffers: new FrameBuffers(), ...options });

/** Reads to the end, giving each buffer back as the slot does; keeps the first bytes of each picture. */
async function readAll(subject: VideoSource, buffers: FrameBuffers, framesMax = 10_000) {
  const frames: Frame[] = [];
  try {
    await subject.open(never);
    while (frames.length < framesMax) {
      const frame = await subject.read(never);
      if (frame === undefined) break;
      frames.push(frame);
      if (frame.picture.kind === 'rgb') buffers.release(frame.picture.data);
    }
  } finally {
    await subject.close();
  }
  return frames;
}

describe('the header of a frame', () => {
  const parse = (text: string) => parsePpmHeader(new TextEncoder().encode(text));
  test('says its size', () => {
    expect(parse('P6\n768 432\n255\nxxxx')).toEqual({ widthPx: 768, heightPx: 432, headerBytes: 15 });
  });
  test.each([
    '',
    'P5\n1 1\n255\n',
    'P6\n0 5\n255\n',
    'P6\n99999 1\n255\n',
    'P6\n16000 16000\n255\n',
    'P6\n5 5\n65535\n',
  ])('%j is none', (text) => {
    expect(parse(text)).toBeUndefined();
  });
});

describe('the rate a video says it has', () => {
  const report = (avg: string, base: string) => `{"streams":[{"avg_frame_rate":"${avg}","r_frame_rate":"${base}"}]}`;
  test.each([
    [report('25/2', '25/1'), 12.5],
    [report('0/0', '30000/1001'), 30000 / 1001],
    [report('0/0', '90000/1'), 10],
    [report('1/100', '1/100'), 1],
    ['{"streams":[{}]}', 10],
    ['{"streams":[]}', undefined],
  ])('%s: %s', (text, fps) => {
    expect(fpsOfReport(text)).toBe(fps);
  });
});

describe('without ffmpeg', () => {
  test('the error names the program and how to get it', async () => {
    const error: unknown = await video('/tmp/x.mp4', { ffmpeg: 'no-such-ffmpeg' })
      .open(never)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'missing-program', hint: expect.stringContaining('apt install ffmpeg') });
    await expect(video('/tmp/x.mp4', { fps: 'source', ffprobe: 'no-such-ffprobe' }).open(never)).rejects.toMatchObject({
      code: 'missing-program',
    });
  });
});

describeWithProgram('ffmpeg', 'videos through ffmpeg', () => {
  let dir = '';
  const clip = () => join(dir, 'clip: one.mp4');
  const ffmpeg = (...args: string[]) => run('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', ...args]);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-video-'));
    const scene = ['-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=20:duration=2', '-pix_fmt', 'yuv420p'];
    await ffmpeg(...scene, `file:${clip()}`);
    await ffmpeg('-i', `file:${clip()}`, '-c', 'copy', '-metadata:s:v', 'rotate=90', join(dir, 'turned.mp4'));
    await ffmpeg(...scene, join(dir, 'other.avi'));
    await ffmpeg(...scene, '-c:v', 'mjpeg', join(dir, 'other.mkv'));
    await ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', join(dir, 'sound.m4a'));
    await writeFile(join(dir, 'text.mp4'), 'this is not a film');
    await writeFile(join(dir, 'empty.mp4'), '');
    const whole = await run('cat', [clip()], { encoding: 'buffer' });
    await writeFile(join(dir, 'cut.mp4'), whole.stdout.subarray(0, whole.stdout.length / 2));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
  });

  frameSourceContract('the video driver', () => ({
    make: () => video(clip(), { loop: true }),
    makeSlow: () => video(clip(), { loop: true, fps: 1 }),
  }));

  test.each(['clip: one.mp4', 'other.avi', 'other.mkv'])('%s gives each of its 40 frames once', async (name) => {
    const buffers = new FrameBuffers();
    const frames = await readAll(video(join(dir, name), { buffers }), buffers);
    expect(frames.map((frame) => frame.index)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(frames[0]?.picture).toMatchObject({ kind: 'rgb', widthPx: 160, heightPx: 120 });
    // The same few buffers go round.
    expect(buffers.made).toBeLessThanOrEqual(2);
  });

  test('a loop starts again behind the last frame, numbers go on', async () => {
    const buffers = new FrameBuffers();
    const frames = await readAll(video(clip(), { loop: true, buffers }), buffers, 100);
    expect(frames.at(-1)?.index).toBe(99);
  });

  test('a phone turned on its side gives upright pictures', async () => {
    const buffers = new FrameBuffers();
    const [frame] = await readAll(video(join(dir, 'turned.mp4'), { buffers }), buffers);
    expect(frame?.picture).toMatchObject({ widthPx: 120, heightPx: 160 });
  });

  test.each([
    [{ widthPx: 80 }, { widthPx: 80, heightPx: 60 }],
    [{ heightPx: 30 }, { widthPx: 40, heightPx: 30 }],
    [
      { widthPx: 64, heightPx: 64 },
      { widthPx: 64, heightPx: 64 },
    ],
    [
      { widthPx: 640, heightPx: 480 },
      { widthPx: 160, heightPx: 120 },
    ],
  ])('asked for frames of %j it shrinks, never enlarges', async (asked, size) => {
    const buffers = new FrameBuffers();
    const frames = await readAll(video(clip(), { buffers, ...asked }), buffers);
    expect(frames.map(({ picture }) => picture)).toHaveLength(40);
    expect(frames[0]?.picture).toMatchObject(size);
  });

  test('at a chosen rate it is played in real time, resampled', async () => {
    const buffers = new FrameBuffers();
    const startedMs = performance.now();
    const frames = await readAll(video(clip(), { fps: 10, buffers }), buffers);
    expect(Math.abs(frames.length - 20)).toBeLessThanOrEqual(1);
    expect(performance.now() - startedMs).toBeGreaterThan(1800);
  });

  test('at its own rate it takes as long as it lasts', async () => {
    const buffers = new FrameBuffers();
    const startedMs = performance.now();
    expect(await readAll(video(clip(), { fps: 'source', buffers }), buffers)).toHaveLength(40);
    expect(performance.now() - startedMs).toBeGreaterThan(1800);
  });

  test.each(['text.mp4', 'empty.mp4', 'cut.mp4', 'sound.m4a'])(
    '%s is garbage, in the words of ffmpeg',
    async (name) => {
      for (const fps of ['max', 'source'] as const) {
        const path = join(dir, name);
        const error: unknown = await readAll(video(path, { fps }), new FrameBuffers()).catch(
          (thrown: unknown) => thrown,
        );
        expect(error).toMatchObject({ code: 'camera-garbage' });
        expect(String(error)).toContain(path);
      }
    },
  );

  test('ffmpeg killed in the middle is a camera unplugged', async () => {
    const subject = video(clip(), { loop: true, fps: 20 });
    await subject.open(never);
    await subject.read(never);
    process.kill(subject.pid ?? 0, 'SIGKILL');
    const reading = (async () => {
      for (;;) await subject.read(never);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'camera-unplugged' });
    await subject.close();
  });

  test('ffmpeg ends by itself when the process that reads it is killed', async () => {
    // More than the pipe holds: a program that has written all of it ends anyhow.
    const large = join(dir, 'large.mp4');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=640x480:rate=25:duration=4', '-c:v', 'mjpeg', large);
    // The driver as it is built, in a process that dies without a word.
    const script = `
      const load = (path) => import(process.cwd() + '/dist/' + path);
      const { VideoSource } = await load('edge/capture/file/video-source.js');
      const { FrameBuffers } = await load('edge/capture/frame-buffers.js');
      const { SystemClock } = await load('base/clock.js');
      const never = new AbortController().signal;
      const options = { path: process.argv[1], loop: true, fps: 'max', clock: new SystemClock() };
      const source = new VideoSource({ ...options, buffers: new FrameBuffers() });
      await source.open(never);
      await source.read(never);
      console.log(source.pid);
      setInterval(() => {}, 1000);`;
    const args = ['--input-type=module', '-e', script, large];
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    expect(isRunning(pid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => !isRunning(pid), 'ffmpeg has ended');
  });
});

describeWithFixtures('real videos', (fixtures) => {
  // Counted with ffprobe -count_frames.
  test.each([
    ['one-person-room', 220, 768, 432],
    ['cars-topdown', 176, 768, 432],
    ['person-bicycle-car', 168, 768, 432],
    ['shop-aisle', 67, 480, 270],
  ])('%s.mp4 has %d frames of %dx%d', async (name, count, widthPx, heightPx) => {
    const buffers = new FrameBuffers();
    const path = resolve(fixtures, 'videos', `${name}.mp4`);
    const frames = await readAll(video(path, { buffers }), buffers);
    expect(frames).toHaveLength(count);
    expect(frames.at(-1)?.picture).toMatchObject({ widthPx, heightPx });
  });
});
