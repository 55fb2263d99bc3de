import { iou } from '../../vision/box.js';
import { type Answer, type AnswerBox, differingBoxes, MATCH_RULES, type MatchRules } from './answer-match.js';

/** Two boxes that differ in the same place, IoU. */
const SAME_PLACE_IOU = 0.4;

/**
 * Whether what a worker saw lies within what an auditor itself sees in changed copies of the picture: there is no box in
 * which it differs from the auditor's first answer and from those to all copies.
 * @param again the auditor's answers to the copies, as many as there are so far.
 */
export function isWithinReach(
  worker: Answer,
  mine: Answer,
  again: readonly Answer[],
  scoreMin: number,
  rules: MatchRules = MATCH_RULES,
): boolean {
  const isThere = ({ b }: AnswerBox, boxes: readonly AnswerBox[]) =>
    boxes.some((one) => iou(one.b, b) >= SAME_PLACE_IOU);
  const left = again.reduce(
    (boxes, answer) => {
      const differing = differingBoxes(worker, answer, scoreMin, rules);
      return boxes.filter((box) => isThere(box, differing));
    },
    differingBoxes(worker, mine, scoreMin, rules),
  );
  return left.length === 0;
}
