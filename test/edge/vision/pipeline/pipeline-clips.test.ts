import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SystemClock } from '../../../../base/clock.js';
import type { RgbPicture } from '../../../../edge/capture/frame.js';
import { MotionSettings, VisionSettings } from '../../../../edge/vision/config.js';
import { loadDetector } from '../../../../edge/vision/detect/load-detector.js';
import type { OnnxDetector } from '../../../../edge/vision/detect/onnx-detector.js';
import { MotionGate } from '../../../../edge/vision/motion/motion-gate.js';
import { CameraPipeline } from '../../../../edge/vision/pipeline.js';
import { describeWithFixtures } from '../../../fixtures.js';
import { readClip } from './clip.js';

/** What a pipeline told of a clip; frame numbers are those of the clip at 10 frames/s. */
type Story = {
  readonly events: readonly {
    readonly frame: number;
    readonly ev: string;
    readonly id: number;
    readonly label: string;
  }[];
  readonly people: ReadonlyMap<number, number>;
  readonly motion: readonly { readonly frame: number; readonly state: string }[];
  readonly open: number;
};

async function tell(frames: readonly RgbPicture[], detector: OnnxDetector, every: number): Promise<Story> {
  const modelScoreMin = detector.manifest.thresholds.score;
  const pipeline = new CameraPipeline({
    camera: 'clip',
    detector,
    settings: VisionSettings.parse({}),
    modelScoreMin,
    clock: new SystemClock(),
  });
  const events: Story['events'][number][] = [];
  const motion: Story['motion'][number][] = [];
  const people = new Map<number, number>();
  for (let frame = 0; frame < frames.length; frame += every) {
    const picture = frames[frame];
    if (picture === undefined) break;
    const output = await pipeline.process(picture, 1_789_000_000_000 + 100 * frame, 100 * frame);
    events.push(...output.events.map(({ ev, id, label }) => ({ frame, ev, id, label })));
    if (output.motion !== undefined) motion.push({ frame, state: output.motion });
    people.set(frame, pipeline.tracks.filter((track) => track.label === 'person').length);
  }
  return { events, people, motion, open: pipeline.tracks.length };
}

const framesOf = (story: Story, ev: string, label: string) =>
  story.events.filter((event) => event.ev === ev && event.label === label).map((event) => event.frame);
/** Tracks by the label they had last, in the order they were told; `until` is undefined while they are open. */
function tracksOf(story: Story, label: string): { from: number; until: number | undefined }[] {
  const byId = new Map<number, { from: number; until: number | undefined; label: string }>();
  for (const event of story.events) {
    const from = byId.get(event.id)?.from ?? event.frame;
    byId.set(event.id, { from, until: event.ev === 'end' ? event.frame : undefined, label: event.label });
  }
  return [...byId.values()].filter((track) => track.label === label);
}

const peopleBetween = (story: Story, from: number, to: number) =>
  [...story.people].filter(([frame]) => frame >= from && frame <= to).map(([, count]) => count);

describeWithFixtures('the pipeline on real clips', (dir) => {
  const clips = new Map<string, RgbPicture[]>();
  const detectors = new Map<string, OnnxDetector>();
  const clip = (name: string) => clips.get(name) ?? [];

  beforeAll(async () => {
    for (const name of ['one-person-room', 'shop-aisle', 'person-bicycle-car', 'cars-topdown']) {
      clips.set(name, await readClip(resolve(dir, 'videos', `${name}.mjpeg`)));
    }
    for (const name of ['yolox_nano', 'FastestDet']) {
      detectors.set(name, await loadDetector({ modelPath: resolve(dir, 'models', `${name}.onnx`) }));
    }
  }, 120_000);

  afterAll(async () => {
    for (const detector of detectors.values()) await detector.close();
  });

  const story = async (name: string, model: string, every: number) => {
    const detector = detectors.get(model);
    if (detector === undefined) throw new Error(`${model} was not loaded`);
    return tell(clip(name), detector, every);
  };

  // One woman about frames 20 to 155, one man from about 187; 5 frames of tolerance, half a second to be told, 0.7 s to end.
  test.each([
    ['yolox_nano', 1],
    ['yolox_nano', 2],
    ['FastestDet', 1],
    ['FastestDet', 2],
  ])(
    'one-person-room with %s, every %d. frame: one track for the woman, one for the man, none in the empty room',
    async (model, every) => {
      const told = await story('one-person-room', model, every);
      // FastestDet takes the woman for a cat while only her head is in view: what counts is what the track turned out to be.
      const [woman, man, ...others] = tracksOf(told, 'person');
      expect(others).toEqual([]);
      expect(woman?.from).toBeGreaterThanOrEqual(15);
      expect(woman?.from).toBeLessThanOrEqual(30);
      expect(woman?.until).toBeGreaterThanOrEqual(150);
      expect(woman?.until).toBeLessThanOrEqual(167);
      expect(man?.from).toBeGreaterThanOrEqual(182);
      expect(man?.from).toBeLessThanOrEqual(197);
      expect(man?.until).toBeUndefined();
      expect(new Set(peopleBetween(told, 0, 15))).toEqual(new Set([0]));
      expect(new Set(peopleBetween(told, 35, 150))).toEqual(new Set([1]));
      expect(new Set(peopleBetween(told, 168, 182))).toEqual(new Set([0]));
      expect(new Set(peopleBetween(told, 198, 219))).toEqual(new Set([1]));
    },
    120_000,
  );

  test.each([1, 2])(
    'shop-aisle with yolox_nano, every %d. frame: two tracks from the start, a third from about frame 17',
    async (every) => {
      const told = await story('shop-aisle', 'yolox_nano', every);
      const [first = 99, second = 99, third = 99, ...others] = framesOf(told, 'new', 'person');
      expect(others).toEqual([]);
      expect(Math.max(first, second)).toBeLessThanOrEqual(6);
      expect(third).toBeGreaterThanOrEqual(12);
      expect(third).toBeLessThanOrEqual(27);
      expect(told.events.filter((event) => event.ev === 'end')).toEqual([]);
      expect(told.events.every((event) => event.label === 'person')).toBe(true);
    },
    120_000,
  );

  // The detector sees these small figures from above in part of the frames only: the walker and the car are asked for.
  test.each([1, 2])(
    'person-bicycle-car with yolox_nano, every %d. frame: one walker, one car, nothing in the end',
    async (every) => {
      const told = await story('person-bicycle-car', 'yolox_nano', every);
      const people = framesOf(told, 'new', 'person');
      expect(people.filter((frame) => frame < 60)).toHaveLength(1);
      expect(people[0]).toBeLessThanOrEqual(20);
      expect(people.length).toBeLessThanOrEqual(2);
      const vehicles = told.events.filter((event) => event.ev === 'new' && event.label !== 'person');
      expect(vehicles).toHaveLength(1);
      const ended = told.events.find((event) => event.ev === 'end' && event.id === vehicles[0]?.id);
      expect(ended?.label).toBe('car');
      expect(told.open).toBe(0);
    },
    120_000,
  );

  test.each([1, 2])(
    'cars-topdown, every %d. frame: motion while cars are there, none while the road is empty',
    async (every) => {
      const gate = new MotionGate(MotionSettings.parse({}));
      const moving = new Map<number, boolean>();
      for (let frame = 0; frame < 141; frame += every) {
        const picture = clip('cars-topdown')[frame];
        if (picture !== undefined) moving.set(frame, gate.read(picture, 100 * frame).boxes.length > 0);
      }
      const share = (from: number, to: number) => {
        const frames = [...moving].filter(([frame]) => frame >= from && frame <= to);
        return frames.filter(([, isMoving]) => isMoving).length / frames.length;
      };
      expect(share(10, 34)).toBe(1);
      expect(share(50, 88)).toBe(0);
      expect(share(98, 139)).toBe(1);
    },
  );
});
