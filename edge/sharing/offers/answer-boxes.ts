import type { SharedBox } from '../../../protocol/shared-box.js';

/** Boxes may lie this much outside by rounding; they are cut to the picture. */
const OUTSIDE_PX_MAX = 1;

/** What boxes of an answer are measured by: the picture that was sent, and the model both sides have. */
export type AskedPicture = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly labels: ReadonlySet<string>;
};

/**
 * The boxes of an answer, cut to the picture that was sent.
 * @returns undefined when one of them cannot be of it: not a number, inside out, outside, with a label the model does not
 * have. The others are then not to be believed either.
 */
export function readBoxes(boxes: readonly SharedBox[], asked: AskedPicture): SharedBox[] | undefined {
  const read = boxes.flatMap((box) => readBox(box, asked) ?? []);
  return read.length === boxes.length ? read : undefined;
}

function readBox({ l, p, b }: SharedBox, { widthPx, heightPx, labels }: AskedPicture): SharedBox | undefined {
  const [x1, y1, x2, y2] = b;
  const isOrdered = x1 < x2 && y1 < y2;
  const isInside =
    Math.min(x1, y1) >= -OUTSIDE_PX_MAX && x2 <= widthPx + OUTSIDE_PX_MAX && y2 <= heightPx + OUTSIDE_PX_MAX;
  const isScore = p >= 0 && p <= 1;
  if (!isOrdered || !isInside || !isScore || !labels.has(l)) return undefined;
  return { l, p, b: [Math.max(0, x1), Math.max(0, y1), Math.min(widthPx, x2), Math.min(heightPx, y2)] };
}
