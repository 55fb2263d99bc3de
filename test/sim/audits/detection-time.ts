import type { AuditPlan, PlannedNode } from './audit-plan.js';

/** Part of the results of a sly node that it is not careful with at the floor of the rate. */
const CARELESS = 0.99;
/** An audit takes two questions and two answers between the auditors. */
const MESSAGES = 4;
/** Part of the audits that full detectors come to in time, with room. */
const FULL = 0.5;

/**
 * Results to find one wrong one with 95 %, if a hundredth is audited and so many of them are wrong and seen to be.
 * @param seenRate 0..1
 */
export function expectedResults(seenRate: number): number {
  return Math.log(0.05) / Math.log(1 - 0.01 * seenRate);
}

/** Part of the audits of a wrong node that can end in a dispute: its answer is wrong, and both auditors are right and there. */
export function seenRateOf(plan: AuditPlan, wrong: PlannedNode): number {
  const others = plan.nodes.filter((node) => node.node !== wrong.node && !node.isOld);
  const free = others.filter(({ load }) => load !== 'denies' && load !== 'full');
  const asked = free.length >= 2 ? free : others;
  const good = asked.filter(isGood);
  const leaver = asked.filter(({ leavesMs }) => Number.isFinite(leavesMs)).length;
  const pairs = Math.min(pairsOf(good.length, asked.length), pairsOf(good.length - leaver, asked.length - leaver));
  const isFull = plan.nodes.some(({ load }) => load === 'full');
  return wrong.wrongRate * CARELESS * pairs * (1 - plan.lossRate) ** MESSAGES * (isFull ? FULL : 1);
}

function isGood({ manner, load, wrongRate }: PlannedNode): boolean {
  return (manner === 'fair' || manner === 'invents') && load !== 'boasts' && wrongRate === 0;
}

function pairsOf(good: number, all: number): number {
  return (good * (good - 1)) / Math.max(1, all * (all - 1));
}

/** A wrong node that was watched for so long, as a part of the expected number of results, and was found then or not. */
export type Watched = { readonly part: number; readonly isFound: boolean };

/**
 * Part of wrong nodes that are found by then. Those not found so far count for as long as they were watched (Kaplan and
 * Meier, 1958).
 */
export function foundBy(part: number, watched: readonly Watched[]): number {
  const sorted = [...watched].sort((a, b) => a.part - b.part);
  const missed = sorted.reduce(
    (left, one, i) => (one.isFound && one.part <= part ? left * (1 - 1 / (sorted.length - i)) : left),
    1,
  );
  return 1 - missed;
}
