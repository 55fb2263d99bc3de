import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runVedette } from './vedette-process.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-sim-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sim = (...args: string[]) => runVedette(['sim', ...args], { cwd: dir });
const SMALL = ['--size', '160x120', '--fps', '10'];

describe('vedette sim camera', () => {
  it('writes the same clip and truth for the same seed', async () => {
    const first = await sim(
      'camera',
      ...SMALL,
      '--seed',
      '7',
      '--frames',
      '5',
      '--out',
      'a.mjpeg',
      '--truth',
      'a.json',
      '--json',
    );
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      out: 'a.mjpeg',
      truth: 'a.json',
      widthPx: 160,
      heightPx: 120,
      frames: 5,
    });
    await sim('camera', ...SMALL, '--seed', '7', '--frames', '5', '--out', 'b.mjpeg', '--truth', 'b.json');
    const [a, b] = await Promise.all(['a', 'b'].map((name) => readFile(join(dir, `${name}.mjpeg`))));
    expect(a?.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    expect(b && a?.equals(b)).toBe(true);
    expect(JSON.parse(await readFile(join(dir, 'a.json'), 'utf8')).frames).toHaveLength(5);
    expect(await readFile(join(dir, 'a.json'), 'utf8')).toBe(await readFile(join(dir, 'b.json'), 'utf8'));
  });

  it('pipes whole frames until its cable is pulled, and ends as the program of a real camera would: 69', async () => {
    const frameBytes = 32 + 160 * 120 * 3;
    let bytes = 0;
    const { code } = await runVedette(['sim', 'camera', ...SMALL, '--pipe', '--fault', 'unplug@0.5'], {
      onBytes: (chunk) => {
        bytes += chunk.length;
      },
    });
    expect(code).toBe(69);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes % frameBytes).toBe(0);
  });

  it('serves its pictures over HTTP until it is told to stop', async () => {
    let seen: Promise<string | null> | undefined;
    const { code } = await runVedette(['sim', 'camera', ...SMALL, '--serve', '0', '--json'], {
      onOutput: ({ stdout }, kill) => {
        if (!stdout.endsWith('\n') || seen !== undefined) return;
        seen = fetch(`${JSON.parse(stdout).url}snapshot.jpg`)
          .then((response) => response.headers.get('content-type'))
          .finally(() => kill('SIGTERM'));
      },
    });
    expect(code).toBe(0);
    expect(await seen).toBe('image/jpeg');
  });

  it.each([
    [[], 'give one of --out FILE, --serve PORT, --publish BROKER, --pipe'],
    [['--pipe', '--out', 'x'], 'give one of'],
    [['--pipe', '--truth', 'x'], '--truth goes with --out'],
    [['--out', 'x', '--fault', 'freeze@1'], '--fault goes with --pipe'],
    [['--pipe', '--fault', 'burn@1'], 'KIND@SECONDS'],
    [['--pipe', '--family', 'moon'], 'allowed: street'],
  ])('refuses %o with 64', async (args, expected) => {
    const { code, stderr } = await sim('camera', ...args);
    expect(code).toBe(64);
    expect(stderr).toContain(expected);
    expect(await readdir(dir)).toEqual([]);
  });

  it('names a file it cannot write, with 73', async () => {
    const { code, stderr } = await sim('camera', ...SMALL, '--frames', '2', '--out', 'none/x.mjpeg');
    expect(code).toBe(73);
    expect(stderr).toContain('none/x.mjpeg');
  });
});

describe('vedette sim export', () => {
  it('writes pictures with a truth in the layout of COCO', async () => {
    const { code, stdout } = await sim('export', '--out', 'scenes', '--count', '3', '--size', '160x120', '--json');
    expect(code).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary.images).toBe(3);
    const truth = JSON.parse(await readFile(join(dir, summary.annotationsPath), 'utf8'));
    expect(truth.images).toHaveLength(3);
    expect(truth.annotations).toHaveLength(summary.annotations);
    expect((await stat(join(dir, 'scenes', 'images'))).isDirectory()).toBe(true);
  });
});
