import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { decodePicture } from '../../../edge/capture/picture-decoder.js';
import { OfferBox } from '../../../edge/process/offer-box.js';
import { FRAME_AGE_MAX_MS, OfferingDetector } from '../../../edge/process/offering-detector.js';
import { Turns } from '../../../edge/process/turns.js';
import type { OfferReport } from '../../../edge/process/vision-message.js';
import type { BoxXyxyPx } from '../../../edge/vision/box.js';
import { loadDetector } from '../../../edge/vision/detect/load-detector.js';
import type { OnnxDetector } from '../../../edge/vision/detect/onnx-detector.js';
import { encodeRegion } from '../../../edge/vision/detect/region-jpeg.js';
import type { Detection } from '../../../edge/vision/detection.js';
import { SceneCamera } from '../../../firmware-sim/scene/scene-camera.js';
import { eventually } from '../../eventually.js';

let model: OnnxDetector;
beforeAll(async () => {
  model = await loadDetector({ modelPath: 'edge/models/vedette-sim.onnx' });
});
afterAll(() => model.close());

const scene = (seed: number) => {
  const camera = new SceneCamera({ seed, widthPx: 640, heightPx: 480, fps: 10, difficulty: 'demo' });
  const { rgb } = camera.frame(30);
  return { kind: 'rgb' as const, widthPx: 640, heightPx: 480, data: rgb };
};

/** Three cameras, one place here and one away, of a node whose cameras are all waiting. */
async function away() {
  const clock = new SimulatedClock();
  const turns = new Turns(clock);
  const reports: OfferReport[] = [];
  const waits: boolean[] = [];
  const offers = new OfferBox({ clock, report: (report) => reports.push(report) });
  const stop = new AbortController();
  turns.open(1);
  turns.setAway(1);
  const here = await turns.take('other', { isUrgent: true }, stop.signal);
  const detector = new OfferingDetector({
    ...{ camera: 'front', here: model, offers, turns, clock, onWaiting: (isWaiting) => waits.push(isWaiting) },
  });
  const turn = await turns.take('front', { isUrgent: true }, stop.signal);
  detector.begin({ turn, isUrgent: true, capturedMonoMs: clock.monoMs(), signal: stop.signal });
  return { clock, turns, reports, waits, offers, here, detector, turn, stop };
}

async function firstOf(reports: readonly OfferReport[]): Promise<OfferReport> {
  await eventually(() => reports.length > 0, 'a picture is offered');
  const [first] = reports;
  if (first === undefined) throw new Error('nothing was offered');
  return first;
}

function iou(a: BoxXyxyPx, b: BoxXyxyPx): number {
  const side = (low: number, high: number) => Math.max(0, high - low);
  const common = side(Math.max(a[0], b[0]), Math.min(a[2], b[2])) * side(Math.max(a[1], b[1]), Math.min(a[3], b[3]));
  const area = (box: BoxXyxyPx) => side(box[0], box[2]) * side(box[1], box[3]);
  return common / (area(a) + area(b) - common);
}

describe('a detector that is away', () => {
  it('gives boxes of the picture, as the own one finds them', async () => {
    let compared = 0;
    let alike = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const picture = scene(seed);
      const region: BoxXyxyPx = seed % 2 === 0 ? [0, 0, 640, 480] : [100, 60, 516, 476];
      const own = await model.detect(picture, { region, scoreMin: 0.4 });
      const { detector, reports, offers } = await away();
      const found = detector.detect(picture, { region, scoreMin: 0.4 });
      const offer = await firstOf(reports);
      const sent = await decodePicture(offer.jpeg);
      expect([sent.widthPx, sent.heightPx]).toEqual([offer.widthPx, offer.heightPx]);
      const looked = await model.detect(sent, { scoreMin: offer.scoreMin });
      const boxes = looked.map(({ label, score, box: [x1, y1, x2, y2] }) => ({
        ...{ l: label, p: score, b: [x1, y1, x2, y2] as [number, number, number, number] },
      }));
      offers.onOffered({ type: 'offered', request: offer.request, boxes });
      const others = await found;
      const isAlike = (a: Detection) => others.some((b) => b.label === a.label && iou(a.box, b.box) > 0.8);
      compared += own.length;
      alike += own.filter(isAlike).length;
      expect(detector.end()).toBe(true);
    }
    expect(compared).toBeGreaterThan(5);
    expect(alike / compared).toBeGreaterThan(0.9);
  });

  it('is the own one again, on the same frame, when nobody looked and a place is free', async () => {
    const { detector, reports, offers, here, turns, waits } = await away();
    const picture = scene(3);
    const found = detector.detect(picture, { scoreMin: 0.4 });
    const offer = await firstOf(reports);
    offers.onOffered({ type: 'offered', request: offer.request });
    await eventually(() => waits.length === 3, 'it waits for a place here');
    // Its place away is free for another camera meanwhile.
    turns.setAway(1);
    here.end();
    expect(await found).toEqual(await model.detect(picture, { scoreMin: 0.4 }));
    expect(detector.end()).toBe(false);
    expect(waits.at(-1)).toBe(false);
    const next = await turns.take('third', { isUrgent: true }, new AbortController().signal);
    expect(next.place).toBe('here');
  });

  it('gives a frame up that nobody had time for, and says so', async () => {
    const { detector, reports, offers, clock, waits } = await away();
    const found = detector.detect(scene(3), { scoreMin: 0.4 });
    const offer = await firstOf(reports);
    offers.onOffered({ type: 'offered', request: offer.request });
    await eventually(() => waits.length === 3, 'it waits for a place here');
    const failed = expect(found).rejects.toMatchObject({ code: 'timeout' });
    await clock.advance(FRAME_AGE_MAX_MS);
    await failed;
  });

  it('does not hold its camera when the main process says nothing, or the node stops', async () => {
    const silent = await away();
    const unanswered = silent.detector.detect(scene(3), {});
    await firstOf(silent.reports);
    const failed = expect(unanswered).rejects.toMatchObject({ code: 'timeout' });
    await silent.clock.advance(60_000);
    await failed;

    const stopping = await away();
    const stopped = stopping.detector.detect(scene(3), {});
    await firstOf(stopping.reports);
    stopping.stop.abort(new Error('the node stops'));
    stopping.offers.close();
    await expect(stopped).rejects.toThrow('the node stops');
  });
});

describe('a region as JPEG', () => {
  const INPUT = { widthPx: 320, heightPx: 320 };
  it('has no more pixels than the detector has use for, and no fewer', async () => {
    const picture = scene(5);
    expect(await encodeRegion(picture, [0, 0, 640, 480], INPUT, 85)).toMatchObject({ widthPx: 427, heightPx: 320 });
    expect(await encodeRegion(picture, [10, 20, 110, 90], INPUT, 85)).toMatchObject({ widthPx: 100, heightPx: 70 });
    const { jpeg } = await encodeRegion(picture, [639, 479, 640, 480], INPUT, 85);
    expect((await decodePicture(jpeg)).widthPx).toBe(1);
  });
});
