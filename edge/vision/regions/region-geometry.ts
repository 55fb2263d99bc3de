import { type BoxXyxyPx, boxArea } from '../box.js';

/** What a crop must look like: the picture it is cut from, the model it is for, the air around its objects. */
export type RegionShape = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly inputWidthPx: number;
  readonly inputHeightPx: number;
  /** Crop side over object side. */
  readonly margin: number;
};

type Cluster = { readonly bounds: BoxXyxyPx; readonly region: BoxXyxyPx };

/**
 * The crop for an object: the model's aspect, centred on it, never smaller than the model's input (pixels made up by
 * scaling tell nothing new), moved and if need be cut to lie inside the picture. Integer pixels.
 */
export function regionAround(box: BoxXyxyPx, shape: RegionShape): BoxXyxyPx {
  const scale = Math.max(
    (shape.margin * (box[2] - box[0])) / shape.inputWidthPx,
    (shape.margin * (box[3] - box[1])) / shape.inputHeightPx,
    1,
  );
  const [x1, x2] = place((box[0] + box[2]) / 2, Math.ceil(scale * shape.inputWidthPx), shape.widthPx);
  const [y1, y2] = place((box[1] + box[3]) / 2, Math.ceil(scale * shape.inputHeightPx), shape.heightPx);
  return [x1, y1, x2, y2];
}

/**
 * Crops for boxes, joined wherever one crop for two costs no more picture than the two apart: greedy, the best saving
 * first. Every box lies in one crop.
 */
export function clusterRegions(boxes: readonly BoxXyxyPx[], shape: RegionShape): BoxXyxyPx[] {
  let clusters: Cluster[] = boxes.map((bounds) => ({ bounds, region: regionAround(bounds, shape) }));
  for (;;) {
    let best: { i: number; j: number; joined: Cluster; saving: number } | undefined;
    for (let i = 0; i < clusters.length; i++) {
      for (let j = i + 1; j < clusters.length; j++) {
        const a = clusters[i];
        const b = clusters[j];
        if (a === undefined || b === undefined) continue;
        const bounds = unionOf(a.bounds, b.bounds);
        const joined = { bounds, region: regionAround(bounds, shape) };
        const saving = boxArea(a.region) + boxArea(b.region) - boxArea(joined.region);
        if (saving >= 0 && (best === undefined || saving > best.saving)) best = { i, j, joined, saving };
      }
    }
    if (best === undefined) return clusters.map((cluster) => cluster.region);
    const { i, j, joined } = best;
    clusters = [...clusters.filter((_, index) => index !== i && index !== j), joined];
  }
}

/** How much larger a crop shows things than the whole picture does; 1 for the whole picture. */
export function zoomOf(region: BoxXyxyPx, shape: RegionShape): number {
  const whole = Math.max(shape.widthPx / shape.inputWidthPx, shape.heightPx / shape.inputHeightPx);
  const cropped = Math.max((region[2] - region[0]) / shape.inputWidthPx, (region[3] - region[1]) / shape.inputHeightPx);
  return whole / cropped;
}

function place(centre: number, side: number, limit: number): [from: number, to: number] {
  if (side >= limit) return [0, limit];
  const from = Math.min(limit - side, Math.max(0, Math.round(centre - side / 2)));
  return [from, from + side];
}

function unionOf(a: BoxXyxyPx, b: BoxXyxyPx): BoxXyxyPx {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}
