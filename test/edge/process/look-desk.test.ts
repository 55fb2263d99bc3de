import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { SimulatedClock, SystemClock } from '../../../base/clock.js';
import { LOOKS_WAITING_MAX, LookDesk, OWED_EVERY_MS } from '../../../edge/process/look-desk.js';
import { Turns } from '../../../edge/process/turns.js';
import type { LookReport, LookVision } from '../../../edge/process/vision-message.js';
import type { Detector } from '../../../edge/vision/detector.js';
import { eventually } from '../../eventually.js';

/** Says how large the picture was, by one box. */
const detector: Detector = {
  ...{ labels: ['thing'], inputWidthPx: 32, inputHeightPx: 32 },
  detect: async ({ widthPx, heightPx }) => [{ classId: 0, label: 'thing', score: 0.9, box: [0, 0, widthPx, heightPx] }],
  close: async () => {},
};

let jpeg: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  const picture = sharp({ create: { width: 40, height: 30, channels: 3, background: '#204060' } });
  jpeg = new Uint8Array(await picture.jpeg().toBuffer());
});

function look(request: string, more: Partial<LookVision> = {}): LookVision {
  return { type: 'look', request, jpeg, scoreMin: 0.3, isGuest: true, deadlineMs: 5_000, ...more };
}

function openDesk(clock: SystemClock | SimulatedClock, looking = detector) {
  const turns = new Turns(clock);
  const said: LookReport[] = [];
  const stop = new AbortController();
  const desk = new LookDesk({ turns, clock, signal: stop.signal, report: (report) => said.push(report) });
  desk.open(looking, 1);
  return { turns, said, desk, stop };
}

describe('looks at pictures that are no camera’s', () => {
  it('are answered once each, with boxes in pixels of the picture', async () => {
    const { turns, said, desk } = openDesk(new SystemClock());
    turns.open(1);
    for (const request of ['1', '2', '3']) desk.look(look(request));
    await eventually(() => said.length === 3, 'all are answered');
    expect(said.map(({ request }) => request)).toEqual(['1', '2', '3']);
    expect(said[0]).toMatchObject({
      ok: true,
      widthPx: 40,
      heightPx: 30,
      boxes: [{ l: 'thing', p: 0.9, b: [0, 0, 40, 30] }],
    });
  });

  it('are at a copy with other colours where that is asked', async () => {
    const seen: Uint8Array[] = [];
    const watching: Detector = {
      ...detector,
      detect: async (picture, options) => {
        seen.push(Uint8Array.from(picture.data));
        return detector.detect(picture, options);
      },
    };
    const noise = Buffer.from(Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * i * 7) % 256));
    const busy = await sharp(noise, { raw: { width: 40, height: 30, channels: 3 } })
      .jpeg()
      .toBuffer();
    const { turns, said, desk } = openDesk(new SystemClock(), watching);
    turns.open(1);
    desk.look(look('as it came', { jpeg: new Uint8Array(busy) }));
    desk.look(look('a copy', { jpeg: new Uint8Array(busy), colours: 'repeated' }));
    await eventually(() => said.length === 2, 'both are answered');
    expect(said.map(({ ok, widthPx, heightPx }) => [ok, widthPx, heightPx])).toEqual([
      [true, 40, 30],
      [true, 40, 30],
    ]);
    expect(seen[1]).toHaveLength(seen[0]?.length ?? 0);
    expect(seen[1]).not.toEqual(seen[0]);
  });

  it('name what was wrong with a picture, and go on', async () => {
    const { turns, said, desk } = openDesk(new SystemClock());
    turns.open(1);
    desk.look(look('broken', { jpeg: jpeg.subarray(0, 100) }));
    desk.look(look('fine'));
    await eventually(() => said.length === 2, 'all are answered');
    expect(said[0]).toMatchObject({ request: 'broken', ok: false, code: 'picture' });
    expect(said[1]).toMatchObject({ request: 'fine', ok: true });
  });

  it('are refused as busy when too many wait, and as late when their time is over', async () => {
    const clock = new SimulatedClock();
    const { said, desk } = openDesk(clock);
    // Turns are not open: all wait. One of them is being served.
    for (let i = 0; i <= LOOKS_WAITING_MAX + 2; i++) desk.look(look(`${i}`, { deadlineMs: 500 }));
    expect(said.map(({ code }) => code)).toEqual(['busy', 'busy']);
    await clock.advance(501);
    await eventually(() => said.length === LOOKS_WAITING_MAX + 3, 'all are answered');
    expect(said.slice(2).every(({ code }) => code === 'late')).toBe(true);
  });

  it('of others come after those of the node itself', async () => {
    const { turns, said, desk } = openDesk(new SystemClock());
    desk.look(look('first guest'));
    desk.look(look('second guest'));
    desk.look(look('own', { isGuest: false }));
    turns.open(1);
    await eventually(() => said.length === 3, 'all are answered');
    expect(said.map(({ request }) => request)).toEqual(['own', 'first guest', 'second guest']);
  });

  it('of others wait for all cameras', async () => {
    const { turns, said, desk } = openDesk(new SystemClock());
    const stop = new AbortController();
    desk.look(look('guest'));
    const camera = turns.take('front', { isUrgent: false }, stop.signal);
    turns.open(1);
    const turn = await camera;
    await new Promise((done) => setTimeout(done, 50));
    expect(said).toEqual([]);
    turn.end();
    await eventually(() => said.length === 1, 'all are answered');
  });

  it('of the node itself have their turn beside cameras that never rest, and whatever guests wait, and never away', async () => {
    const { turns, said, desk, stop } = openDesk(new SystemClock());
    turns.open(1);
    turns.setAway(4);
    const isDone = () => said.some(({ request }) => request === 'own');
    const run = async (camera: string) => {
      while (!isDone()) {
        const turn = await turns.take(camera, { isUrgent: true }, stop.signal);
        await new Promise((done) => setTimeout(done, 5));
        turn.end();
      }
    };
    const cameras = ['front', 'back', 'yard'].map(run);
    desk.look(look('guest'));
    desk.look(look('own', { isGuest: false }));
    await eventually(isDone, 'the own one is answered');
    expect(said[0]).toMatchObject({ request: 'own', ok: true });
    await Promise.all(cameras);
  });

  it('of others that are owed a turn have one every few seconds beside cameras that never rest, and no more', async () => {
    const clock = new SimulatedClock();
    const { turns, said, desk, stop } = openDesk(clock);
    turns.open(1);
    let frames = 0;
    const run = async (camera: string) => {
      while (!stop.signal.aborted) {
        const turn = await turns.take(camera, { isUrgent: true }, stop.signal);
        frames++;
        await clock.sleep(100, stop.signal);
        turn.end();
      }
    };
    const cameras = ['front', 'back'].map((camera) => run(camera).catch(() => {}));
    desk.look(look('guest', { deadlineMs: 60_000 }));
    for (const request of ['1', '2', '3', '4']) desk.look(look(request, { isOwed: true, deadlineMs: 60_000 }));
    // The first is owed at once; each next one some seconds later.
    for (let answered = 1; answered <= 4; answered++) {
      const before = frames;
      for (let i = 0; i < 60 && said.length < answered; i++) {
        await clock.advance(100);
        await new Promise((done) => setTimeout(done, 10));
      }
      expect(said).toHaveLength(answered);
      if (answered > 1) expect(frames - before).toBeGreaterThan(OWED_EVERY_MS / 200);
    }
    expect(said.map(({ request, wasOwed }) => [request, wasOwed])).toEqual(
      ['1', '2', '3', '4'].map((request) => [request, true]),
    );
    stop.abort();
    await clock.advance(200);
    await Promise.all(cameras);
  });

  it('of others that are owed a turn do not wait for it where no camera does', async () => {
    const { turns, said, desk } = openDesk(new SystemClock());
    turns.open(1);
    for (const request of ['1', '2', '3']) desk.look(look(request, { isOwed: true }));
    await eventually(() => said.length === 3, 'all are answered');
    expect(said.map(({ wasOwed }) => wasOwed)).toEqual([false, false, false]);
  });
});
