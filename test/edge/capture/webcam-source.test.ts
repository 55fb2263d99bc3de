import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { type SourceConfig, SourceConfig as SourceSchema } from '../../../edge/capture/config.js';
import { decodePicture } from '../../../edge/capture/picture-decoder.js';
import { readFswebcamReport } from '../../../edge/capture/webcam/fswebcam-report.js';
import { snapshotArgv } from '../../../edge/capture/webcam/snapshot-command.js';
import { WebcamSource } from '../../../edge/capture/webcam/webcam-source.js';
import { describeWithProgram } from '../../fixtures.js';
import { frameSourceContract } from './frame-source-contract.js';
import { jpegPicture } from './pictures.js';
import { isRunning } from './processes.js';

// No camera was there when this was written: the stand-in behaves like fswebcam as its source and its runs without a
// camera show; what a real camera does beyond that has not been seen.
const never = new AbortController().signal;
const pathBefore = process.env.PATH;
let dir = '';
let picture: Uint8Array = Buffer.alloc(0);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette webcam '));
  picture = await jpegPicture(1, 320, 240);
  await writeFile(join(dir, 'picture.jpg'), picture);
  await writeFile(join(dir, 'mode'), 'picture');
  process.env.FSWEBCAM_STANDIN_DIR = dir;
  process.env.PATH = `${resolve('test/data/bin')}${delimiter}${pathBefore}`;
});
afterAll(async () => {
  process.env.PATH = pathBefore;
  await rm(dir, { recursive: true });
});

function config(options: Partial<Extract<SourceConfig, { driver: 'webcam' }>> = {}) {
  const parsed = SourceSchema.parse({ driver: 'webcam', device: '/dev/null', fps: 10, ...options });
  if (parsed.driver !== 'webcam') throw new Error('another driver');
  return parsed;
}
const webcam = (options: Parameters<typeof config>[0] = {}, timeoutMs?: number) =>
  new WebcamSource(config(options), new SystemClock(), timeoutMs);

async function inMode(mode: string, subject = webcam()): Promise<unknown> {
  await writeFile(join(dir, 'mode'), mode);
  try {
    await subject.open(never);
    return await subject.read(never);
  } catch (error) {
    return error;
  } finally {
    await subject.close();
    await writeFile(join(dir, 'mode'), 'picture');
  }
}

frameSourceContract('the webcam driver', () => ({
  make: () => webcam(),
  makeSlow: () => webcam({ fps: 0.01 }),
}));

describe('a snapshot', () => {
  test('is the JPEG that fswebcam writes, byte by byte', async () => {
    expect(await inMode('picture')).toMatchObject({ index: 0, picture: { kind: 'encoded', bytes: picture } });
  });

  test('is asked for in the size configured, without a banner, on standard output', async () => {
    await writeFile(join(dir, 'calls'), '');
    await inMode('picture', webcam({ widthPx: 800, heightPx: 600 }));
    const [call] = (await readFile(join(dir, 'calls'), 'utf8')).split('\n');
    expect(call).toBe('-q -r 800x600 --jpeg 85 -d /dev/null --no-banner -');
  });

  test('is planned as one word per argument', () => {
    expect(
      snapshotArgv(config({ device: '/dev/v4l/by-id/usb-046d:0825-index0', program: '/opt/fs/fswebcam' })),
    ).toEqual(
      '/opt/fs/fswebcam -q -r 640x480 --jpeg 85 -d /dev/v4l/by-id/usb-046d:0825-index0 --no-banner -'.split(' '),
    );
  });

  test.each([
    ['unplugged', 'camera-unplugged', 'No such file or directory'],
    ['unplugged-mid-frame', 'camera-unplugged', 'VIDIOC_DQBUF: No such device'],
    ['busy', 'camera-refused', 'Device or resource busy'],
    ['silent', 'camera-frozen', 'Timed out waiting for frame!'],
    ['crash', 'camera-garbage', 'ended by SIGABRT (free(): double free detected in tcache 2)'],
    ['truncated', 'picture-invalid', 'breaks off'],
    ['text', 'picture-invalid', 'not a JPEG'],
    ['huge', 'camera-garbage', 'more than 16777216 bytes'],
  ])('of a camera that is %s: %s (%s)', async (mode, code, words) => {
    const error = await inMode(mode);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain('/dev/null');
    expect(String(error)).toContain(words);
    expect(String(error)).not.toContain('\x1b');
  });

  test.each(['hang', 'stubborn'])('that never comes (%s) is given up in time, its program killed', async (mode) => {
    const subject = webcam({}, 300);
    let pid = 0;
    const looking = setInterval(() => {
      pid = subject.pid ?? pid;
    }, 5);
    expect(await inMode(mode, subject)).toMatchObject({ code: 'camera-frozen' });
    clearInterval(looking);
    expect(pid).toBeGreaterThan(0);
    expect(isRunning(pid)).toBe(false);
  });
});

describe('before the first snapshot', () => {
  test('a device that is not there is unplugged', async () => {
    const subject = webcam({ device: '/dev/video-none' });
    await expect(subject.open(never)).rejects.toMatchObject({ code: 'camera-unplugged' });
  });

  test('a program that is not there is missing, with the way to get it', async () => {
    const subject = webcam({ program: 'no-such-fswebcam' });
    await subject.open(never);
    const hint = expect.stringContaining('apt install fswebcam');
    await expect(subject.read(never)).rejects.toMatchObject({ code: 'missing-program', hint });
  });
});

test('words that say nothing known are garbage, not silence', () => {
  expect(readFswebcamReport('')).toEqual({ code: 'camera-garbage', words: 'no picture and no word' });
  expect(readFswebcamReport('src_v4l2: odd')).toEqual({ code: 'camera-garbage', words: 'src_v4l2: odd' });
  expect(readFswebcamReport('/dev/null: Not a V4L2 device?').code).toBe('camera-refused');
});

describeWithProgram('fswebcam', 'the real fswebcam', () => {
  const program = '/usr/bin/fswebcam';

  test('gives its test picture as a JPEG that decodes', async () => {
    const subject = webcam({ program, device: 'TEST:', widthPx: 320, heightPx: 240 });
    await subject.open(never);
    const frame = await subject.read(never);
    await subject.close();
    const bytes = frame?.picture.kind === 'encoded' ? frame.picture.bytes : new Uint8Array();
    expect(await decodePicture(bytes)).toMatchObject({ widthPx: 320, heightPx: 240 });
  });

  test('says by its words that a device is no camera', async () => {
    expect(await inMode('picture', webcam({ program }))).toMatchObject({
      code: 'camera-refused',
      message: expect.stringContaining('Not a V4L2 device'),
    });
  });

  test('says by its words that a device has gone after it was opened', async () => {
    // open() sees no file, so the driver is asked to read without it, as when a plug is pulled between two pictures.
    const subject = webcam({ program, device: '/dev/video-none' });
    await expect(subject.read(never)).rejects.toMatchObject({ code: 'camera-unplugged' });
  });
});
