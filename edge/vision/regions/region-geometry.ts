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

/** What two clusters would be as one, and how much picture that spares, px². */
type Join = { readonly joined: Cluster; readonly savingPx: number };

/**
 * Crops for boxes, joined wherever one crop for two costs no more picture than the two apart: greedy, the best saving
 * first. Every box lies in one crop.
 */
export function clusterRegions(boxes: readonly BoxXyxyPx[], shape: RegionShape): BoxXyxyPx[] {
  const clusters: Cluster[] = boxes.map((bounds) => ({ bounds, region: regionAround(bounds, shape) }));
  // Row i: the joins of cluster i with those behind it. Kept from round to round: a crowd has thousands, and each round
  // changes only those of two.
  const joins = clusters.map((a, i) => clusters.slice(i + 1).map((b) => joinOf(a, b, shape)));
  for (let best = bestOf(joins); best !== undefined; best = bestOf(joins)) {
    const [i, j, { joined }] = best;
    for (const gone of [j, i]) {
      clusters.splice(gone, 1);
      joins.splice(gone, 1);
      for (let row = 0; row < gone; row++) joins[row]?.splice(gone - row - 1, 1);
    }
    for (const [row, cluster] of clusters.entries()) joins[row]?.push(joinOf(cluster, joined, shape));
    clusters.push(joined);
    joins.push([]);
  }
  return clusters.map((cluster) => cluster.region);
}

function joinOf(a: Cluster, b: Cluster, shape: RegionShape): Join {
  const bounds = unionOf(a.bounds, b.bounds);
  const joined = { bounds, region: regionAround(bounds, shape) };
  return { joined, savingPx: boxArea(a.region) + boxArea(b.region) - boxArea(joined.region) };
}

function bestOf(joins: readonly (readonly Join[])[]): [i: number, j: number, join: Join] | undefined {
  let best: [number, number, Join] | undefined;
  for (const [i, row] of joins.entries()) {
    for (const [behind, join] of row.entries()) {
      if (join.savingPx >= 0 && (best === undefined || join.savingPx > best[2].savingPx))
        best = [i, i + 1 + behind, join];
    }
  }
  return best;
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
