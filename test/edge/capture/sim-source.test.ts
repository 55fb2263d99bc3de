import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { parseSource, type SourceConfig } from '../../../edge/capture/config.js';
import { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import { decodePipeHeader, PIPE_HEADER_BYTES } from '../../../edge/capture/sim/pipe-format.js';
import { SimSource } from '../../../edge/capture/sim/sim-source.js';
import { makeFrameSource } from '../../../edge/capture/source-factory.js';
import { frameSourceContract } from './frame-source-contract.js';
import { isRunning } from './processes.js';

const never = new AbortController().signal;
const standIn = resolve('test/data/bin/pipe-camera.mjs');

function camera(mode: string, count = 1_000_000, options: Partial<Extract<SourceConfig, { driver: 'sim' }>> = {}) {
  const config = { driver: 'sim' as const, seed: '5', widthPx: 32, heightPx: 24, fps: 100, ...options };
  const command = [process.execPath, standIn, mode, String(count)];
  return new SimSource(config, command, new SystemClock(), new FrameBuffers());
}

async function errorOf(subject: SimSource): Promise<unknown> {
  try {
    await subject.open(never);
    for (let i = 0; i < 100; i++) await subject.read(never);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await subject.close();
  }
}

frameSourceContract('the sim driver', () => ({ make: () => camera('good'), makeSlow: () => camera('hang') }));

describe('frames', () => {
  test('have the size and seed asked for, pixels as they were sent', async () => {
    const subject = camera('good', 10, { widthPx: 20, heightPx: 18, seed: '7' });
    await subject.open(never);
    await subject.read(never);
    const frame = await subject.read(never);
    await subject.close();
    if (frame?.picture.kind !== 'rgb') throw new Error('no picture');
    expect([frame.picture.widthPx, frame.picture.heightPx]).toEqual([20, 18]);
    expect(frame.picture.data.every((value) => value === 8)).toBe(true);
  });

  test('that the camera skipped are gaps in the index', async () => {
    const subject = camera('skips', 5);
    await subject.open(never);
    expect([(await subject.read(never))?.index, (await subject.read(never))?.index]).toEqual([0, 2]);
    await subject.close();
  });

  test('use the argv of the configuration instead of the built-in simulator', async () => {
    const argv = [process.execPath, standIn, 'good', '3'];
    const config = { ...parseSource('sim:1'), argv };
    const parts = { clock: new SystemClock(), buffers: new FrameBuffers(), simCommand: ['/no/such/program'] };
    const subject = makeFrameSource(config, parts);
    await subject.open(never);
    // Nothing is added to an argv of one's own: the stand-in keeps its default size.
    expect((await subject.read(never))?.picture).toMatchObject({ widthPx: 32, heightPx: 24 });
    await subject.close();
  });
});

describe('faults', () => {
  test.each([
    ['good', 'camera-unplugged', 'exit code 0'],
    ['half', 'camera-unplugged', 'exit code 0'],
    ['stderr', 'camera-unplugged', 'exit code 3 (sensor lost)'],
    ['bad-magic', 'camera-garbage', 'no frame header'],
    ['text', 'camera-garbage', 'no frame header'],
    ['bad-format', 'camera-garbage', 'pixel format 9'],
    ['bad-length', 'camera-garbage', '4000000000 bytes for 32x24 pixels'],
  ])('a camera of mode %s: %s (%s)', async (mode, code, words) => {
    const error = await errorOf(camera(mode, 4));
    expect(error).toMatchObject({ code, transient: true });
    expect(String(error)).toContain(words);
  });

  test('a program that is not there is a missing program', async () => {
    const error = await errorOf(camera('good', 1, { argv: ['/no/such/camera'] }));
    expect(error).toMatchObject({ code: 'missing-program' });
    expect(String(error)).toContain('/no/such/camera');
  });

  test('a program that may not be run is refused', async () => {
    const error = await errorOf(camera('good', 1, { argv: [resolve('package.json')] }));
    expect(error).toMatchObject({ code: 'camera-refused' });
  });

  test('a program that is killed is unplugged', async () => {
    const subject = camera('good');
    await subject.open(never);
    await subject.read(never);
    const pid = subject.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await expect(
      (async () => {
        for (;;) await subject.read(never);
      })(),
    ).rejects.toMatchObject({ code: 'camera-unplugged', message: expect.stringContaining('SIGKILL') });
    await subject.close();
    expect(isRunning(pid)).toBe(false);
  });
});

describe('the header of a frame', () => {
  function header(change: (view: DataView) => void = () => {}): Uint8Array {
    const bytes = new Uint8Array(PIPE_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode('VDF1'));
    view.setUint16(4, 640, true);
    view.setUint16(6, 480, true);
    view.setUint8(8, 1);
    view.setFloat64(16, 1_789_000_000_000.5, true);
    view.setUint32(24, 42, true);
    view.setUint32(28, 640 * 480 * 3, true);
    change(view);
    return bytes;
  }

  test('is read from its fixed places', () => {
    expect(decodePipeHeader(header())).toEqual({
      widthPx: 640,
      heightPx: 480,
      capturedAtMs: 1_789_000_000_000.5,
      index: 42,
      payloadBytes: 921_600,
    });
  });

  test('is read from any place in a larger buffer', () => {
    const larger = new Uint8Array(100);
    larger.set(header(), 3);
    expect(decodePipeHeader(larger.subarray(3, 35))).toMatchObject({ index: 42 });
  });

  test.each<[string, (view: DataView) => void]>([
    ['another magic', (view) => view.setUint8(0, 0)],
    ['width 0', (view) => view.setUint16(4, 0, true)],
    [
      'more pixels than allowed',
      (view) => {
        view.setUint16(4, 16_384, true);
        view.setUint16(6, 16_384, true);
        view.setUint32(28, 16_384 * 16_384 * 3, true);
      },
    ],
    [
      'a side longer than allowed',
      (view) => {
        view.setUint16(4, 65_535, true);
        view.setUint16(6, 1, true);
        view.setUint32(28, 65_535 * 3, true);
      },
    ],
    ['a payload of another length', (view) => view.setUint32(28, 921_599, true)],
    ['reserved bytes in use', (view) => view.setUint8(15, 1)],
    ['no number for a time', (view) => view.setFloat64(16, Number.NaN, true)],
    ['a time before 1970', (view) => view.setFloat64(16, -1, true)],
  ])('with %s is none', (_, change) => {
    expect(typeof decodePipeHeader(header(change))).toBe('string');
  });

  test('cut short is none', () => {
    expect(typeof decodePipeHeader(header().subarray(0, 31))).toBe('string');
  });
});
