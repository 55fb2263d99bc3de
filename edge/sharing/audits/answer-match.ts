import { type BoxXyxyPx, iou } from '../../vision/box.js';

/** One box of an answer: label, score 0..1, corners in pixels of the audited picture. */
export type AnswerBox = { readonly l: string; readonly p: number; readonly b: BoxXyxyPx };

/** What a detector says of a picture. Order does not matter. */
export type Answer = readonly AnswerBox[];

/** How much two boards may differ that both do as they should. */
export type MatchRules = {
  /** Overlap of two boxes that are the same one. */
  readonly iouMin: number;
  /** Difference of their scores, 0..1. */
  readonly scoreDiffMax: number;
  /** A box this close above the threshold may be missing: on another board it may lie just below. */
  readonly nearThreshold: number;
  /** A box below this score may be missing, too: another decoder of JPEG has been seen to halve it. */
  readonly sureFrom: number;
};

/** BOINC's idea of a fuzzy comparison; `npm run bench:audit` measures what these numbers cost and find. */
export const MATCH_RULES: MatchRules = { iouMin: 0.6, scoreDiffMax: 0.08, nearThreshold: 0.08, sureFrom: 0.5 };

/** How two answers to the same picture differ; undefined where they are the same. */
export type Difference = 'missing-box' | 'other-label' | 'other-box' | 'other-score';

/**
 * Compares two answers to the same bytes. Boxes are paired greedily, highest score first, each with the one of its label
 * that overlaps most; one without a pair that lies largely under a better one of its label may be missing. Symmetric.
 * @param scoreMin the threshold both were asked with, 0..1.
 */
export function differenceOf(
  one: Answer,
  other: Answer,
  scoreMin: number,
  rules: MatchRules = MATCH_RULES,
): Difference | undefined {
  const { left, right, lone, off } = compare(one, other, scoreMin, rules);
  if (lone.length > 0) return whyAlone(left, right, rules.iouMin);
  return off.length > 0 ? 'other-score' : undefined;
}

/** The boxes of either answer that make the difference. */
export function differingBoxes(
  one: Answer,
  other: Answer,
  scoreMin: number,
  rules: MatchRules = MATCH_RULES,
): readonly AnswerBox[] {
  const { lone, off } = compare(one, other, scoreMin, rules);
  return [...lone, ...off];
}

function compare(one: Answer, other: Answer, scoreMin: number, rules: MatchRules) {
  const { pairs, left, right } = pairUp(one, other, rules.iouMin);
  const clearFrom = Math.max(scoreMin + rules.nearThreshold, rules.sureFrom);
  const isClear = ({ p }: AnswerBox) => p >= clearFrom;
  const isLone = (box: AnswerBox, others: Answer) => isClear(box) && !isHidden(box, others);
  const [paired, pairedOther] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
  const lone = [...left.filter((box) => isLone(box, pairedOther)), ...right.filter((box) => isLone(box, paired))];
  const diffMax = (a: AnswerBox, b: AnswerBox) => (isClear(a) && isClear(b) ? 1 : UNSURE_FACTOR) * rules.scoreDiffMax;
  const isOff = (a: AnswerBox, b: AnswerBox) => (isClear(a) || isClear(b)) && Math.abs(a.p - b.p) > diffMax(a, b);
  return { left, right, lone, off: pairs.filter(([a, b]) => isOff(a, b)).flat() };
}

/** Scores of a box that one of the two is not sure of lie further apart. */
const UNSURE_FACTOR = 2;
/** Of two boxes of one label that overlap so much one detector gives both, another the better one alone. */
const HIDING_IOU = { min: 0.4, max: 0.8 };

// Models keep both up to some overlap, and with another decoder of JPEG it may lie on the other side of that.
function isHidden(box: AnswerBox, others: Answer): boolean {
  return others.some(({ l, p, b }) => {
    const overlap = iou(b, box.b);
    return l === box.l && p >= box.p && overlap >= HIDING_IOU.min && overlap < HIDING_IOU.max;
  });
}

type Pairing = {
  readonly pairs: readonly (readonly [AnswerBox, AnswerBox])[];
  readonly left: readonly AnswerBox[];
  readonly right: readonly AnswerBox[];
};

// Pairs are taken by their overlap, not by whose box comes first: that keeps the comparison symmetric.
function pairUp(one: Answer, other: Answer, iouMin: number): Pairing {
  const possible = one
    .flatMap((a) => other.filter((b) => a.l === b.l).map((b) => ({ a, b, overlap: iou(a.b, b.b) })))
    .filter(({ overlap }) => overlap >= iouMin)
    .sort((x, y) => Math.max(y.a.p, y.b.p) - Math.max(x.a.p, x.b.p) || y.overlap - x.overlap);
  const pairs: (readonly [AnswerBox, AnswerBox])[] = [];
  const taken = new Set<AnswerBox>();
  for (const { a, b } of possible) {
    if (taken.has(a) || taken.has(b)) continue;
    taken.add(a);
    taken.add(b);
    pairs.push([a, b]);
  }
  return { pairs, left: one.filter((box) => !taken.has(box)), right: other.filter((box) => !taken.has(box)) };
}

function whyAlone(left: Answer, right: Answer, iouMin: number): Difference {
  const overlaps = left.flatMap((a) => right.map((b) => ({ sameLabel: a.l === b.l, overlap: iou(a.b, b.b) })));
  if (overlaps.some(({ sameLabel, overlap }) => !sameLabel && overlap >= iouMin)) return 'other-label';
  return overlaps.some(({ sameLabel, overlap }) => sameLabel && overlap > 0.5) ? 'other-box' : 'missing-box';
}
