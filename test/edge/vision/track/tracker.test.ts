import { describe, expect, test } from 'vitest';
import type { BoxXyxyPx } from '../../../../edge/vision/box.js';
import { ObjectSettings, TrackerSettings } from '../../../../edge/vision/config.js';
import { DetectionFilter } from '../../../../edge/vision/track/detection-filter.js';
import { Tracker } from '../../../../edge/vision/track/tracker.js';

const WHOLE: BoxXyxyPx = [0, 0, 640, 480];
const LABELS = ['person', 'car', 'truck', 'dog', 'cat'];

type Seen = { readonly label?: string; readonly score?: number; readonly box: BoxXyxyPx; readonly isClipped?: boolean };

/** A tracker on a clock of its own, ten frames a second. */
class Bench {
  readonly tracker: Tracker;
  readonly #filter: DetectionFilter;
  #monoMs = 0;

  constructor(settings: object = {}, objects: object = {}) {
    this.#filter = new DetectionFilter(ObjectSettings.parse(objects), LABELS, 0.4);
    this.tracker = new Tracker(TrackerSettings.parse(settings), this.#filter);
  }

  /** One frame. @returns the ids that ended with it. */
  frame(seen: readonly Seen[], regions: readonly BoxXyxyPx[] = [WHOLE], stepMs = 100): number[] {
    const detections = this.#filter.apply(
      seen.map(({ label = 'person', score = 0.8, box, isClipped = false }) => ({
        classId: 0,
        label,
        score,
        box,
        isClipped,
      })),
      640,
      480,
    );
    const ended = this.tracker.update({ detections, regions, widthPx: 640, heightPx: 480, monoMs: this.#monoMs });
    this.#monoMs += stepMs;
    return ended.map((track) => track.id);
  }

  frames(count: number, seen: readonly Seen[], regions?: readonly BoxXyxyPx[], stepMs?: number): number[] {
    return Array.from({ length: count }, () => this.frame(seen, regions, stepMs)).flat();
  }

  get told(): string[] {
    return this.tracker.told.map(({ id, label }) => `${id} ${label}`);
  }

  get wanted() {
    return this.tracker.regionTracks(this.#monoMs);
  }
}

const BOX: BoxXyxyPx = [300, 150, 360, 300];
const at = (x: number, y = 150): BoxXyxyPx => [x, y, x + 60, y + 150];

describe('telling a new object', () => {
  test('takes hitsMin looks and confirmMs', () => {
    const bench = new Bench({ hitsMin: 3, confirmMs: 250 });
    bench.frames(3, [{ box: BOX }]);
    expect(bench.told).toEqual([]);
    bench.frame([{ box: BOX }]);
    expect(bench.told).toEqual(['1 person']);
    const slow = new Bench({ hitsMin: 3, confirmMs: 250 });
    slow.frames(2, [{ box: BOX }], [WHOLE], 1000);
    expect(slow.told).toEqual([]);
    slow.frame([{ box: BOX }]);
    expect(slow.told).toEqual(['1 person']);
  });

  test('takes a median score, which one lucky frame does not make', () => {
    const bench = new Bench({}, { filter: { scoreMin: 0.4, threshold: 0.6 } });
    bench.frames(5, [{ box: BOX, score: 0.5 }]);
    bench.frame([{ box: BOX, score: 0.95 }]);
    expect(bench.told).toEqual([]);
    bench.frames(5, [{ box: BOX, score: 0.7 }]);
    expect(bench.told).toEqual(['1 person']);
  });

  test('is not done for what is seen in every third frame', () => {
    const bench = new Bench();
    for (let i = 0; i < 60; i++) bench.frame(i % 3 === 0 ? [{ box: BOX }] : []);
    expect(bench.told).toEqual([]);
  });

  test('is not done for uncertain detections, however many', () => {
    const bench = new Bench();
    bench.frames(50, [{ box: BOX, score: 0.3 }]);
    expect(bench.told).toEqual([]);
  });

  test('gives ids in order, never again after an end', () => {
    const bench = new Bench();
    bench.frames(4, [{ box: at(50) }, { box: at(400) }]);
    expect(bench.told).toEqual(['1 person', '2 person']);
    expect(bench.frames(40, [])).toEqual([1, 2]);
    bench.frames(4, [{ box: at(50) }]);
    expect(bench.told).toEqual(['3 person']);
  });
});

describe('an object that is missed', () => {
  const told = (settings: object = {}) => {
    const bench = new Bench(settings);
    bench.frames(6, [{ box: BOX }]);
    return bench;
  };

  test('is held for missedMsMax of looking and keeps its id when it is back', () => {
    const bench = told({ missedMsMax: 2000 });
    expect(bench.frames(20, [])).toEqual([]);
    bench.frame([{ box: BOX }]);
    expect(bench.told).toEqual(['1 person']);
    expect(bench.frames(20, [])).toEqual([]);
    expect(bench.frame([])).toEqual([1]);
  });

  test('is not held to be missing where nobody looked', () => {
    const bench = told({ missedMsMax: 2000 });
    expect(bench.frames(300, [], [])).toEqual([]);
    expect(bench.frames(300, [], [[0, 0, 200, 200]])).toEqual([]);
    expect(bench.told).toEqual(['1 person']);
    expect(bench.frames(21, [])).toEqual([1]);
  });

  test('lives on uncertain detections where it is, not on those beside it', () => {
    const bench = told();
    expect(bench.frames(50, [{ box: BOX, score: 0.25 }])).toEqual([]);
    expect(bench.told).toEqual(['1 person']);
    expect(bench.frames(60, [{ box: at(380), score: 0.25 }])).toEqual([1]);
  });

  test('lives on a sighting under another name, and takes that name when it stays', () => {
    const bench = told();
    bench.frames(3, [{ box: BOX, label: 'dog' }]);
    expect(bench.told).toEqual(['1 person']);
    bench.frames(40, [{ box: BOX, label: 'dog' }]);
    expect(bench.told).toEqual(['1 dog']);
  });

  test('is continued by what proves real on its place under another name', () => {
    const bench = new Bench();
    bench.frames(4, [{ box: BOX, label: 'cat' }]);
    expect(bench.told).toEqual(['1 cat']);
    for (let i = 0; i < 10; i++) bench.frame([{ box: BOX, label: i === 0 ? 'cat' : 'person' }]);
    expect(bench.told).toEqual(['1 person']);
  });

  test('is one object from the start although its name changes from frame to frame', () => {
    const bench = new Bench();
    for (let i = 0; i < 12; i++) bench.frame([{ box: BOX, label: i % 3 === 0 ? 'cat' : 'person' }]);
    expect(bench.told).toEqual(['1 person']);
  });

  test('is not pulled away by a single false alarm beside it', () => {
    const bench = told();
    bench.frames(2, []);
    bench.frame([{ box: at(345) }]);
    expect(bench.tracker.told[0]?.box).toEqual(BOX);
    bench.frame([{ box: BOX }]);
    expect(bench.told).toEqual(['1 person']);
  });

  test('is found again a step away once it has proved real there', () => {
    const bench = told();
    bench.frames(8, []);
    bench.frames(3, [{ box: at(400) }]);
    expect(bench.told).toEqual(['1 person']);
    bench.frame([{ box: at(400) }]);
    expect(bench.told).toEqual(['1 person']);
    expect(bench.tracker.told[0]?.box).toEqual(at(400));
  });

  test('is another one when it is back far away or of another size', () => {
    const bench = told();
    bench.frames(3, []);
    bench.frames(4, [{ box: at(20) }, { box: [300, 200, 320, 250] }]);
    expect(bench.told).toEqual(['1 person', '2 person', '3 person']);
  });

  test('is held longer behind somebody nearer', () => {
    const bench = new Bench({ missedMsMax: 1000, occludedMsMax: 5000 });
    const nearer: Seen = { box: [280, 180, 380, 400] };
    bench.frames(6, [{ box: BOX }, nearer]);
    expect(bench.frames(45, [nearer])).toEqual([]);
    expect(bench.told).toHaveLength(2);
    expect(bench.frames(10, [nearer])).toEqual([1]);
  });

  test('ends soon when it was walking out over the edge', () => {
    const bench = new Bench({ missedMsMax: 5000, exitMsMax: 700 });
    for (let i = 0; i < 12; i++) bench.frame([{ box: [480 + 10 * i, 150, Math.min(640, 540 + 10 * i), 300] }]);
    expect(bench.told).toEqual(['1 person']);
    expect(bench.frames(8, [])).toEqual([1]);
  });
});

describe('association', () => {
  test('a van that is car and truck in turn is one track', () => {
    const bench = new Bench();
    for (let i = 0; i < 30; i++)
      bench.frame([{ box: [10 * i, 200, 10 * i + 120, 260], label: i % 3 === 1 ? 'truck' : 'car' }]);
    expect(bench.told).toEqual(['1 car']);
  });

  test('a person and a dog that swap places stay who they are', () => {
    const bench = new Bench();
    for (let i = 0; i <= 40; i++) {
      bench.frame([
        { box: [100 + 8 * i, 150, 160 + 8 * i, 300] },
        { box: [420 - 8 * i, 240, 480 - 8 * i, 300], label: 'dog' },
      ]);
    }
    expect(bench.told).toEqual(['1 person', '2 dog']);
    expect(bench.tracker.told[0]?.box[0]).toBe(420);
  });

  test('a double of somebody who is seen begins no track', () => {
    const bench = new Bench();
    bench.frames(20, [{ box: BOX }, { box: [302, 152, 362, 303] }]);
    expect(bench.told).toEqual(['1 person']);
  });

  test('a piece cut off by a crop keeps a track alive without moving it', () => {
    const bench = new Bench();
    bench.frames(6, [{ box: BOX }]);
    bench.frame([{ box: [300, 150, 330, 300], isClipped: true }]);
    expect(bench.tracker.told[0]).toMatchObject({ box: BOX, isSeen: true });
  });
});

describe('rest and limits', () => {
  test('an object that keeps still is stationary after stationaryAfterMs and wants fewer looks', () => {
    const bench = new Bench({ stationaryAfterMs: 5000 });
    bench.frames(49, [{ box: BOX }]);
    expect(bench.wanted).toMatchObject([{ isStationary: false }]);
    bench.frames(3, [{ box: BOX }]);
    expect(bench.wanted).toMatchObject([{ isStationary: true, isUncertain: false }]);
    bench.frame([]);
    expect(bench.wanted).toMatchObject([{ isStationary: true, isUncertain: true }]);
  });

  test('one too new to be told wants to be looked at', () => {
    const bench = new Bench();
    bench.frame([{ box: BOX }]);
    expect(bench.wanted).toMatchObject([{ box: BOX, isUncertain: true }]);
  });

  test('more objects than tracksMax are refused and counted', () => {
    const bench = new Bench({ tracksMax: 2 });
    bench.frames(5, [{ box: at(0) }, { box: at(200) }, { box: at(400) }]);
    expect(bench.told).toHaveLength(2);
    expect(bench.tracker.refused).toBe(5);
  });

  test('end gives back what was told, once', () => {
    const bench = new Bench();
    bench.frames(5, [{ box: at(0) }]);
    bench.frame([{ box: at(0) }, { box: at(400) }]);
    expect(bench.tracker.end().map(({ id }) => id)).toEqual([1]);
    expect(bench.tracker.end()).toEqual([]);
    expect(bench.told).toEqual([]);
  });
});
