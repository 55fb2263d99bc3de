import { copyFileSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import sharp from 'sharp';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { parseJson } from '../../protocol/codec.js';
import { routes } from '../../protocol/routes.js';
import { describeWithFixtures } from '../fixtures.js';
import { DemoRun, field } from './demo-run.js';
import type { HeardRecord, Listener } from './listener.js';
import { Site } from './site.js';

/** Where a record of a clip lies in it: whole tenths of a second, which are the frames of the .mjpeg. */
type Told = { readonly ev: string; readonly id: number; readonly label: string; readonly frame: number };

/** The story of one camera by the times of its records; frame 0 is the first one captured. */
function tell(records: readonly HeardRecord[], firstFrameAtMs: number): Told[] {
  return records.map(({ ev, id, l, t }) => ({
    ev: String(ev),
    id: Number(id),
    label: String(l),
    frame: Math.round((Number(t) - firstFrameAtMs) / 100),
  }));
}

const framesOf = (told: readonly Told[], ev: string, label: string) =>
  told.filter((one) => one.ev === ev && one.label === label).map(({ frame }) => frame);

function expectWomanAndMan(told: readonly Told[]): void {
  // One woman about frames 20 to 155, one man from about 187 on, nobody else; as the clip's description, within the
  // five frames it allows, half a second to be sure of somebody who comes and most of a second of somebody who left.
  expect(new Set(told.map(({ label }) => label))).toEqual(new Set(['person']));
  const [woman, man, ...others] = framesOf(told, 'new', 'person');
  expect(others).toEqual([]);
  expect(woman).toBeGreaterThanOrEqual(15);
  expect(woman).toBeLessThanOrEqual(32);
  expect(man).toBeGreaterThanOrEqual(182);
  expect(man).toBeLessThanOrEqual(199);
  const [left, last, ...rest] = framesOf(told, 'end', 'person');
  expect(rest).toEqual([]);
  expect(left).toBeGreaterThanOrEqual(150);
  expect(left).toBeLessThanOrEqual(170);
  expect(last).toBeGreaterThanOrEqual(215);
  expect(new Set(told.map(({ id }) => id)).size).toBe(2);
}

describeWithFixtures('a node on real footage', (fixtures) => {
  let site: Site | undefined;
  let demo: DemoRun | undefined;
  const model = { path: resolve(fixtures, 'models', 'yolox_nano.onnx') };
  const file = (path: string, more = {}) => ({ source: { driver: 'file', path, ...more } });
  const clip = (name: string) => resolve(fixtures, 'videos', name);
  const picture = (name: string) => resolve(fixtures, 'images', name);

  afterEach(async () => {
    await site?.close();
    await demo?.remove();
    site = undefined;
    demo = undefined;
  });

  /** Waits until a recording was seen to its end and its tracks are closed. */
  async function ended(listener: Listener, camera: string): Promise<void> {
    await listener.waitFor(`${camera} has ended`, () => {
      const state = listener.last('cameraState', { camera });
      return field(state, 'reason') === 'ended';
    });
    await listener.waitFor(`nobody is in view of ${camera} any more`, () =>
      listener.heard('count', { camera, label: 'person' }).at(-1)?.payload.equals(Buffer.from('0')),
    );
    // Records of one moment go out together, a little later than counts.
    await listener.waitFor(`${camera} has told who left`, () => {
      const tracks = listener.tracks('cam1', camera);
      const told = (wanted: string) => tracks.filter(({ ev }) => ev === wanted).length;
      return told('new') > 0 && told('end') === told('new');
    });
  }

  it('tells who is there when in an .mjpeg that is read as fast as it goes', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    const beforeMs = Date.now();
    site.edge('cam1', { room: file(clip('one-person-room.mjpeg'), { loop: false, fps: 'max' }) }, { model });
    await ended(listener, 'room');
    const tracks = listener.tracks('cam1', 'room');
    const opened = listener.records('cam1').find(({ k }) => k === 'open');
    expect(opened?.model).toMatchObject({ id: 'yolox-nano-416' });
    // The first frame is captured once the model is loaded; its time is what the woman's must be counted from.
    const firstMs = firstFrameAtMs(tracks, beforeMs);
    expectWomanAndMan(tell(tracks, firstMs));
    const numbers = listener.records('cam1').map(({ s }) => s);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    const counts = listener.heard('count', { camera: 'room', label: 'person' }).map(({ payload }) => `${payload}`);
    expect(counts).toEqual(['0', '1', '0', '1', '0']);
    // The detector is busy all the time, the main process never waits for it: each heartbeat tells its worst delay. The
    // median of those leaves room for a machine that does other things as well.
    const lags = listener.payloads('beat', { node: 'cam1' }).map((beat) => Number(field(beat, 'loopLagMs')));
    expect(lags.toSorted((a, b) => a - b)[Math.floor(lags.length / 2)]).toBeLessThan(30);
  }, 120_000);

  it('tells the same of the .mp4 in real time, through ffmpeg, and of two cameras at once', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    site.edge(
      'cam1',
      {
        room: file(clip('one-person-room.mp4'), { loop: false, fps: 5 }),
        shop: file(clip('shop-aisle.mjpeg'), { loop: true, fps: 5 }),
      },
      { model },
    );
    await listener.waitFor('both watch', () =>
      ['room', 'shop'].every((camera) => field(listener.last('cameraState', { camera }), 'ok') === true),
    );
    const startedMs = Date.now();
    await listener.waitFor('two people in the shop', () =>
      listener.heard('count', { camera: 'shop', label: 'person' }).some(({ payload }) => Number(`${payload}`) >= 2),
    );
    await ended(listener, 'room');
    const told = tell(listener.tracks('cam1', 'room'), startedMs);
    expectWomanAndMan(told);
  }, 120_000);

  it('shows what a demo on real footage and a real model sees', async () => {
    const clipPath = clip('shop-aisle.mjpeg');
    demo = new DemoRun('--nodes', '1', '--camera', `file:${clipPath}`, '--model', model.path, '--duration', '60');
    const status = await demo.status(
      'people are seen',
      (one) => Number(field(one, 'nodes', 0, 'objects', 'person')) >= 2,
    );
    expect(Object.keys(field(status, 'nodes', 0, 'objects') ?? {})).toEqual(['person']);
    await demo.status('at the rate of the file', (one) => Number(field(one, 'nodes', 0, 'fps')) > 5);
    expect(await demo.program.end('SIGTERM')).toBe(0);
    expect(field(demo.statuses().at(-1), 'summary')).toBe(true);
  }, 120_000);

  it('publishes what was found in a picture and a folder of pictures, with snapshots', async () => {
    site = await Site.open('cam1');
    const listener = site.listen();
    const folder = site.folder('pictures');
    const names = ['bus-people.jpg', 'dog-bicycle-truck.jpg', 'man-dog-lake.jpg', 'person-dog-horse.jpg'];
    for (const name of names) copyFileSync(picture(name), resolve(folder, name));
    // Pictures that have nothing to do with each other: one look must be enough.
    const oneLook = { tracker: { hitsMin: 1, confirmMs: 0 }, objects: { filter: { threshold: 0 } } };
    site.edge(
      'cam1',
      {
        album: { ...file(folder, { loop: false, fps: 'max' }), ...oneLook },
        picture: file(picture('two-men-ties.jpg'), { fps: 5 }),
      },
      { model },
    );
    await listener.waitFor('two people in the picture', () =>
      listener.heard('count', { camera: 'picture', label: 'person' }).some(({ payload }) => `${payload}` === '2'),
    );
    await listener.waitFor('the album was seen', () => {
      const state = listener.last('cameraState', { camera: 'album' });
      return field(state, 'reason') === 'ended';
    });
    await listener.waitFor('everything of the album was ended', () => {
      const events = listener.tracks('cam1', 'album');
      return (
        events.length > 0 &&
        2 * events.filter(({ ev }) => ev === 'new').length === events.filter(({ ev }) => ev !== 'update').length
      );
    });
    const found = listener.tracks('cam1', 'album').filter(({ ev }) => ev === 'new');
    for (const { label, box } of mustFind(fixtures, names)) {
      const match = found.some(({ l, b }) => label.includes(String(l)) && iou(numbers(b), box) >= 0.5);
      expect(match, `${label.join(' or ')} at ${box} among ${JSON.stringify(found.map(({ l, b }) => [l, b]))}`).toBe(
        true,
      );
    }
    const [men, ...more] = [listener.tracks('cam1', 'picture').filter(({ ev, l }) => ev === 'new' && l === 'person')];
    expect(more).toEqual([]);
    expect(men).toHaveLength(2);

    const snapshot = await listener.waitFor('a snapshot', () =>
      listener.heard('snapshot', { camera: 'picture', label: 'person' }).at(-1),
    );
    expect(snapshot.payload.byteLength).toBeLessThanOrEqual(routes.snapshot.payloadBytesMax);
    const { format, width, height } = await sharp(snapshot.payload).metadata();
    expect({ format, width, height }).toEqual({ format: 'jpeg', width: 853, height: 480 });
    await sharp(snapshot.payload).raw().toBuffer();
  }, 120_000);
});

// The clip's timeline begins with its first frame, whose time is in no record. The woman is told in the third look at
// her or later, so the first frame is sought as what makes the last frame's end that of the clip: 219 frames.
function firstFrameAtMs(tracks: readonly HeardRecord[], notBeforeMs: number): number {
  const lastMs = Number(tracks.at(-1)?.t);
  const firstMs = lastMs - 21_900;
  expect(firstMs).toBeGreaterThanOrEqual(notBeforeMs);
  return firstMs;
}

type Wanted = { readonly label: readonly string[]; readonly box: readonly number[] };

const Truth = z.record(
  z.string(),
  z.array(z.object({ class: z.string(), box: z.array(z.number()), accept: z.array(z.string()).optional() })),
);
const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  'bus-people.jpg': [810, 1080],
  'dog-bicycle-truck.jpg': [768, 576],
  'man-dog-lake.jpg': [500, 333],
  'person-dog-horse.jpg': [640, 424],
};

/** What certainly is in the pictures, of the kinds a camera looks for and this model knows; boxes in thousandths. */
function mustFind(fixtures: string, names: readonly string[]): Wanted[] {
  const truth = Truth.parse(parseJson(readFileSync(resolve(fixtures, 'expected', 'truth.json'), 'utf8')));
  return names.flatMap((name) => {
    const [width = 1, height = 1] = SIZES[name] ?? [];
    return (truth[name] ?? [])
      .filter((object) => object.class !== 'face')
      .map((object) => ({
        label: object.accept ?? [object.class],
        box: object.box.map((value, i) => (1000 * value) / (i % 2 === 0 ? width : height)),
      }));
  });
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}

function iou(a: readonly number[], b: readonly number[]): number {
  const [ax1 = 0, ay1 = 0, ax2 = 0, ay2 = 0] = a;
  const [bx1 = 0, by1 = 0, bx2 = 0, by2 = 0] = b;
  const both =
    Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  const area = (x1: number, y1: number, x2: number, y2: number) => (x2 - x1) * (y2 - y1);
  return both / (area(ax1, ay1, ax2, ay2) + area(bx1, by1, bx2, by2) - both);
}
