import { CANDIDATES_MAX, type Candidates } from './candidates.js';

/** No picture a detector is shown has more objects; COCO's own measure stops at 100. */
export const DETECTIONS_MAX = 300;

/**
 * Picks the candidates that are objects: the strongest first, and of one class none that overlaps a stronger one by more
 * than `iouMax`. Greedy NMS on real corners, class by class.
 * Buffers are used again: the result is valid until the next call.
 */
export class Nms {
  readonly #order = new Int32Array(CANDIDATES_MAX);
  readonly #kept = new Int32Array(DETECTIONS_MAX);
  readonly #areas = new Float64Array(CANDIDATES_MAX);

  /**
   * @param iouMax undefined: the graph has done it; only order and limit.
   * @returns indexes into `candidates`, i32, highest score first; of equal scores the one that was added first.
   */
  select(candidates: Candidates, iouMax: number | undefined): Int32Array {
    const { count } = candidates;
    sortByScore(this.#order, candidates.scores, count);
    let kept = 0;
    for (let i = 0; i < count && kept < DETECTIONS_MAX; i++) {
      const at = this.#order[i] ?? 0;
      this.#areas[at] = areaOf(candidates.boxes, at);
      if (iouMax === undefined || !this.#isCovered(candidates, at, kept, iouMax)) this.#kept[kept++] = at;
    }
    return this.#kept.subarray(0, kept);
  }

  #isCovered({ boxes, labels }: Candidates, at: number, kept: number, iouMax: number): boolean {
    const x1 = boxes[4 * at] ?? 0;
    const y1 = boxes[4 * at + 1] ?? 0;
    const x2 = boxes[4 * at + 2] ?? 0;
    const y2 = boxes[4 * at + 3] ?? 0;
    const area = this.#areas[at] ?? 0;
    for (let k = 0; k < kept; k++) {
      const other = this.#kept[k] ?? 0;
      if (labels[other] !== labels[at]) continue;
      const width = Math.min(x2, boxes[4 * other + 2] ?? 0) - Math.max(x1, boxes[4 * other] ?? 0);
      const height = Math.min(y2, boxes[4 * other + 3] ?? 0) - Math.max(y1, boxes[4 * other + 1] ?? 0);
      if (width <= 0 || height <= 0) continue;
      const shared = width * height;
      if (shared > iouMax * (area + (this.#areas[other] ?? 0) - shared)) return true;
    }
    return false;
  }
}

function areaOf(boxes: Float32Array, at: number): number {
  return ((boxes[4 * at + 2] ?? 0) - (boxes[4 * at] ?? 0)) * ((boxes[4 * at + 3] ?? 0) - (boxes[4 * at + 1] ?? 0));
}

// Heap sort in place: a comparator on a typed array makes garbage on every picture.
function sortByScore(order: Int32Array, scores: Float32Array, count: number): void {
  for (let i = 0; i < count; i++) order[i] = i;
  for (let root = (count >> 1) - 1; root >= 0; root--) sink(order, scores, root, count);
  for (let end = count - 1; end > 0; end--) {
    const weakest = order[0] ?? 0;
    order[0] = order[end] ?? 0;
    order[end] = weakest;
    sink(order, scores, 0, end);
  }
}

// Keeps the weakest at the root, so that the sorted order grows from the end: strongest first.
function sink(order: Int32Array, scores: Float32Array, from: number, end: number): void {
  let root = from;
  for (;;) {
    let child = 2 * root + 1;
    if (child >= end) return;
    if (child + 1 < end && isWeaker(order[child + 1] ?? 0, order[child] ?? 0, scores)) child++;
    if (!isWeaker(order[child] ?? 0, order[root] ?? 0, scores)) return;
    const moved = order[root] ?? 0;
    order[root] = order[child] ?? 0;
    order[child] = moved;
    root = child;
  }
}

function isWeaker(a: number, b: number, scores: Float32Array): boolean {
  const difference = (scores[a] ?? 0) - (scores[b] ?? 0);
  return difference < 0 || (difference === 0 && a > b);
}
