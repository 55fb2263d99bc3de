import { describe, expect, it } from 'vitest';
import { type CameraWord, FrameWatch, judgeFrames } from '../../monitor/frame-watch.js';
import { CAMERA_REASONS } from '../../protocol/camera-reasons.js';

const STALE_MS = 35_000;

function camera(frameAgeMs: number | null) {
  return { frameAgeMs, inferAgeMs: null, fps: 1 };
}

function verdict(frameAgeMs: number | null, word?: CameraWord) {
  return judgeFrames(
    { front: camera(frameAgeMs) },
    () => word,
    () => STALE_MS,
  );
}

describe('what a heartbeat says of its cameras', () => {
  it.each([
    ['a fresh frame', 100, { ok: true }, 'fresh'],
    ['a frame as old as allowed', STALE_MS, { ok: true }, 'fresh'],
    ['a frame older than that', STALE_MS + 1, { ok: true }, 'old'],
    ['an old frame of a camera that said nothing', STALE_MS + 1, undefined, 'old'],
    ['no frame of a camera that said nothing', null, undefined, 'awaited'],
    ['no frame of a camera that is well', null, { ok: true }, 'awaited'],
    ['a fresh frame of a camera that is said to start', 100, { ok: false, reason: 'starting' }, 'fresh'],
    ['an old frame of a camera that is said to start', 60_000, { ok: false, reason: 'starting' }, 'awaited'],
  ] as const)('%s', (_name, frameAgeMs, word, expected) => {
    expect(verdict(frameAgeMs, word).frames).toBe(expected);
  });

  it('knows of every reason whether it is an excuse', () => {
    const verdicts = CAMERA_REASONS.map((reason) => [reason, verdict(null, { ok: false, reason }).frames]);
    expect(Object.fromEntries(verdicts)).toEqual({
      starting: 'awaited',
      unplugged: 'fresh',
      frozen: 'fresh',
      garbage: 'fresh',
      ended: 'fresh',
      refused: 'fresh',
      paused: 'fresh',
      detector: 'awaited',
    });
  });

  it('asks it of every camera, and names those that show nothing', () => {
    const words: Record<string, CameraWord> = { side: { ok: false, reason: 'unplugged' } };
    const beat = { front: camera(100), side: camera(null), yard: camera(null) };
    const seen = judgeFrames(
      beat,
      (id) => words[id],
      () => STALE_MS,
    );
    expect(seen).toEqual({ frames: 'awaited', cameras: 'camera yard has shown no frame, camera side is unplugged' });
  });

  it('has nothing against a node without cameras', () => {
    expect(
      judgeFrames(
        {},
        () => undefined,
        () => STALE_MS,
      ),
    ).toEqual({ frames: 'fresh', cameras: '' });
  });
});

describe('the watch over frames', () => {
  it('takes no excuse over from the life before', () => {
    const watch = new FrameWatch(['cam1'], STALE_MS);
    watch.onCamera('cam1', 'front', { ok: false, reason: 'unplugged' });
    expect(watch.judge('cam1', 'one', { front: camera(null) }).frames).toBe('fresh');
    watch.onLife('cam1', 'two');
    expect(watch.judge('cam1', 'two', { front: camera(null) }).frames).toBe('awaited');
    watch.onCamera('cam1', 'front', { ok: false, reason: 'unplugged' });
    expect(watch.judge('cam1', 'two', { front: camera(null) }).frames).toBe('fresh');
  });

  it('knows how seldom a camera delivers: twelve frames must be missing', () => {
    const watch = new FrameWatch(['cam1'], STALE_MS);
    const cameras = { front: { driver: 'webcam', fps: 0.1, zones: [] }, side: { driver: 'sim', fps: 10, zones: [] } };
    expect(watch.onInfo('cam1', cameras)).toBe(120_000);
    expect(watch.judge('cam1', 'one', { front: camera(120_000), side: camera(1) }).frames).toBe('fresh');
    expect(watch.judge('cam1', 'one', { front: camera(120_001), side: camera(1) }).frames).toBe('old');
    expect(watch.judge('cam1', 'one', { front: camera(1), side: camera(35_001) }).frames).toBe('old');
  });

  it('is bounded: 64 cameras of a node, and no node outside the inventory', () => {
    const watch = new FrameWatch(['cam1'], STALE_MS);
    for (let i = 0; i < 65; i++) watch.onCamera('cam1', `c${i}`, { ok: false, reason: 'unplugged' });
    expect(watch.judge('cam1', 'one', { c63: camera(null) }).frames).toBe('fresh');
    expect(watch.judge('cam1', 'one', { c64: camera(null) }).frames).toBe('awaited');
    watch.onCamera('stranger', 'front', { ok: false, reason: 'unplugged' });
    expect(watch.judge('stranger', 'one', { front: camera(null) }).frames).toBe('awaited');
  });
});
