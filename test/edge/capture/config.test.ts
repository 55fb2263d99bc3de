import { describe, expect, test } from 'vitest';
import { OperationError } from '../../../base/errors.js';
import { parseSource, SourceConfig, sourceTraits } from '../../../edge/capture/config.js';

describe('short forms', () => {
  test('say driver and seed, path or device; the rest is the default', () => {
    expect(parseSource('sim:7')).toEqual({ driver: 'sim', seed: '7', widthPx: 640, heightPx: 480, fps: 10 });
    expect(parseSource('file:clip.mjpeg')).toEqual({ driver: 'file', path: 'clip.mjpeg', loop: true, fps: 'source' });
    expect(parseSource('file:C:/a:b.mp4')).toMatchObject({ path: 'C:/a:b.mp4' });
    expect(parseSource('webcam:/dev/video0')).toMatchObject({ device: '/dev/video0', fps: 1, program: 'fswebcam' });
  });

  test.each(['', 'sim', 'sim:', 'file:', ':x', 'ftp://camera/1', '/dev/video0', 'SIM:1'])(
    '%j is refused with what is allowed',
    (text) => {
      expect(() => parseSource(text)).toThrow(OperationError);
      expect(() => parseSource(text)).toThrow('sim:SEED, file:PATH, webcam:/dev/videoN');
    },
  );
});

describe('a device', () => {
  test.each(['/dev/video0', '/dev/v4l/by-id/usb-046d_C920-video-index0', 'TEST:'])('%s is taken', (device) => {
    expect(parseSource(`webcam:${device}`)).toMatchObject({ device });
  });

  test.each([
    '/dev/video0; rm -rf /',
    '/dev/video0 -x',
    '/dev/$(id)',
    '/dev/`id`',
    '/dev/../etc/passwd',
    '/dev/a/../../etc/passwd',
    '/etc/passwd',
    '-d',
    'FILE:/etc/passwd',
    '/dev/video0\n',
    '/dev/',
  ])('%j is refused', (device) => {
    expect(() => parseSource(`webcam:${device}`)).toThrow('a path below /dev');
  });

  test.each(['fswebcam -x', 'fs;id', '-x', '$(id)', ''])('program %j is refused', (program) => {
    expect(SourceConfig.safeParse({ driver: 'webcam', device: '/dev/video0', program }).success).toBe(false);
  });
});

describe('object forms', () => {
  const problems = (value: unknown) => {
    const result = SourceConfig.safeParse(value);
    return result.success ? [] : result.error.issues.map((issue) => issue.path.join('.'));
  };

  test('fps of a file is a number, source or max', () => {
    for (const fps of [5, 'source', 'max']) expect(problems({ driver: 'file', path: 'x', fps })).toEqual([]);
    for (const fps of [0, -1, 1000, 'fast']) expect(problems({ driver: 'file', path: 'x', fps })).toEqual(['fps']);
  });

  test('all problems are told at once, an unknown key among them', () => {
    const value = { driver: 'sim', widthPx: 3, heightPx: 1.5, fps: 0 };
    expect(problems(value).sort()).toEqual(['fps', 'heightPx', 'seed', 'widthPx']);
    expect(problems({ driver: 'file', path: 'x', lop: true })).toHaveLength(1);
  });

  test('an unknown driver is told with the ones there are', () => {
    const result = SourceConfig.safeParse({ driver: 'onvif' });
    expect(result.error?.issues[0]?.message).toContain('one of sim, file, webcam, v4l2, rtsp, http, rpicam');
  });
});

test('the loop around a camera learns from the source what it cannot see', () => {
  expect(sourceTraits(parseSource('sim:1'))).toEqual({
    ...{ live: true, repeats: true, every: false, once: false, fps: 10 },
  });
  const program = SourceConfig.parse({ driver: 'sim', seed: '1', argv: ['./camera'] });
  expect(sourceTraits(program)).toMatchObject({ live: true, repeats: false });
  expect(sourceTraits(parseSource('http://a/b'))).toMatchObject({ live: true, repeats: false });
  expect(sourceTraits(parseSource('file:x'))).toEqual({
    live: false,
    repeats: true,
    every: false,
    once: false,
    fps: undefined,
  });
  const once = SourceConfig.parse({ driver: 'file', path: 'x', loop: false, fps: 'max' });
  expect(sourceTraits(once)).toEqual({ live: false, repeats: true, every: true, once: true, fps: undefined });
});
