import { auditRate } from './audit-selection.js';
import type { AuditVerdict } from './audit-verdict.js';

/** A verdict on one result of a node, in the order in which the results were made. */
export type JudgedResult = {
  readonly epoch: string;
  readonly seq: number;
  /** When it was captured, by the worker's wall clock, ms. */
  readonly atMs: number;
  readonly verdict: AuditVerdict;
  /** The two auditors, in the order of their names. */
  readonly by: readonly [string, string];
  /** Both auditors have recorded it; one alone may have invented it. */
  readonly isByTwo: boolean;
};

/** How far a node with a model can be trusted, by what others found. */
export type AuditStanding = {
  readonly validInRow: number;
  readonly valid: number;
  readonly disputed: number;
  readonly inconclusive: number;
  readonly isDoubted: boolean;
  /** Of a doubt: the capture time of the first disputed result it rests on, wall clock ms. */
  readonly sinceMs: number | undefined;
  /** Of a doubt: what was found since then, that one included. */
  readonly disputedSince: number;
  readonly validSince: number;
  /** The newest result disputed. */
  readonly lastDisputed: { readonly e: string; readonly s: number } | undefined;
  /** Which part of its results is to be audited. */
  readonly rate: number;
};

/** How many disputes make a doubt, and what ends it. */
export type DoubtRules = {
  /** One dispute of honest boards is rare, two close together are not chance. */
  readonly disputes: number;
  /** Among so many results judged valid or disputed. */
  readonly within: number;
  /** So many auditors have disputed them: two boards with one fault cannot bring a third one into doubt. */
  readonly auditors: number;
  /** Where the last so many were judged by one and the same pair, nobody else may be left, and the pair is enough. */
  readonly pairInRow: number;
  /** Valid results in a row, by two auditors each, that end the first doubt; each doubt after it takes twice as many. */
  readonly clearedBy: number;
  readonly clearedByMax: number;
};

/**
 * With d false disputes per comparison an honest node is doubted about once in 1 / (99 d²) comparisons: once in a million
 * at d = 1/10,000. Of a node wrong once in a hundred results the second dispute comes within 99 with 63 %. Of five nodes two
 * given ones audit a result once in six, and six results in a row once in 46,656; six are audited at once of a new node.
 */
export const DOUBT_RULES: DoubtRules = {
  disputes: 2,
  within: 100,
  auditors: 3,
  pairInRow: 6,
  clearedBy: 10,
  clearedByMax: 160,
};

/** A dispute that counts: its place among the results judged valid or disputed by two, and when it was captured. */
type Dispute = { readonly at: number; readonly atMs: number; readonly by: JudgedResult['by'] };

/** What has been made of the results up to one of them. */
export type StandingFold = {
  readonly validInRow: number;
  /** Of these, by two auditors. */
  readonly confirmedInRow: number;
  readonly valid: number;
  readonly disputed: number;
  readonly inconclusive: number;
  /** Valid or disputed, by two auditors. */
  readonly decided: number;
  /** Of these, the last ones that one and the same pair judged. */
  readonly pairInRow: number;
  readonly pair: JudgedResult['by'] | undefined;
  readonly disputes: readonly Dispute[];
  readonly doubts: number;
  readonly sinceMs: number | undefined;
  readonly disputedSince: number;
  readonly validSince: number;
  readonly lastDisputed: AuditStanding['lastDisputed'];
};

type Folding = { -readonly [Key in keyof StandingFold]: StandingFold[Key] };

const NO_DOUBT = { sinceMs: undefined, disputedSince: 0, validSince: 0 };

/** Before the first result. */
export const NOTHING_JUDGED: StandingFold = {
  ...{ validInRow: 0, confirmedInRow: 0, valid: 0, disputed: 0, inconclusive: 0, decided: 0 },
  ...{ pairInRow: 0, pair: undefined, disputes: [], doubts: 0, ...NO_DOUBT, lastDisputed: undefined },
};

/** Goes on from what was made of the results before. */
export function foldResults(
  before: StandingFold,
  results: readonly JudgedResult[],
  rules: DoubtRules = DOUBT_RULES,
): StandingFold {
  const fold: Folding = { ...before };
  for (const result of results) apply(fold, result, rules);
  return fold;
}

/** The standing that follows from the results so far. */
export function standingAfter(fold: StandingFold): AuditStanding {
  const { validInRow, valid, disputed, inconclusive, sinceMs, disputedSince, validSince, lastDisputed } = fold;
  return {
    ...{ validInRow, valid, disputed, inconclusive, isDoubted: sinceMs !== undefined, sinceMs },
    ...{ disputedSince, validSince, lastDisputed, rate: auditRate(validInRow) },
  };
}

/** The standing that follows from judged results, in the order given. */
export function standingOf(results: readonly JudgedResult[], rules: DoubtRules = DOUBT_RULES): AuditStanding {
  return standingAfter(foldResults(NOTHING_JUDGED, results, rules));
}

function apply(fold: Folding, result: JudgedResult, rules: DoubtRules): void {
  const { verdict, epoch, seq, by, isByTwo } = result;
  fold[verdict]++;
  if (verdict === 'disputed') fold.lastDisputed = { e: epoch, s: seq };
  if (verdict !== 'valid') fold.validInRow = fold.confirmedInRow = 0;
  if (verdict === 'inconclusive') return;
  if (verdict === 'valid') fold.validInRow++;
  // What one auditor says alone makes audits rarer, and neither keeps a doubt from rising nor ends it.
  if (!isByTwo) return;
  const at = fold.decided++;
  fold.pairInRow = isSamePair(fold.pair, by) ? fold.pairInRow + 1 : 1;
  fold.pair = by;
  const [oldest] = fold.disputes;
  if (oldest !== undefined && at - oldest.at >= rules.within) {
    fold.disputes = fold.disputes.filter((dispute) => at - dispute.at < rules.within);
  }
  if (verdict === 'valid') applyValid(fold, rules);
  else applyDispute(fold, { at, atMs: result.atMs, by }, rules);
}

function applyDispute(fold: Folding, dispute: Dispute, rules: DoubtRules): void {
  fold.disputes = [...fold.disputes, dispute];
  if (fold.sinceMs !== undefined) {
    fold.disputedSince++;
    return;
  }
  const [first] = fold.disputes;
  if (first === undefined || !isBorneOut(fold, rules)) return;
  fold.doubts++;
  fold.sinceMs = first.atMs;
  fold.disputedSince = fold.disputes.length;
  fold.validSince = fold.decided - first.at - fold.disputes.length;
}

// Two boards that are wrong alike dispute, as a pair, whatever an honest one sees.
function isBorneOut({ disputes, decided, pairInRow }: StandingFold, rules: DoubtRules): boolean {
  if (disputes.length < rules.disputes) return false;
  if (new Set(disputes.flatMap(({ by }) => by)).size >= rules.auditors) return true;
  const inRow = disputes.filter(({ at }) => at >= decided - pairInRow);
  return pairInRow >= rules.pairInRow && inRow.length >= rules.disputes;
}

function applyValid(fold: Folding, rules: DoubtRules): void {
  fold.confirmedInRow++;
  if (fold.sinceMs !== undefined) fold.validSince++;
  const needed = Math.min(rules.clearedByMax, rules.clearedBy * 2 ** (fold.doubts - 1));
  if (fold.sinceMs === undefined || fold.confirmedInRow < needed) return;
  Object.assign(fold, NO_DOUBT);
  fold.disputes = [];
}

function isSamePair(one: JudgedResult['by'] | undefined, other: JudgedResult['by']): boolean {
  return one !== undefined && one[0] === other[0] && one[1] === other[1];
}
