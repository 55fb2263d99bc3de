import type { TruthObject } from '../../firmware-sim/scene/truth.js';

/** A detection in the evaluation: x1, y1, x2, y2 in the pixels of the truth. */
export type Scored = {
  readonly label: string;
  readonly score: number;
  readonly box: readonly [number, number, number, number];
};

/** One picture: what is there, what was found, and how many picture pixels one model pixel is. */
export type Scene = {
  readonly truth: readonly TruthObject[];
  readonly found: readonly Scored[];
  readonly pxPerModelPx: number;
};

// The same as in firmware-sim/training/dataset.py: what is less is neither demanded nor punished.
const HEIGHT_MIN = 7;
const WIDTH_MIN = 3;
const VISIBLE_MIN = 0.25;
const IOU_MIN = 0.5;

type Judged = { readonly score: number; readonly isHit: boolean };

/** Average precision at IoU 0.5 by COCO's 101 recall points, over objects at least `heightMin` model pixels high. */
export function averagePrecision(scenes: readonly Scene[], label: string, heightMin = HEIGHT_MIN): number {
  const { judged, asked } = judge(scenes, label, heightMin, VISIBLE_MIN);
  judged.sort((a, b) => b.score - a.score);
  const recall: number[] = [];
  const precision: number[] = [];
  let hits = 0;
  judged.forEach((one, i) => {
    hits += one.isHit ? 1 : 0;
    recall.push(hits / asked);
    precision.push(hits / (i + 1));
  });
  for (let i = precision.length - 2; i >= 0; i--) precision[i] = Math.max(precision[i] ?? 0, precision[i + 1] ?? 0);
  let sum = 0;
  for (let point = 0; point <= 100; point++) {
    const at = recall.findIndex((value) => value >= point / 100);
    sum += at < 0 ? 0 : (precision[at] ?? 0);
  }
  return sum / 101;
}

/** Share of detections that are right, and of objects visible at least so far that are found, over all labels. */
export function precisionAndRecall(scenes: readonly Scene[], labels: readonly string[], visibleMin: number) {
  const all = labels.map((label) => judge(scenes, label, HEIGHT_MIN, visibleMin));
  const hits = all.reduce((sum, one) => sum + one.judged.filter((item) => item.isHit).length, 0);
  const given = all.reduce((sum, one) => sum + one.judged.length, 0);
  const asked = all.reduce((sum, one) => sum + one.asked, 0);
  return { precision: hits / given, recall: hits / asked, asked };
}

function judge(
  scenes: readonly Scene[],
  label: string,
  heightMin: number,
  visibleMin: number,
): { judged: Judged[]; asked: number } {
  const judged: Judged[] = [];
  let asked = 0;
  for (const { truth, found, pxPerModelPx } of scenes) {
    const own = truth.filter((object) => object.label === label);
    const isAsked = (object: TruthObject): boolean => {
      const [x1, y1, x2, y2] = object.boxXyxyPx;
      const height = (y2 - y1) / pxPerModelPx;
      return height >= heightMin && (x2 - x1) / pxPerModelPx >= WIDTH_MIN && object.visible >= visibleMin;
    };
    const free = new Set(own.filter(isAsked));
    const ignored = own.filter((object) => !free.has(object));
    asked += free.size;
    const mine = found.filter((one) => one.label === label).toSorted((a, b) => b.score - a.score);
    for (const { score, box } of mine) {
      let best: TruthObject | undefined;
      let bestIou = IOU_MIN;
      for (const object of free) {
        const { iou } = overlap(box, object.boxXyxyPx);
        if (iou >= bestIou) [best, bestIou] = [object, iou];
      }
      if (best !== undefined) {
        free.delete(best);
        judged.push({ score, isHit: true });
        continue;
      }
      const onIgnored = ignored.some((object) => {
        const { iou, share } = overlap(box, object.boxXyxyPx);
        return iou >= IOU_MIN || share >= 0.5;
      });
      // A box of a smaller object than is asked for says nothing about the larger ones.
      const tooSmall = (box[3] - box[1]) / pxPerModelPx < heightMin * 0.8;
      if (!onIgnored && !tooSmall) judged.push({ score, isHit: false });
    }
  }
  return { judged, asked };
}

function overlap(a: Scored['box'], b: Scored['box']): { iou: number; share: number } {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const inner = width > 0 && height > 0 ? width * height : 0;
  const areaA = (a[2] - a[0]) * (a[3] - a[1]);
  const areaB = (b[2] - b[0]) * (b[3] - b[1]);
  return { iou: inner / (areaA + areaB - inner), share: inner / areaA };
}
