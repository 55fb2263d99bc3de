import { auditRate } from './audit-selection.js';
import type { AuditVerdict } from './audit-verdict.js';

/** A verdict on one result of a node, in the order in which the results were made. */
export type JudgedResult = {
  readonly epoch: string;
  readonly seq: number;
  /** When it was captured, by the worker's wall clock, ms. */
  readonly atMs: number;
  readonly verdict: AuditVerdict;
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
  /** Valid results in a row, by two auditors each, that end the first doubt; each doubt after it takes twice as many. */
  readonly clearedBy: number;
  readonly clearedByMax: number;
};

/**
 * With d false disputes per comparison an honest node is doubted about once in 1 / (99 d²) comparisons: once in a million
 * at d = 1/10,000. Of a node wrong once in a hundred results the second dispute comes within 99 with 63 %.
 */
export const DOUBT_RULES: DoubtRules = { disputes: 2, within: 100, clearedBy: 10, clearedByMax: 160 };

type Fold = {
  validInRow: number;
  /** Of these, by two auditors. */
  confirmedInRow: number;
  decided: number;
  /** Disputes that count: their place among the decided, and when they were captured. */
  disputes: { readonly at: number; readonly atMs: number }[];
  doubts: number;
  sinceMs: number | undefined;
  disputedSince: number;
  validSince: number;
};

const NO_DOUBT = { sinceMs: undefined, disputedSince: 0, validSince: 0 };

/** The standing that follows from judged results, in the order given. */
export function standingOf(results: readonly JudgedResult[], rules: DoubtRules = DOUBT_RULES): AuditStanding {
  const fold: Fold = { validInRow: 0, confirmedInRow: 0, decided: 0, disputes: [], doubts: 0, ...NO_DOUBT };
  for (const result of results) apply(fold, result, rules);
  const countOf = (verdict: AuditVerdict) => results.filter((result) => result.verdict === verdict).length;
  const last = results.findLast(({ verdict }) => verdict === 'disputed');
  return {
    validInRow: fold.validInRow,
    valid: countOf('valid'),
    disputed: countOf('disputed'),
    inconclusive: countOf('inconclusive'),
    isDoubted: fold.sinceMs !== undefined,
    sinceMs: fold.sinceMs,
    disputedSince: fold.disputedSince,
    validSince: fold.validSince,
    lastDisputed: last === undefined ? undefined : { e: last.epoch, s: last.seq },
    rate: auditRate(fold.validInRow),
  };
}

function apply(fold: Fold, { verdict, atMs, isByTwo }: JudgedResult, rules: DoubtRules): void {
  if (verdict !== 'valid') fold.validInRow = fold.confirmedInRow = 0;
  if (verdict === 'inconclusive') return;
  if (verdict === 'valid') fold.validInRow++;
  // What one auditor says alone makes audits rarer, and neither keeps a doubt from rising nor ends it.
  if (!isByTwo) return;
  const at = fold.decided++;
  fold.disputes = fold.disputes.filter((dispute) => at - dispute.at < rules.within);
  if (verdict === 'valid') applyValid(fold, rules);
  else applyDispute(fold, { at, atMs }, rules);
}

function applyDispute(fold: Fold, dispute: Fold['disputes'][number], rules: DoubtRules): void {
  fold.disputes.push(dispute);
  if (fold.sinceMs !== undefined) {
    fold.disputedSince++;
    return;
  }
  const [first] = fold.disputes;
  if (first === undefined || fold.disputes.length < rules.disputes) return;
  fold.doubts++;
  fold.sinceMs = first.atMs;
  fold.disputedSince = fold.disputes.length;
  fold.validSince = fold.decided - first.at - fold.disputes.length;
}

function applyValid(fold: Fold, rules: DoubtRules): void {
  fold.confirmedInRow++;
  if (fold.sinceMs !== undefined) fold.validSince++;
  const needed = Math.min(rules.clearedByMax, rules.clearedBy * 2 ** (fold.doubts - 1));
  if (fold.sinceMs === undefined || fold.confirmedInRow < needed) return;
  Object.assign(fold, NO_DOUBT);
  fold.disputes = [];
}
