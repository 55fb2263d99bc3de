import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { decodePipeHeader } from '../../../edge/capture/sim/pipe-format.js';
import { type CameraFault, parseCameraFault } from '../../../firmware-sim/camera/fault.js';
import { type CameraPipeOptions, runCameraPipe } from '../../../firmware-sim/camera/pipe.js';
import { PIPE_HEADER_BYTES } from '../../../firmware-sim/camera/pipe-frame.js';
import { SceneCamera } from '../../../firmware-sim/scene/scene-camera.js';

const SIZE = { widthPx: 64, heightPx: 48 };
const FRAME_BYTES = PIPE_HEADER_BYTES + 64 * 48 * 3;

function start(options: Partial<CameraPipeOptions> & { readonly output: Writable }) {
  const clock = new SimulatedClock();
  const stop = new AbortController();
  const ended = runCameraPipe({ seed: 5, fps: 10, ...SIZE, clock, signal: stop.signal, ...options });
  return { clock, stop, ended };
}

/** Lets the pipe's loop run until it sleeps again. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function framesOf(seconds: number, fault?: CameraFault): Promise<Buffer[]> {
  const output = new PassThrough({ highWaterMark: 64 * FRAME_BYTES });
  const { clock, stop, ended } = start({ output, ...(fault === undefined ? {} : { fault }) });
  await settle();
  for (let i = 0; i < seconds * 10 - 1; i++) {
    await clock.advance(100);
    await settle();
  }
  stop.abort();
  await ended;
  const bytes = Buffer.concat(await output.toArray());
  expect(bytes.length % FRAME_BYTES).toBe(0);
  return Array.from({ length: bytes.length / FRAME_BYTES }, (_, i) =>
    bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
  );
}

describe('camera pipe', () => {
  it('writes frames the edge can read, one per period, with the pixels of the scene camera', async () => {
    const frames = await framesOf(1);
    const camera = new SceneCamera({ seed: 5, fps: 10, ...SIZE, difficulty: 'demo' });
    expect(frames.length).toBe(10);
    for (const [index, frame] of frames.entries()) {
      const header = decodePipeHeader(frame);
      expect(header).toMatchObject({ ...SIZE, index, payloadBytes: 64 * 48 * 3 });
      expect(frame.subarray(PIPE_HEADER_BYTES).equals(camera.frame(index).rgb)).toBe(true);
    }
  });

  it('repeats one picture bit for bit once it is frozen, with new times', async () => {
    const frames = await framesOf(2, { kind: 'freeze', atS: 1 });
    const payload = (index: number) => frames[index]?.subarray(PIPE_HEADER_BYTES).toString('latin1');
    expect(payload(9)).not.toBe(payload(10));
    expect(new Set([10, 11, 15, 19].map(payload)).size).toBe(1);
    const times = frames.map((frame) => frame.readDoubleLE(16));
    expect(new Set(times).size).toBe(times.length);
  });

  it('writes what is no frame once it is broken', async () => {
    const frames = await framesOf(2, { kind: 'garbage', atS: 1 });
    expect(frames.slice(0, 10).every((frame) => typeof decodePipeHeader(frame) === 'object')).toBe(true);
    expect(frames.slice(10).every((frame) => typeof decodePipeHeader(frame) === 'string')).toBe(true);
  });

  it('ends when its cable is pulled', async () => {
    const output = new PassThrough({ highWaterMark: 64 * FRAME_BYTES });
    const { clock, ended } = start({ output, fault: { kind: 'unplug', atS: 0.5 } });
    for (let i = 0; i < 8; i++) {
      await settle();
      await clock.advance(100);
    }
    await expect(ended).resolves.toEqual({ reason: 'unplugged', frames: 5, skipped: 0 });
    expect(output.writableEnded).toBe(true);
  });

  it('skips frames while nobody reads instead of queueing them', async () => {
    let release = (): void => {};
    const output = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        release = done;
      },
    });
    const { clock, stop, ended } = start({ output });
    for (let i = 0; i < 30; i++) {
      await settle();
      await clock.advance(100);
    }
    expect(output.writableLength).toBe(FRAME_BYTES);
    release();
    await settle();
    stop.abort();
    release();
    const end = await ended;
    expect(end).toMatchObject({ reason: 'stopped', frames: 2 });
    expect(end.skipped).toBeGreaterThan(25);
  });

  it('ends quietly when its reader goes away', async () => {
    const output = new PassThrough({ highWaterMark: 64 * FRAME_BYTES });
    const { clock, ended } = start({ output });
    await settle();
    output.destroy(new Error('EPIPE'));
    await settle();
    await clock.advance(100);
    await expect(ended).resolves.toMatchObject({ reason: 'closed' });
  });
});

describe('camera fault', () => {
  it.each(['unplug@3', 'freeze@0.5', 'garbage@12'])('reads %s', (text) => {
    const [kind, atS] = text.split('@');
    expect(parseCameraFault(text)).toEqual({ kind, atS: Number(atS) });
  });

  it.each(['', 'freeze', 'melt@3', 'freeze@', 'freeze@-1', 'freeze@3s'])(
    'refuses %j and names the right form',
    (text) => {
      expect(() => parseCameraFault(text)).toThrow(/KIND@SECONDS/);
    },
  );
});
