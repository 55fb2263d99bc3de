import { type Answer, type Difference, differenceOf, MATCH_RULES, type MatchRules } from './answer-match.js';

/** `valid` and `disputed` are two against one at least; three different answers are `inconclusive`. */
export type AuditVerdict = 'valid' | 'disputed' | 'inconclusive';

export type Judgement = {
  readonly verdict: AuditVerdict;
  /** Of a dispute: how the worker's answer differs. */
  readonly why?: Difference | 'stuck';
  /** The auditor whose answer was the odd one, where the worker's was not. */
  readonly odd?: 'first' | 'second';
};

export type AuditAnswers = {
  readonly worker: Answer;
  readonly first: Answer;
  /** Undefined: it did not answer. */
  readonly second: Answer | undefined;
  /** The threshold all three were asked with. */
  readonly scoreMin: number;
  /** Auditors that have seen this very picture of a live camera at another time. */
  readonly seenBefore?: number;
};

/**
 * Two of three. The auditors may be given in either order.
 * @returns undefined where it takes the answer that is missing.
 */
export function judgeAnswers(answers: AuditAnswers, rules: MatchRules = MATCH_RULES): Judgement | undefined {
  const { worker, first, second, scoreMin, seenBefore = 0 } = answers;
  // The word of one is no dispute: it is remembered by both from now on.
  if (seenBefore > 0 && second !== undefined) {
    return seenBefore === 1 ? { verdict: 'inconclusive' } : { verdict: 'disputed', why: 'stuck' };
  }
  const difference = differenceOf(worker, first, scoreMin, rules);
  if (second === undefined) return difference === undefined ? { verdict: 'valid' } : undefined;
  const otherDifference = differenceOf(worker, second, scoreMin, rules);
  if (difference === undefined && otherDifference === undefined) return { verdict: 'valid' };
  if (difference === undefined) return { verdict: 'valid', odd: 'second' };
  if (otherDifference === undefined) return { verdict: 'valid', odd: 'first' };
  if (differenceOf(first, second, scoreMin, rules) !== undefined) return { verdict: 'inconclusive' };
  // Either auditor may be the first one: what is told must be the same at both.
  return { verdict: 'disputed', why: [difference, otherDifference].sort()[0] ?? difference };
}

/** What two auditors have recorded of one result; undefined as long as it decides nothing. */
export function combineVerdicts(one: AuditVerdict, other: AuditVerdict | undefined): AuditVerdict | undefined {
  // One auditor alone may have missed the other's answer, or be the one that is wrong: it cannot dispute.
  if (other === undefined) return one === 'disputed' ? undefined : one;
  return one === other ? one : 'inconclusive';
}
