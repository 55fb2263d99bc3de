import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRpicamList, rpicamCameras, v4l2Cameras } from '../../cli/camera/attached-cameras.js';
import { MjpegServer } from '../edge/capture/mjpeg-server.js';
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
    await device('video10', '0', 'UVC Camera (046d:0825)');
    await device('video0', '0', 'HD Pro Webcam C920');
    await device('video1', '1', 'HD Pro Webcam C920');
    await device('v4l-subdev0', '0', 'unicam');
    expect(await v4l2Cameras(dir)).toEqual([
      { source: 'v4l2:/dev/video0', name: 'HD Pro Webcam C920' },
      { source: 'v4l2:/dev/video10', name: 'UVC Camera (046d:0825)' },
    ]);
    expect(await v4l2Cameras(join(dir, 'nothing'))).toEqual([]);
  });

  it.each(['bcm2835-codec-decode', 'bcm2835-isp', 'rpi-hevc-dec', 'pispbe-input', 'unicam-image', 'rp1-cfe-csi2_ch0'])(
    'leaves %s out, which every Raspberry Pi has and which shows nothing',
    async (name) => {
      await mkdir(join(dir, 'video11'));
      await writeFile(join(dir, 'video11', 'name'), `${name}\n`);
      await writeFile(join(dir, 'video11', 'index'), '0\n');
      expect(await v4l2Cameras(dir)).toEqual([]);
    },
  );

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

  it('logs in at a camera that asks for it, with a password from a file', async () => {
    const camera = await MjpegServer.start({ fps: 20, credentials: 'me:s3cret' });
    const passwordFile = join(dir, 'password');
    await writeFile(passwordFile, 's3cret\n', { mode: 0o600 });
    const source = camera.url.replace('http://', 'http://me@');
    const look = (more: readonly string[]) =>
      runVedette(['camera', 'test', source, '--seconds', '1', '--json', ...more], { cwd: dir });
    try {
      const told = await look(['--password-file', passwordFile]);
      expect(told.stderr).toBe('');
      expect(JSON.parse(told.stdout)).toMatchObject({ source, widthPx: 160, heightPx: 120 });
      const refused = await look([]);
      expect(refused.code).toBe(69);
      expect(refused.stderr).toContain('401');
    } finally {
      await camera.close();
    }
  });

  it('refuses a password for a camera that asks for none', async () => {
    const args = ['camera', 'test', 'sim:7', '--password-file', 'password'];
    expect(await runVedette(args, { cwd: dir })).toMatchObject({ code: 78, stderr: expect.stringContaining('sim') });
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
