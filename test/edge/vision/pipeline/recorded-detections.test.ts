import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ObjectSettings, TrackerSettings } from '../../../../edge/vision/config.js';
import { mergeLooks } from '../../../../edge/vision/regions/merge.js';
import { DetectionFilter } from '../../../../edge/vision/track/detection-filter.js';
import { Tracker } from '../../../../edge/vision/track/tracker.js';
import { parseJson } from '../../../../protocol/codec.js';
import { describeWithFixtures } from '../../../fixtures.js';

const Row = z.tuple([z.string(), z.number(), z.number(), z.number(), z.number(), z.number()]);
const Recorded = z.record(
  z.string(),
  z.object({ detections: z.record(z.string(), z.record(z.string(), z.array(Row))) }),
);

/** Told tracks by id, with the frames they were open in, from detections recorded at 2 frames/s. */
async function follow(
  dir: string,
  clip: string,
  model: string,
  modelScoreMin: number,
  size: readonly [number, number],
) {
  const recorded = Recorded.parse(parseJson(await readFile(resolve(dir, 'expected/video-detections.json'), 'utf8')));
  const [widthPx, heightPx] = size;
  const filter = new DetectionFilter(
    ObjectSettings.parse({}),
    ['person', 'car', 'truck', 'bus', 'bicycle'],
    modelScoreMin,
  );
  const tracker = new Tracker(TrackerSettings.parse({}), filter);
  const open = new Map<number, { label: string; frames: number[] }>();
  for (const [frame, byModel] of Object.entries(recorded[clip]?.detections ?? {})) {
    const rows = byModel[model] ?? [];
    const detections = rows.map(([label, score, ...box]) => ({ classId: 0, label, score, box }));
    const merged = mergeLooks([{ region: [0, 0, widthPx, heightPx], detections }], widthPx, heightPx);
    tracker.update({
      detections: filter.apply(merged, widthPx, heightPx),
      regions: [[0, 0, widthPx, heightPx]],
      widthPx,
      heightPx,
      monoMs: 100 * Number(frame),
    });
    for (const track of tracker.told) {
      const entry = open.get(track.id) ?? { label: track.label, frames: [] };
      open.set(track.id, { label: track.label, frames: [...entry.frames, Number(frame)] });
    }
  }
  return [...open.values()];
}

describeWithFixtures('the tracker on recorded detections, two frames a second', (dir) => {
  test.each([
    ['yolox_nano.onnx', 0.3],
    ['FastestDet.onnx', 0.65],
  ])('one-person-room by %s: one woman, one man', async (model, scoreMin) => {
    const people = (await follow(dir, 'one-person-room.mjpeg', model, scoreMin, [768, 432])).filter(
      ({ label }) => label === 'person',
    );
    expect(people).toHaveLength(2);
    expect(people[0]?.frames[0]).toBeLessThanOrEqual(40);
    expect(people[0]?.frames.at(-1)).toBeLessThanOrEqual(170);
    expect(people[1]?.frames[0]).toBeLessThanOrEqual(205);
    expect(people[1]?.frames.at(-1)).toBe(215);
  });

  test('shop-aisle by yolox_nano.onnx: three people', async () => {
    const people = await follow(dir, 'shop-aisle.mjpeg', 'yolox_nano.onnx', 0.3, [480, 270]);
    expect(people.map(({ label }) => label)).toEqual(['person', 'person', 'person']);
    expect(people.every(({ frames }) => frames.at(-1) === 40)).toBe(true);
  });
});
