import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { parseSource, SourceConfig } from '../../../edge/capture/config.js';
import { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import { i420Bytes, i420ToRgb, yuvStandardOf } from '../../../edge/capture/rpicam/i420.js';
import { RpicamSource, rpicamArgs } from '../../../edge/capture/rpicam/rpicam-source.js';
import { frameSourceContract } from './frame-source-contract.js';

const never = new AbortController().signal;

describe('planar YUV to RGB', () => {
  // Points of ITU-R BT.601 and BT.709 in limited range, from the standards' own tables of colour bars (75 % left out).
  test.each([
    ['bt601', 'black', [16, 128, 128], [0, 0, 0]],
    ['bt601', 'white', [235, 128, 128], [254, 254, 254]],
    ['bt601', 'red', [82, 90, 240], [255, 0, 0]],
    ['bt601', 'green', [145, 54, 34], [0, 255, 0]],
    ['bt601', 'blue', [41, 240, 110], [0, 0, 255]],
    ['bt709', 'white', [235, 128, 128], [254, 254, 254]],
    ['bt709', 'red', [63, 102, 240], [255, 0, 0]],
    ['bt709', 'green', [173, 42, 26], [0, 255, 0]],
    ['bt709', 'blue', [32, 240, 118], [0, 0, 255]],
  ] as const)('%s: %s', (standard, _, [y, u, v], expected) => {
    const yuv = new Uint8Array([y, y, y, y, u, v]);
    const rgb = new Uint8Array(12);
    i420ToRgb(yuv, rgb, 2, 2, standard);
    for (let i = 0; i < 12; i++) expect(Math.abs((rgb[i] ?? 0) - (expected[i % 3] ?? 0))).toBeLessThanOrEqual(2);
  });

  test.each([
    [640, 480, 'bt601'],
    [1216, 718, 'bt601'],
    [1280, 480, 'bt709'],
    [960, 720, 'bt709'],
  ])('%s x %s is %s', (widthPx, heightPx, standard) => {
    expect(yuvStandardOf(widthPx, heightPx)).toBe(standard);
  });

  test('each quarter takes its own colour', () => {
    const yuv = new Uint8Array(i420Bytes(4, 4)).fill(128);
    yuv[16] = 240;
    const rgb = new Uint8Array(48);
    i420ToRgb(yuv, rgb, 4, 4, 'bt601');
    expect(rgb[2]).toBeGreaterThan(200);
    expect(rgb[4 * 3 + 5]).toBeGreaterThan(200);
    expect(rgb[8]).toBeLessThan(140);
    expect(rgb[2 * 4 * 3 + 2]).toBeLessThan(140);
  });
});

describe('rpicam-vid', () => {
  let dir = '';
  let program = '';
  const opened: RpicamSource[] = [];
  const config = (more: Record<string, unknown> = {}) => {
    const parsed = SourceConfig.parse({ driver: 'rpicam', widthPx: 128, heightPx: 96, fps: 50, program, ...more });
    if (parsed.driver !== 'rpicam') throw new Error('not an rpicam');
    return parsed;
  };
  const make = (more: Record<string, unknown> = {}) => {
    const source = new RpicamSource(config(more), new SystemClock(), new FrameBuffers());
    opened.push(source);
    return source;
  };

  // Stands for rpicam-vid: reads the same options, writes the same stream, refuses what it does not know.
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-rpicam-'));
    program = join(dir, 'rpicam-vid');
    await writeFile(
      program,
      `#!${process.execPath}
const known = ['camera', 'nopreview', 'timeout', 'codec', 'flush', 'width', 'height', 'framerate', 'output', 'rotation', 'mood'];
const args = process.argv.slice(2);
const options = new Map();
for (let i = 0; i < args.length; i++) {
  const [name, value] = args[i].replace(/^--/, '').split('=');
  if (!known.includes(name)) { console.error("ERROR: *** unrecognised option '" + args[i] + "' ***"); process.exit(255); }
  if (value !== undefined) options.set(name, value);
  else if (['nopreview', 'flush'].includes(name)) options.set(name, '1');
  else options.set(name, args[++i]);
}
if (options.get('camera') === '5') { console.error('ERROR: *** no cameras available ***'); process.exit(255); }
if (options.get('camera') === '6') { console.error('Pipeline handler in use by another process\\nERROR: *** failed to acquire camera ***'); process.exit(255); }
if (options.get('codec') !== 'yuv420' || options.get('output') !== '-') process.exit(1);
const size = options.get('width') * options.get('height');
let n = 0;
const write = () => {
  const frame = Buffer.alloc((size * 3) / 2, 128).fill(16 + (n++ % 200), 0, size);
  if (options.get('mood') === 'half' && n === 3) { process.stdout.write(frame.subarray(0, size), () => process.exit(0)); return; }
  process.stdout.write(frame);
  setTimeout(write, 1000 / options.get('framerate'));
};
process.stdout.on('error', () => process.exit(0));
write();
`,
    );
    await chmod(program, 0o755);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((source) => source.close()));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
  });

  frameSourceContract('the rpicam driver', () => ({ make: () => make() }));

  test('is asked for raw frames without end, and for the options of the configuration', () => {
    const args = rpicamArgs(config({ options: ['--rotation=180', '--mood well'], camera: 1 }));
    expect(args.join(' ')).toBe(
      '--camera 1 --nopreview --timeout 0 --codec yuv420 --flush --width 128 --height 96 --framerate 50 --rotation=180 --mood well --output -',
    );
  });

  test.each([
    ['no camera', { camera: 5 }, 'camera-unplugged'],
    ['a camera in use', { camera: 6 }, 'camera-refused'],
    ['an option it does not know', { options: ['--no-such-thing=1'] }, 'camera-refused'],
  ])('%s is told in its own words', async (_, more, code) => {
    const source = make(more);
    await source.open(never);
    await expect(source.read(never)).rejects.toMatchObject({ code, message: expect.stringContaining('ERROR') });
  });

  test('half a frame at the end is a camera gone, not a picture', async () => {
    const source = make({ options: ['--mood=half'] });
    await source.open(never);
    await source.read(never);
    await source.read(never);
    await expect(source.read(never)).rejects.toMatchObject({ code: 'camera-unplugged' });
  });

  test('a program that is missing is named, with the package that brings it', async () => {
    const source = make({ program: 'no-such-rpicam' });
    await expect(source.open(never)).rejects.toMatchObject({
      code: 'missing-program',
      hint: expect.stringContaining('rpicam-apps'),
    });
    expect(parseSource('rpicam:0')).toMatchObject({ program: 'rpicam-vid' });
  });
});
