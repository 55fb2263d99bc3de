import { describe, expect, test } from 'vitest';
import type { BoxXyxyPx } from '../../../../edge/vision/box.js';
import { EventSettings, SnapshotSettings, ZoneSettings } from '../../../../edge/vision/config.js';
import { BestFrame } from '../../../../edge/vision/event/best-frame.js';
import { EventStream } from '../../../../edge/vision/event/event-stream.js';
import { LabelCounts } from '../../../../edge/vision/event/label-counts.js';
import { MotionSwitch } from '../../../../edge/vision/event/motion-switch.js';
import { type TrackEvent, trackEventToRecordFields } from '../../../../edge/vision/event/track-event.js';
import { ZoneWatch } from '../../../../edge/vision/event/zone-watch.js';
import type { TrackView } from '../../../../edge/vision/track/track.js';
import { TrackRecord } from '../../../../protocol/record.js';

const view = (rest: Partial<TrackView> = {}): TrackView => ({
  id: 1,
  label: 'person',
  box: [100, 100, 150, 250],
  score: 0.7,
  scoreBest: 0.7,
  isStationary: false,
  isSeen: true,
  ...rest,
});
const moved = (byPx: number): BoxXyxyPx => [100 + byPx, 100, 150 + byPx, 250];
const LEFT = [
  [0, 0],
  [0.5, 0],
  [0.5, 1],
  [0, 1],
];

describe('a track event as record fields', () => {
  const event: TrackEvent = {
    ev: 'update',
    id: 17,
    label: 'person',
    score: 0.8704,
    scoreBest: 0.91,
    box: [76.8, -3, 198.4, 500],
    zones: ['gate'],
    stationary: true,
    capturedAtMs: 5,
  };

  test('is in thousandths, inside the picture, and a record', () => {
    const fields = trackEventToRecordFields(event, 640, 480);
    expect(fields).toEqual({ ev: 'update', id: 17, l: 'person', p: 870, b: [120, 0, 310, 1000], z: ['gate'], st: 1 });
    expect(TrackRecord.safeParse({ s: 1, t: 5, k: 'track', c: 'front', ...fields }).success).toBe(true);
  });

  test('leaves out what is not there; an end carries the best score', () => {
    const fields = trackEventToRecordFields({ ...event, ev: 'end', zones: [], stationary: false }, 640, 480);
    expect(fields).toEqual({ ev: 'end', id: 17, l: 'person', p: 910, b: [120, 0, 310, 1000] });
  });
});

describe('zones', () => {
  const zone = (rest: object = {}) => ({ gate: ZoneSettings.parse({ polygon: LEFT, ...rest }) });
  // Feet at x percent of a picture of 100 x 100.
  const walk = (watch: ZoneWatch, ...xs: number[]) =>
    xs.map((x) => (watch.see('person', [x - 5, 10, x + 5, 90], 100, 100) ? watch.zones.join() || 'none' : '-'));

  test('are entered at the third look inside and left at the third outside', () => {
    expect(walk(new ZoneWatch(zone()), 60, 40, 40, 40, 60, 60, 60)).toEqual(['-', '-', '-', 'gate', '-', '-', 'none']);
  });

  test('do not notice a foot that wavers on the line', () => {
    expect(walk(new ZoneWatch(zone()), 40, 60, 40, 60, 40, 40, 60, 40)).toEqual(Array(8).fill('-'));
  });

  test('can be without inertia', () => {
    expect(walk(new ZoneWatch(zone({ enterFrames: 1, leaveFrames: 1 })), 40, 60, 40)).toEqual(['gate', 'none', 'gate']);
  });

  test('see only their labels', () => {
    const watch = new ZoneWatch(zone({ labels: ['car'], enterFrames: 1 }));
    expect(walk(watch, 40, 40)).toEqual(['-', '-']);
    expect(watch.see('car', [35, 10, 45, 90], 100, 100)).toBe(true);
  });

  test('go by the feet, not by the middle', () => {
    const lower = {
      yard: ZoneSettings.parse({
        polygon: [
          [0, 0.8],
          [1, 0.8],
          [1, 1],
          [0, 1],
        ],
        enterFrames: 1,
      }),
    };
    expect(new ZoneWatch(lower).see('person', [10, 10, 20, 90], 100, 100)).toBe(true);
    expect(new ZoneWatch(lower).see('person', [10, 10, 20, 70], 100, 100)).toBe(false);
  });
});

describe('the event stream', () => {
  const stream = (settings: object = {}, zones: Record<string, ZoneSettings> = {}) => {
    const events = new EventStream(EventSettings.parse(settings), zones);
    return (monoMs: number, tracks: TrackView[], ended: TrackView[] = []) =>
      events
        .process({ tracks, ended, widthPx: 640, heightPx: 480, capturedAtMs: monoMs, monoMs })
        .map(({ ev, id }) => `${ev} ${id}`);
  };

  test('tells new once, end once, and nothing of a track it never told', () => {
    const at = stream();
    expect(at(0, [view(), view({ id: 2 })])).toEqual(['new 1', 'new 2']);
    expect(at(100, [view(), view({ id: 2 })])).toEqual([]);
    expect(at(200, [view({ id: 3 })], [view(), view({ id: 2 })])).toEqual(['end 1', 'end 2', 'new 3']);
    expect(at(300, [view({ id: 3 })], [view(), view({ id: 9 })])).toEqual([]);
  });

  test.each<[string, Partial<TrackView>, string[]]>([
    ['nothing new', {}, []],
    ['a move of 5 % of the diagonal', { box: moved(40) }, ['update 1']],
    ['a smaller move', { box: moved(39) }, []],
    ['growth on the spot', { box: [60, 100, 190, 250] }, ['update 1']],
    ['a better score', { scoreBest: 0.75 }, ['update 1']],
    ['a hardly better score', { scoreBest: 0.749 }, []],
    ['a move while it is not seen', { box: moved(400), isSeen: false }, []],
  ])('after updateEveryMs: %s', (_, change, expected) => {
    const at = stream({ updateEveryMs: 2000 });
    at(0, [view()]);
    expect(at(1999, [view(change)])).toEqual([]);
    expect(at(2000, [view(change)])).toEqual(expected);
  });

  test.each<[string, Partial<TrackView>]>([
    ['coming to rest', { isStationary: true }],
    ['another label', { label: 'dog' }],
  ])('tells %s at once', (_, change) => {
    const at = stream();
    at(0, [view()]);
    expect(at(200, [view(change)])).toEqual(['update 1']);
    expect(at(400, [view(change)])).toEqual([]);
  });

  test('tells the zone it begins in with the new event, another one at once', () => {
    const zones = { left: ZoneSettings.parse({ polygon: LEFT, enterFrames: 9, leaveFrames: 1 }) };
    const events = new EventStream(EventSettings.parse({}), zones);
    const at = (monoMs: number, box: BoxXyxyPx) =>
      events
        .process({ tracks: [view({ box })], ended: [], widthPx: 640, heightPx: 480, capturedAtMs: 0, monoMs })
        .map(({ ev, zones: names }) => [ev, ...names]);
    expect(at(0, moved(0))).toEqual([['new', 'left']]);
    expect(at(300, moved(400))).toEqual([['update']]);
  });

  test('never sends more than five changes a second, whatever flaps, and the last state arrives', () => {
    const at = stream();
    at(0, [view()]);
    const sent = Array.from({ length: 100 }, (_, i) => at(10 * (i + 1), [view({ isStationary: i % 2 === 0 })])).flat();
    expect(sent.length).toBeLessThanOrEqual(5);
    expect(
      at(2000, [view({ isStationary: true })]).length + at(2500, [view({ isStationary: false })]).length,
    ).toBeGreaterThan(0);
  });
});

describe('counts', () => {
  test('are there with 0 from the start and told only when they change', () => {
    const counts = new LabelCounts(['person', 'car']);
    expect(counts.all).toEqual([
      { label: 'person', count: 0 },
      { label: 'car', count: 0 },
    ]);
    expect(counts.update([])).toEqual([]);
    expect(counts.update([view(), view({ id: 2 })])).toEqual([{ label: 'person', count: 2 }]);
    expect(counts.update([view(), view({ id: 2 })])).toEqual([]);
    expect(counts.update([view({ label: 'car' })])).toEqual([
      { label: 'person', count: 0 },
      { label: 'car', count: 1 },
    ]);
  });
});

describe('the motion switch', () => {
  const reading = (boxes: number, state: 'watching' | 'disturbed' = 'watching') => ({
    state,
    boxes: Array.from({ length: boxes }, (): BoxXyxyPx => [0, 0, 9, 9]),
    changedFraction: 0,
    noiseLevels: 0,
  });

  test('goes ON at the second frame in a row and OFF after the quiet time', () => {
    const motion = new MotionSwitch(5000);
    expect(motion.update(reading(1), 0)).toBeUndefined();
    expect(motion.update(reading(0), 100)).toBeUndefined();
    expect(motion.update(reading(1), 200)).toBeUndefined();
    expect(motion.update(reading(1), 300)).toBe('ON');
    expect(motion.update(reading(0), 5299)).toBeUndefined();
    expect(motion.update(reading(0), 5300)).toBe('OFF');
    expect(motion.state).toBe('OFF');
  });

  test('stays ON over a pause shorter than that, and while the gate is unsure', () => {
    const motion = new MotionSwitch(5000);
    motion.update(reading(1), 0);
    motion.update(reading(1), 100);
    expect(motion.update(reading(1), 4000)).toBeUndefined();
    expect(motion.update(reading(0), 8000)).toBeUndefined();
    expect(motion.update(reading(0, 'disturbed'), 20_000)).toBeUndefined();
    expect(motion.state).toBe('ON');
    expect(motion.end()).toBe('OFF');
    expect(motion.end()).toBeUndefined();
  });
});

describe('the best frame', () => {
  const chooser = (settings: object = {}) => {
    const best = new BestFrame(SnapshotSettings.parse(settings));
    return (monoMs: number, ...tracks: TrackView[]) =>
      best.choose(tracks, 640, 480, monoMs).map(({ trackId, label }) => `${label} ${trackId}`);
  };

  test('is the first one of a label at once, then a better one after everyMs', () => {
    const at = chooser({ everyMs: 5000 });
    expect(at(0, view())).toEqual(['person 1']);
    expect(at(4999, view({ score: 0.9 }))).toEqual([]);
    expect(at(5000, view({ score: 0.7 }))).toEqual([]);
    expect(at(5100, view({ score: 0.76 }))).toEqual(['person 1']);
  });

  test.each<[string, Partial<TrackView>, boolean]>([
    ['clearly more certain', { score: 0.76 }, true],
    ['hardly more certain', { score: 0.74 }, false],
    ['larger', { box: [100, 100, 160, 250] }, true],
    ['larger but clearly less certain', { box: [100, 100, 160, 250], score: 0.5 }, false],
    ['more certain but cut by the edge', { box: [0, 100, 50, 250], score: 0.95 }, false],
    ['more certain but not seen', { score: 0.9, isSeen: false }, false],
  ])('%s', (_, change, isTaken) => {
    const at = chooser();
    at(0, view());
    expect(at(6000, view(change))).toHaveLength(isTaken ? 1 : 0);
  });

  test('shows a new visitor although the old picture was better, and anybody after bestForMs', () => {
    const at = chooser({ bestForMs: 60_000 });
    at(0, view({ score: 0.9 }));
    expect(at(6000, view({ score: 0.8 }), view({ id: 2, score: 0.5 }))).toEqual(['person 2']);
    expect(at(12_000, view({ score: 0.4 }), view({ id: 2, score: 0.4 }))).toEqual([]);
    expect(at(66_000, view({ score: 0.4 }))).toEqual(['person 1']);
  });

  test('is chosen for each label apart, and never when snapshots are off', () => {
    expect(chooser()(0, view(), view({ id: 2, label: 'dog' }))).toEqual(['person 1', 'dog 2']);
    expect(chooser({ enabled: false })(0, view())).toEqual([]);
  });
});
