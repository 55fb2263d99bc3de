import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import type { SourceConfig } from '../../../edge/capture/config.js';
import { parseSource, SourceConfig as Source } from '../../../edge/capture/config.js';
import { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import { ffmpegArgs } from '../../../edge/capture/stream/ffmpeg-args.js';
import type { StreamSourceConfig } from '../../../edge/capture/stream/stream-config.js';
import { readFfmpegWords } from '../../../edge/capture/stream/stream-fault.js';
import { StreamSource } from '../../../edge/capture/stream/stream-source.js';
import { eventually } from '../../eventually.js';
import { describeWithProgram } from '../../fixtures.js';
import { frameSourceContract } from './frame-source-contract.js';
import { MjpegServer } from './mjpeg-server.js';
import { isRunning } from './processes.js';
import { RtspServer } from './rtsp-server.js';

const never = new AbortController().signal;

function streamConfig(source: string | Record<string, unknown>): StreamSourceConfig {
  const config: SourceConfig = Source.parse(source);
  if (config.driver === 'rtsp' || config.driver === 'http' || config.driver === 'v4l2') return config;
  throw new Error(`${config.driver} is no stream`);
}

const open = (source: string | Record<string, unknown>) =>
  new StreamSource(streamConfig(source), new SystemClock(), new FrameBuffers());

describe('the configuration of a stream', () => {
  test.each([
    ['rtsp://10.0.0.9:554/live?x=1', { driver: 'rtsp', transport: 'tcp', widthPx: 640, fps: 10, decoder: 'software' }],
    ['rtsps://10.0.0.9/live', { driver: 'rtsp' }],
    ['http://cam.local/video.mjpg', { driver: 'http', timeoutMs: 5000 }],
    ['v4l2:/dev/video0', { driver: 'v4l2', device: '/dev/video0', format: 'any' }],
    ['rpicam:1', { driver: 'rpicam', camera: 1, widthPx: 640, heightPx: 480 }],
  ])('%s is a short form', (text, expected) => {
    expect(parseSource(text)).toMatchObject(expected);
  });

  test.each([
    ['rtsp://user:secret@10.0.0.9/live', /passwordFile/],
    ['rtsp:nonsense', /address with rtsp/],
    ['http:', /a source is/],
    ['v4l2:/etc/passwd', /below \/dev/],
    ['v4l2:/dev/../etc/passwd', /below \/dev/],
    ['rpicam:eleven', /a source is/],
  ])('%s is refused and told', (text, message) => {
    expect(() => parseSource(text)).toThrow(message);
  });

  test.each([
    { driver: 'rpicam', widthPx: 650 },
    { driver: 'rpicam', options: ['; rm -rf /'] },
    { driver: 'rpicam', options: ['-o'] },
    { driver: 'rtsp', url: 'rtsp://h/', program: 'ffmpeg -x' },
    { driver: 'rtsp', url: 'file:///etc/passwd' },
  ])('%j is refused', (source) => {
    expect(Source.safeParse(source).success).toBe(false);
  });

  test('a password goes into the address escaped, and decoders where ffmpeg takes them', () => {
    const config = streamConfig({ driver: 'rtsp', url: 'rtsp://h/a', username: 'me', decoder: 'h264_v4l2m2m' });
    const args = ffmpegArgs(config, 'p@ss/word');
    expect(args).toContain('rtsp://me:p%40ss%2Fword@h/a');
    expect(args.join(' ')).toContain('-c:v h264_v4l2m2m');
    expect(args.indexOf('-rtsp_transport')).toBeLessThan(args.indexOf('-i'));
    const auto = ffmpegArgs(streamConfig({ driver: 'http', url: 'http://h/a', decoder: 'auto' }));
    expect(auto.join(' ')).toContain('-hwaccel auto');
  });
});

describe("ffmpeg's last words", () => {
  test.each([
    ['method DESCRIBE failed: 401 Unauthorized; rtsp://***@h/a: Server returned 401', 'camera-refused'],
    ['/dev/video9: No such file or directory', 'camera-unplugged'],
    ['[video4linux2] Cannot open video device /dev/video0: Permission denied', 'camera-refused'],
    ['/dev/video0: Device or resource busy', 'camera-refused'],
    ['ioctl(VIDIOC_QUERYCAP): Inappropriate ioctl for device; /dev/null: ...', 'camera-refused'],
    ['[video4linux2] /dev/video1: Not a video capture device.', 'camera-refused'],
    ['Connection to tcp://10.0.0.9:554?timeout=1 failed: Connection refused', 'camera-unplugged'],
    ['rtsp://h/a: Connection timed out', 'camera-frozen'],
    ['http://h/a: Invalid data found when processing input', 'camera-garbage'],
    ["Unknown decoder 'h264_v4l2m2m'", 'camera-refused'],
    ['', 'camera-unplugged'],
  ])('%j', (words, code) => {
    expect(readFfmpegWords(words).code).toBe(code);
  });
});

test('without ffmpeg the error names the program and how to get it', async () => {
  const source = open({ driver: 'rtsp', url: 'rtsp://127.0.0.1:9/x', program: 'no-such-ffmpeg' });
  await expect(source.open(never)).rejects.toMatchObject({
    code: 'missing-program',
    hint: expect.stringContaining('apt install ffmpeg'),
  });
});

test('a password does not get out by a long address, of which the last words are only the end', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vedette-words-'));
  const program = join(dir, 'ffmpeg');
  // Says the address it was given, as ffmpeg does.
  const script = '#!/bin/sh\nwhile [ "$1" != -i ]; do shift; done\necho "$2: Connection refused" >&2\nexit 1\n';
  await writeFile(program, script, { mode: 0o755 });
  const passwordFile = join(dir, 'password');
  await writeFile(passwordFile, 's3cretword\n', { mode: 0o600 });
  try {
    for (const length of [140, 155, 160, 162, 164, 170]) {
      const url = `rtsp://me@h/${'x'.repeat(length)}`;
      const source = open({ driver: 'rtsp', url, program, passwordFile });
      await source.open(never);
      const error: unknown = await source.read(never).catch((thrown: unknown) => thrown);
      await source.close();
      expect(error).toMatchObject({ code: 'camera-unplugged', message: expect.stringContaining('refused') });
      expect(String(error)).not.toMatch(/cretword/);
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});

describeWithProgram('ffmpeg', 'a camera that speaks RTSP', () => {
  const scene = (size: string) => ['-f', 'lavfi', '-i', `testsrc=size=${size}:rate=20`];
  let server: RtspServer;
  let dir = '';
  const opened: StreamSource[] = [];
  const openHere = (more: Record<string, unknown> = {}) => {
    const source = open({ driver: 'rtsp', url: server.url, timeoutMs: 1500, fps: 20, ...more });
    opened.push(source);
    return source;
  };
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-rtsp-'));
    server = await RtspServer.start({ input: scene('320x240') });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((source) => source.close()));
    server.breakBy('none');
  });
  afterAll(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });

  frameSourceContract('the RTSP driver', () => ({ make: () => openHere() }));

  test('gives frames of the size it shows, shrunk to the width asked for and never enlarged', async () => {
    const whole = openHere();
    await whole.open(never);
    expect((await whole.read(never))?.picture).toMatchObject({ kind: 'rgb', widthPx: 320, heightPx: 240 });
    const small = openHere({ widthPx: 160 });
    await small.open(never);
    expect((await small.read(never))?.picture).toMatchObject({ widthPx: 160, heightPx: 120 });
  });

  test('takes no more frames a second than asked for', async () => {
    const source = openHere({ fps: 5 });
    await source.open(never);
    await source.read(never);
    const startedMs = performance.now();
    for (let i = 0; i < 10; i++) await source.read(never);
    expect(performance.now() - startedMs).toBeGreaterThan(1500);
  });

  test('a stall is told as frozen, in the time allowed', async () => {
    const source = openHere();
    await source.open(never);
    await source.read(never);
    server.breakBy('stall');
    const reading = (async () => {
      for (;;) await source.read(never);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'camera-frozen' });
  });

  test('a disconnect, and half a packet at the end, are told as unplugged; the next life sees again', async () => {
    for (const end of [() => server.disconnectAll(), () => server.breakBy('half')]) {
      const source = openHere();
      await source.open(never);
      await source.read(never);
      end();
      const reading = (async () => {
        for (;;) await source.read(never);
      })();
      await expect(reading).rejects.toMatchObject({ code: expect.stringMatching(/unplugged|garbage/) });
      server.breakBy('none');
    }
    const again = openHere();
    await again.open(never);
    expect(await again.read(never)).toBeDefined();
  });

  test('garbage in the packets gives no picture of another size and no crash', async () => {
    const source = openHere();
    await source.open(never);
    await source.read(never);
    server.breakBy('garbage');
    await new Promise((resolve) => setTimeout(resolve, 500));
    server.breakBy('none');
    const frame = await source.read(never).catch((error: unknown) => error);
    if (!(frame instanceof Error)) expect(frame).toMatchObject({ picture: { widthPx: 320 } });
  });

  test('a change of size in the stream gives frames of the new size, or a new life does', async () => {
    const own = await RtspServer.start({ input: scene('320x240') });
    try {
      const source = open({ driver: 'rtsp', url: own.url, timeoutMs: 1500, fps: 20 });
      opened.push(source);
      await source.open(never);
      await source.read(never);
      await own.encode(scene('160x120'));
      const sees = async (subject: StreamSource) => {
        for (let i = 0; i < 60; i++) {
          const frame = await subject.read(never).catch(() => undefined);
          if (frame?.picture.kind === 'rgb' && frame.picture.widthPx === 160) return true;
          if (frame === undefined) return false;
        }
        return false;
      };
      if (await sees(source)) return;
      const next = open({ driver: 'rtsp', url: own.url, timeoutMs: 1500, fps: 20 });
      opened.push(next);
      await next.open(never);
      expect(await sees(next)).toBe(true);
    } finally {
      await own.close();
    }
  });

  test('a wrong password is refused and told with a hint, a right one is taken, neither is in the error', async () => {
    const own = await RtspServer.start({ input: scene('320x240'), credentials: 'me:s3cret/word' });
    const good = join(dir, 'good');
    const bad = join(dir, 'bad');
    await writeFile(good, 's3cret/word\n');
    await writeFile(bad, 'wr0ng\n');
    await Promise.all([good, bad].map((path) => chmod(path, 0o600)));
    try {
      const login = { driver: 'rtsp', url: own.url, username: 'me', timeoutMs: 3000 };
      const right = open({ ...login, passwordFile: good });
      opened.push(right);
      await right.open(never);
      expect(await right.read(never)).toBeDefined();
      const wrong = open({ ...login, passwordFile: bad });
      opened.push(wrong);
      await wrong.open(never);
      const error: unknown = await wrong.read(never).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'camera-refused', hint: expect.stringContaining('passwordFile') });
      expect(String(error)).not.toContain('wr0ng');
    } finally {
      await own.close();
    }
  });

  test.each([
    ['a path that is not there', '/nothing', 'camera-refused'],
    ['a port where nobody listens', undefined, 'camera-unplugged'],
  ])('%s', async (_, path, code) => {
    const url = path === undefined ? 'rtsp://127.0.0.1:9/stream' : server.url.replace('/stream', path);
    const source = open({ driver: 'rtsp', url, timeoutMs: 1500 });
    opened.push(source);
    await source.open(never);
    await expect(source.read(never)).rejects.toMatchObject({ code });
  });

  test('a process that is killed takes its ffmpeg with it', async () => {
    const script = join(dir, 'killed.mjs');
    const build = new URL('../../../dist/edge/capture/', import.meta.url).pathname;
    await writeFile(
      script,
      `import { StreamSource } from '${build}stream/stream-source.js';
import { SourceConfig } from '${build}config.js';
import { FrameBuffers } from '${build}frame-buffers.js';
import { SystemClock } from '${build}../../base/clock.js';
const source = new StreamSource(SourceConfig.parse({ driver: 'rtsp', url: '${server.url}', timeoutMs: 1500 }), new SystemClock(), new FrameBuffers());
await source.open(AbortSignal.timeout(20000));
await source.read(AbortSignal.timeout(20000));
console.log(source.pid);
for (;;) await source.read(AbortSignal.timeout(20000));
`,
    );
    const child = execFile(process.execPath, [script]);
    let out = '';
    child.stdout?.on('data', (chunk: string) => {
      out += chunk;
    });
    await eventually(() => /\d+\n/.test(out), 'a frame', 20_000);
    const pid = Number(out.trim());
    expect(isRunning(pid)).toBe(true);
    child.kill('SIGKILL');
    await eventually(() => !isRunning(pid), 'the end of ffmpeg');
  });
});

describeWithProgram('ffmpeg', 'a camera that speaks HTTP', () => {
  let server: MjpegServer;
  const opened: StreamSource[] = [];
  const openHere = async (more: Record<string, unknown> = {}) => {
    const source = open({ driver: 'http', url: server.url, timeoutMs: 1500, fps: 100, ...more });
    opened.push(source);
    await source.open(never);
    return source;
  };
  const readOn = async (source: StreamSource) => {
    for (;;) await source.read(never);
  };
  beforeAll(async () => {
    server = await MjpegServer.start({ fps: 10 });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((source) => source.close()));
    server.breakBy('none');
    await server.show(160, 120);
  });
  afterAll(() => server.close());

  frameSourceContract('the HTTP driver', () => ({
    make: () => open({ driver: 'http', url: server.url, timeoutMs: 5000, fps: 100 }),
  }));

  test('gives all it sends where it sends fewer than asked for', async () => {
    const slow = await MjpegServer.start({ fps: 5 });
    try {
      const source = await openHere({ url: slow.url, fps: 10 });
      await source.read(never);
      const before = slow.sent;
      for (let i = 0; i < 12; i++) await source.read(never);
      // On a busy machine some come at once, and one of them is taken.
      expect(slow.sent - before).toBeLessThan(24);
    } finally {
      await slow.close();
    }
  });

  test('gives no more than asked for where it sends more', async () => {
    const fast = await MjpegServer.start({ fps: 50 });
    try {
      const source = await openHere({ url: fast.url, fps: 5 });
      await source.read(never);
      const startedMs = performance.now();
      for (let i = 0; i < 10; i++) await source.read(never);
      expect(performance.now() - startedMs).toBeGreaterThan(1500);
    } finally {
      await fast.close();
    }
  });

  test('that stalls is frozen, in the time allowed', async () => {
    const source = await openHere();
    await source.read(never);
    server.breakBy('stall');
    await expect(readOn(source)).rejects.toMatchObject({ code: 'camera-frozen' });
  });

  test('that is cut off, or ends in the middle of a picture, is unplugged; the next life sees again', async () => {
    for (const end of [() => server.disconnectAll(), () => server.breakBy('half')]) {
      const source = await openHere();
      await source.read(never);
      end();
      await expect(readOn(source)).rejects.toMatchObject({ code: 'camera-unplugged' });
      server.breakBy('none');
    }
    expect(await (await openHere()).read(never)).toBeDefined();
  });

  test('that sends garbage gives no pictures of it, and pictures again when it is well', async () => {
    const source = await openHere();
    await source.read(never);
    server.breakBy('garbage');
    const before = server.sent;
    await eventually(() => server.sent - before > 5, 'some garbage is sent');
    server.breakBy('none');
    const frame = await source.read(never);
    expect(frame?.picture).toMatchObject({ widthPx: 160, heightPx: 120 });
  });

  test('that is set to another size goes on in the size it had: ffmpeg opens its output once', async () => {
    const source = await openHere();
    await source.read(never);
    await server.show(320, 180);
    const before = server.sent;
    while (server.sent - before < 8) {
      expect((await source.read(never))?.picture).toMatchObject({ widthPx: 160, heightPx: 120 });
    }
    expect((await (await openHere()).read(never))?.picture).toMatchObject({ widthPx: 320, heightPx: 180 });
  });

  test('that asks for a password refuses a wrong one, with a hint and without telling it', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vedette-http-'));
    const own = await MjpegServer.start({ fps: 10, credentials: 'me:s3cret/word' });
    try {
      const login = async (password: string) => {
        const passwordFile = join(dir, 'password');
        await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
        return openHere({ url: own.url, username: 'me', passwordFile });
      };
      expect(await (await login('s3cret/word')).read(never)).toBeDefined();
      const error: unknown = await (await login('wr0ng')).read(never).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'camera-refused', hint: expect.stringContaining('passwordFile') });
      expect(String(error)).not.toContain('wr0ng');
    } finally {
      await own.close();
      await rm(dir, { recursive: true });
    }
  });

  test('has no such path, or does not listen', async () => {
    const lost = await openHere({ url: server.url.replace('video', 'nothing') });
    await expect(lost.read(never)).rejects.toMatchObject({ code: 'camera-refused' });
    const away = await openHere({ url: 'http://127.0.0.1:9/video.mjpg' });
    await expect(away.read(never)).rejects.toMatchObject({ code: 'camera-unplugged' });
  });

  test('what is no video is garbage', async () => {
    const { createServer } = await import('node:http');
    const http = createServer((_, answer) => answer.end('<html>not a camera</html>'.repeat(100)));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const address = http.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const source = open({ driver: 'http', url: `http://127.0.0.1:${port}/` });
    try {
      await source.open(never);
      await expect(source.read(never)).rejects.toMatchObject({ code: 'camera-garbage' });
    } finally {
      await source.close();
      http.close();
    }
  });
});

describeWithProgram('ffmpeg', 'a V4L2 device', () => {
  test('that is not there is unplugged', async () => {
    const source = open('v4l2:/dev/video99');
    await source.open(never);
    await expect(source.read(never)).rejects.toMatchObject({ code: 'camera-unplugged' });
    await source.close();
  });
});
