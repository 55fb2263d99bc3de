import { AuditBook, type AuditFinding } from '../../../edge/sharing/audits/audit-book.js';
import type { AuditDraw } from '../../../edge/sharing/audits/audit-core.js';
import { AUDIT_LIMITS, type AuditLimits } from '../../../edge/sharing/audits/audit-limits.js';
import { auditRate, isAudited } from '../../../edge/sharing/audits/audit-selection.js';
import { DOUBT_RULES } from '../../../edge/sharing/audits/audit-standing.js';
import { combineVerdicts } from '../../../edge/sharing/audits/audit-verdict.js';

/** Rules that can be left out, to see that a history notices. */
export const AUDIT_RULES = [
  'two disputes make a doubt',
  'nobody can foresee what is audited',
  'never less than one of a hundred',
  'a budget for all',
  'standings do not depend on order',
] as const;
export type AuditRule = (typeof AUDIT_RULES)[number];

export type RuleSet = { readonly draw: AuditDraw; readonly limits: AuditLimits; readonly makeBook: () => AuditBook };

/** Pictures are small here, so that hashing them is not all of the time: the budgets of bytes are as much smaller. */
export const SIM_LIMITS: AuditLimits = {
  ...AUDIT_LIMITS,
  given: { ...AUDIT_LIMITS.given, bytesPerMinute: AUDIT_LIMITS.given.bytesPerMinute / 500 },
  taken: { ...AUDIT_LIMITS.taken, bytesPerMinute: AUDIT_LIMITS.taken.bytesPerMinute / 500 },
  ringBytes: AUDIT_LIMITS.ringBytes / 500,
};

const UNLIMITED = { burst: 1e9, perMinute: 1e9, bytesPerMinute: 1e12 };

/** The rules of the product, one left out if asked. */
export function rulesWithout(rule: AuditRule | undefined): RuleSet {
  const disputes = rule === 'two disputes make a doubt' ? 1 : DOUBT_RULES.disputes;
  const book = { doubt: { ...DOUBT_RULES, disputes }, combine: combineVerdicts };
  const isForeseen = rule === 'nobody can foresee what is audited';
  const isFloorless = rule === 'never less than one of a hundred';
  const isUnlimited = rule === 'a budget for all';
  return {
    draw: {
      rate: isFloorless ? (validInRow) => (validInRow < 10 ? 1 : 1 / validInRow) : auditRate,
      isAudited: isForeseen ? (leaf, _, rate) => isAudited(leaf, '', rate) : isAudited,
    },
    limits: isUnlimited ? { ...SIM_LIMITS, given: UNLIMITED, taken: UNLIMITED, outstandingMax: 1e6 } : SIM_LIMITS,
    makeBook: () => (rule === 'standings do not depend on order' ? new ArrivalBook(book) : new AuditBook(book)),
  };
}

/** Puts results in the order in which it hears of them. */
class ArrivalBook extends AuditBook {
  readonly #arrived = new Map<string, number>();

  override apply(finding: AuditFinding): boolean {
    const { n, e, s } = finding.of;
    const key = `${n}/${e}/${s}`;
    const order = this.#arrived.get(key) ?? this.#arrived.size + 1;
    this.#arrived.set(key, order);
    return super.apply({ ...finding, of: { n, e: 'all', s: order } });
  }
}
