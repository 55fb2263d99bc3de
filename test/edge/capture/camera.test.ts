import { afterEach, describe, expect, test } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { Camera, type CameraStatus } from '../../../edge/capture/camera.js';
import type { SourceTraits } from '../../../edge/capture/config.js';
import { type Life, ScriptedSource, type Step } from './scripted-source.js';

const LIVE: SourceTraits = { live: true, repeats: false, every: false, once: false, fps: 10 };
const ONCE: SourceTraits = { live: false, repeats: true, every: false, once: true, fps: undefined };
const steady = (count = 1_000_000): Step => ({ do: 'frames', count, everyMs: 100 });

const running: { stop: AbortController; clock: SimulatedClock; done: Promise<void> }[] = [];
afterEach(async () => {
  for (const { stop, clock, done } of running.splice(0)) {
    stop.abort();
    await clock.advance(10_000);
    await done;
  }
});

/** A camera that lives the lives given, then the last of them again and again; `told` are its states. */
function start(lives: readonly Life[], traits = LIVE) {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const statuses: CameraStatus[] = [];
  const sources: ScriptedSource[] = [];
  const openedAtMs: number[] = [];
  const camera = new Camera({
    id: 'front',
    makeSource: (buffers) => {
      const source = new ScriptedSource(
        lives[Math.min(sources.length, lives.length - 1)] ?? { steps: [] },
        clock,
        buffers,
      );
      sources.push(source);
      openedAtMs.push(clock.monoMs());
      return source;
    },
    traits,
    clock,
    random: new Random('camera'),
    log: silentLog,
    onState: (status) => {
      told.push(status.ok ? 'ok' : (status.reason ?? '?'));
      statuses.push(status);
    },
  });
  const stop = new AbortController();
  const done = camera.run(stop.signal);
  running.push({ stop, clock, done });
  return { camera, clock, told, statuses, sources, openedAtMs, stop, done };
}

describe('a camera that works', () => {
  test('tells ok once, its rate and the age of its newest frame', async () => {
    const { camera, clock, told } = start([{ steps: [steady(150)] }]);
    expect(camera.status()).toMatchObject({ ok: false, reason: 'starting', fps: 0, frameAgeMs: null });
    await clock.advance(15_040);
    expect(told).toEqual(['ok']);
    expect(camera.status()).toMatchObject({ ok: true, reason: undefined, detail: undefined, frameAgeMs: 40 });
    expect(camera.status().fps).toBeCloseTo(10, 0);
  });

  test('drops frames nobody takes, newest wins, and counts them', async () => {
    const { camera, clock } = start([{ steps: [steady(50)] }]);
    await clock.advance(5000);
    expect((await camera.slot.take(new AbortController().signal))?.index).toBe(49);
    expect(camera.counters()).toMatchObject({ frames: 50, replaced: 49, restarts: 0 });
  });

  test('gives every frame where every frame is to be seen, at the pace of the taker', async () => {
    const life: Life = { steps: [{ do: 'frames', count: 20, everyMs: 0 }, { do: 'end' }] };
    const { camera, clock, done } = start([life], { ...ONCE, every: true });
    const seen: number[] = [];
    const taking = (async () => {
      for (;;) {
        const frame = await camera.slot.take(new AbortController().signal);
        if (frame === undefined) return;
        seen.push(frame.index);
        await clock.sleep(7000);
      }
    })();
    await clock.advance(200_000);
    await taking;
    await done;
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    // A slow taker is not a stalled camera.
    expect(camera.counters()).toMatchObject({ frames: 20, replaced: 0, restarts: 0 });
  });
});

describe('an unplugged camera', () => {
  const dead: Life = { open: 'camera-unplugged', steps: [] };

  test('is told once, tried again with growing delays up to 30 s, and told when it is back', async () => {
    const lives = [{ steps: [steady(20), { do: 'fail' as const, code: 'camera-unplugged' as const }] }];
    const { camera, clock, told, openedAtMs } = start([...lives, ...Array<Life>(8).fill(dead), { steps: [steady()] }]);
    await clock.advance(300_000);
    expect(told).toEqual(['ok', 'unplugged', 'ok']);
    expect(openedAtMs).toHaveLength(10);
    const delays = openedAtMs.slice(2).map((at, i) => at - (openedAtMs[i + 1] ?? 0));
    for (const [i, delay] of delays.entries()) {
      const ceiling = Math.min(30_000, 1000 * 2 ** (i + 1));
      expect(delay).toBeGreaterThanOrEqual(ceiling / 10);
      expect(delay).toBeLessThanOrEqual(ceiling);
    }
    expect(camera.counters()).toMatchObject({ restarts: 9, 'fault-unplugged': 9 });
    expect(camera.status()).toMatchObject({ ok: true, fps: 10 });
  });

  test('that was well for long is tried again soon', async () => {
    const life: Life = { steps: [steady(200), { do: 'fail', code: 'camera-unplugged' }] };
    const { clock, openedAtMs } = start([life]);
    await clock.advance(300_000);
    for (const [i, at] of openedAtMs.slice(1).entries()) expect(at - (openedAtMs[i] ?? 0)).toBeLessThanOrEqual(21_000);
  });

  test('that fails after each first frame is not tried again ever faster', async () => {
    const { clock, openedAtMs } = start([{ steps: [steady(1), { do: 'fail', code: 'camera-unplugged' }] }]);
    await clock.advance(600_000);
    expect(openedAtMs.length).toBeLessThan(100);
  });

  test('leaves no driver open', async () => {
    const { clock, sources } = start([{ steps: [steady(3), { do: 'fail', code: 'camera-unplugged' }] }]);
    await clock.advance(60_000);
    expect(sources.length).toBeGreaterThan(3);
    expect(sources.slice(0, -1).every((source) => source.isClosed)).toBe(true);
  });
});

describe('a driver that hangs', () => {
  test('in a read is frozen after 5 s, or 10 intervals of a slow camera', async () => {
    const fast = start([{ steps: [steady(10)] }]);
    await fast.clock.advance(1000 + 4900);
    expect(fast.told).toEqual(['ok']);
    await fast.clock.advance(200);
    expect(fast.told).toEqual(['ok', 'frozen']);
    expect(fast.statuses.at(-1)?.detail).toContain('no answer from the driver for 5000 ms');

    const slow = start([{ steps: [{ do: 'frames', count: 2, everyMs: 2000 }] }], { ...LIVE, fps: 0.5 });
    await slow.clock.advance(4000 + 19_900);
    expect(slow.told).toEqual(['ok']);
    await slow.clock.advance(200);
    expect(slow.told).toEqual(['ok', 'frozen']);
  });

  test('in open, or before its first frame, is given 20 s', async () => {
    for (const life of [{ open: 'hang' as const, steps: [] }, { steps: [] }]) {
      const { clock, told } = start([life]);
      await clock.advance(19_900);
      expect(told).toEqual([]);
      await clock.advance(200);
      expect(told).toEqual(['frozen']);
    }
  });

  test('in close is left behind after 5 s; a new one is made', async () => {
    const life: Life = { steps: [steady(1), { do: 'fail', code: 'camera-garbage' }], closeHangs: true };
    const { clock, told, sources } = start([life, { steps: [steady()] }]);
    await clock.advance(10_000);
    expect(told).toEqual(['ok', 'garbage', 'ok']);
    expect(sources).toHaveLength(2);
  });

  test('does not keep the camera from stopping', async () => {
    const { clock, stop, done } = start([{ steps: [steady(2)], closeHangs: true }]);
    await clock.advance(1000);
    stop.abort();
    await clock.advance(5000);
    await done;
  });
});

describe('a picture that stands still', () => {
  const still: Life = { steps: [{ do: 'frames', count: 1_000_000, everyMs: 100, same: true }] };

  test('is frozen after 30 s in a live camera, and stays so over restarts', async () => {
    const { clock, told, sources } = start([still]);
    await clock.advance(29_000);
    expect(told).toEqual(['ok']);
    await clock.advance(120_000);
    expect(sources.length).toBeGreaterThan(3);
    expect(new Set(told.slice(1))).toEqual(new Set(['frozen']));
  });

  test('is told as well again by the first other picture', async () => {
    const { clock, told } = start([still, { steps: [steady()] }]);
    await clock.advance(60_000);
    expect(told).toEqual(['ok', 'frozen', 'ok']);
  });

  test('is nothing in a file', async () => {
    const { clock, told } = start([still], { ...LIVE, live: false });
    await clock.advance(120_000);
    expect(told).toEqual(['ok']);
  });
});

describe('garbage', () => {
  test('from the driver, ten in a row, is a fault; nine are not', async () => {
    const bad = (count: number): Step[] => Array<Step>(count).fill({ do: 'fail', code: 'picture-invalid' });
    const nine = start([{ steps: [steady(5), ...bad(9), steady()] }]);
    await nine.clock.advance(2000);
    expect(nine.told).toEqual(['ok']);
    expect(nine.camera.counters()).toMatchObject({ 'bad-pictures': 9, restarts: 0 });
    const ten = start([{ steps: [steady(5), ...bad(10)] }, { steps: [steady()] }]);
    await ten.clock.advance(5000);
    expect(ten.told).toEqual(['ok', 'garbage', 'ok']);
  });

  test('that the taker finds restarts the camera at once; a picture that decodes makes it well', async () => {
    const jpegs: Step = { do: 'frames', count: 1_000_000, everyMs: 100, encoded: true };
    const { camera, clock, told, sources } = start([{ steps: [jpegs] }]);
    await clock.advance(500);
    for (let i = 0; i < 10; i++) camera.reportBadPicture(new Error('broken jpeg'));
    await clock.advance(0);
    expect(told).toEqual(['ok', 'garbage']);
    await clock.advance(5000);
    expect(sources).toHaveLength(2);
    expect(camera.status()).toMatchObject({ ok: false, reason: 'garbage', fps: expect.any(Number) });
    camera.reportDecoded();
    expect(told).toEqual(['ok', 'garbage', 'ok']);
    expect(camera.counters()).toMatchObject({ 'bad-pictures': 10, 'fault-garbage': 1 });
  });
});

describe('a file played once', () => {
  test('ends without a retry, and the taker learns it behind the last frame', async () => {
    const { camera, clock, told, done, sources } = start([{ steps: [steady(5), { do: 'end' }] }], ONCE);
    await clock.advance(5000);
    await done;
    expect(told).toEqual(['ok', 'ended']);
    expect(sources).toHaveLength(1);
    const never = new AbortController().signal;
    expect((await camera.slot.take(never))?.index).toBe(4);
    expect(await camera.slot.take(never)).toBeUndefined();
    expect(camera.counters()).toMatchObject({ frames: 5, restarts: 0 });
  });

  test('whose pictures are all bad is told as garbage, then ended', async () => {
    const bad = Array<Step>(12).fill({ do: 'fail', code: 'picture-invalid' });
    const { clock, told, done } = start([{ steps: [...bad, { do: 'end' }] }], ONCE);
    await clock.advance(1000);
    await done;
    expect(told).toEqual(['garbage', 'ended']);
  });
});

test("the driver's own drops are added up over its lives", async () => {
  const { camera, clock } = start([
    { steps: [steady(1), { do: 'fail', code: 'camera-unplugged' }] },
    { steps: [steady()] },
  ]);
  await clock.advance(5000);
  expect(camera.counters().skipped).toBe(4);
});

test('a driver that cannot even be made is a camera refused, and the loop goes on', async () => {
  const clock = new SimulatedClock();
  const told: (string | undefined)[] = [];
  const camera = new Camera({
    id: 'front',
    makeSource: () => {
      throw new TypeError('no such thing');
    },
    traits: LIVE,
    clock,
    random: new Random(1),
    log: silentLog,
    onState: (status) => told.push(status.reason),
  });
  const stop = new AbortController();
  const done = camera.run(stop.signal);
  running.push({ stop, clock, done });
  await clock.advance(100_000);
  expect(told).toEqual(['refused']);
  expect(camera.counters().restarts).toBeGreaterThan(3);
});

describe('a camera that is paused', () => {
  test('closes its driver, gives no frames, and opens a new driver when it is resumed', async () => {
    const { camera, clock, told, sources, statuses } = start([{ steps: [steady()] }]);
    await clock.advance(1000);
    camera.pause('by operator for 60 s');
    await clock.advance(10_000);
    expect(sources.map(({ isClosed }) => isClosed)).toEqual([true]);
    expect(camera.status()).toEqual({
      ok: false,
      reason: 'paused',
      detail: 'by operator for 60 s',
      fps: 0,
      frameAgeMs: null,
    });
    const frames = camera.counters().frames;
    camera.pause('by monitor for 5 s');
    expect(statuses.at(-1)?.detail).toBe('by monitor for 5 s');
    await clock.advance(1000);
    camera.resume();
    await clock.advance(1000);
    expect(sources).toHaveLength(2);
    expect(camera.counters().frames).toBeGreaterThan(frames ?? 0);
    expect(told).toEqual(['ok', 'paused', 'paused', 'starting', 'ok']);
    expect(camera.counters()).toMatchObject({ restarts: 0 });
  });

  test('is not opened at all when it is paused before its start', async () => {
    const clock = new SimulatedClock();
    const stop = new AbortController();
    const camera = new Camera({
      id: 'front',
      makeSource: () => {
        throw new Error('opened');
      },
      traits: LIVE,
      clock,
      random: new Random('camera'),
      log: silentLog,
      onState: () => {},
    });
    camera.pause('by operator for 60 s');
    const done = camera.run(stop.signal);
    await clock.advance(60_000);
    expect(camera.status().reason).toBe('paused');
    stop.abort();
    await done;
  });
});
