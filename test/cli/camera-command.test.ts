import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRpicamList, rpicamCameras, v4l2Cameras } from '../../cli/camera/attached-cameras.js';
import { runVedette } from './vedette-process.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-camera-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('vedette camera list', () => {
  it('names the video devices of the kernel, those that give pictures', async () => {
    const device = async (name: string, index: string, label: string) => {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, 'name'), `${label}\n`);
      await writeFile(join(dir, name, 'index'), `${index}\n`);
    };
    await device('video10', '0', 'bcm2835-codec-decode');
    await device('video0', '0', 'HD Pro Webcam C920');
    await device('video1', '1', 'HD Pro Webcam C920');
    await device('v4l-subdev0', '0', 'unicam');
    expect(await v4l2Cameras(dir)).toEqual([
      { source: 'v4l2:/dev/video0', name: 'HD Pro Webcam C920' },
      { source: 'v4l2:/dev/video10', name: 'bcm2835-codec-decode' },
    ]);
    expect(await v4l2Cameras(join(dir, 'nothing'))).toEqual([]);
  });

  it('reads what rpicam-vid lists', async () => {
    const text = `Available cameras
-----------------
0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
                             4608x2592 [14.35 fps - (0, 0)/4608x2592 crop]

1 : ov5647 [2592x1944] (/base/soc/i2c0mux/i2c@0/ov5647@36)`;
    expect(parseRpicamList(text)).toEqual([
      { source: 'rpicam:0', name: 'imx708 4608x2592 10-bit RGGB' },
      { source: 'rpicam:1', name: 'ov5647 2592x1944' },
    ]);
    expect(await rpicamCameras('no-such-rpicam')).toEqual([]);
  });

  it('is an object for programs', async () => {
    const { code, stdout } = await runVedette(['camera', 'list', '--json'], { cwd: dir });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ cameras: expect.any(Array) });
  });
});

describe('vedette camera test', () => {
  it('measures a camera and writes a frame of it', async () => {
    const args = ['camera', 'test', 'sim:7', '--seconds', '2', '--out', 'frame.png', '--json'];
    const { code, stdout, stderr } = await runVedette(args, { cwd: dir });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ source: 'sim:7', widthPx: 640, heightPx: 480, picture: 'frame.png' });
    expect(result.frames).toBeGreaterThan(3);
    const png = await readFile(join(dir, 'frame.png'));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
  });

  it.each([
    ['v4l2:/dev/video99', 69, /video99/],
    ['file:nothing.mjpeg', 69, /nothing\.mjpeg/],
    ['rtsp://me:secret@10.0.0.1/x', 78, /passwordFile/],
    ['nonsense', 78, /sim:SEED/],
  ])('%s ends with one clear line', async (source, exitCode, words) => {
    const { code, stderr } = await runVedette(['camera', 'test', source, '--seconds', '1'], { cwd: dir });
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(exitCode);
  });
});
