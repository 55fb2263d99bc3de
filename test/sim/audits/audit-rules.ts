import { AuditBook } from '../../../edge/sharing/audits/audit-book.js';
import type { AuditDraw } from '../../../edge/sharing/audits/audit-core.js';
import type { AuditFinding } from '../../../edge/sharing/audits/audit-finding.js';
import { AUDIT_LIMITS, type AuditLimits } from '../../../edge/sharing/audits/audit-limits.js';
import { auditRate } from '../../../edge/sharing/audits/audit-selection.js';
import { type AuditStanding, DOUBT_RULES } from '../../../edge/sharing/audits/audit-standing.js';
import { combineVerdicts } from '../../../edge/sharing/audits/audit-verdict.js';
import { mix, SHRUNK_BY } from './audit-pictures.js';

/** Rules that can be left out, to see that a history notices. */
export const AUDIT_RULES = [
  'two disputes make a doubt',
  'it takes three auditors to make a doubt',
  'one auditor alone disputes nothing',
  'nobody can foresee what is audited',
  'never less than one of a hundred',
  'a budget for what is given',
  'a budget for what is taken',
  'standings do not depend on order',
  'who is doubted is not asked and does not answer',
  'an audit ends',
  'an audit is recorded once',
  'owed looks have their turn',
  'two others are enough',
  'who would dispute looks again',
  'a budget for looking again',
] as const;
export type AuditRule = (typeof AUDIT_RULES)[number];

export type RuleSet = {
  readonly draw: AuditDraw;
  readonly limits: AuditLimits;
  readonly makeBook: () => AuditBook;
  /** Where cameras never rest, one look of each line has a turn so often. */
  readonly owedEveryMs: number;
  /** Peers a node must know before it has anything audited. */
  readonly peersMin: number;
};

export const SIM_LIMITS: AuditLimits = {
  ...AUDIT_LIMITS,
  given: { ...AUDIT_LIMITS.given, bytesPerMinute: AUDIT_LIMITS.given.bytesPerMinute / SHRUNK_BY },
  taken: { ...AUDIT_LIMITS.taken, bytesPerMinute: AUDIT_LIMITS.taken.bytesPerMinute / SHRUNK_BY },
  ringBytes: AUDIT_LIMITS.ringBytes / SHRUNK_BY,
};

const UNLIMITED = { burst: 1e9, perMinute: 1e9, bytesPerMinute: 1e12 };
/** As `edge/process/look-desk.ts` has it. */
const OWED_EVERY_MS = 2_500;

/** The rules of the product, one left out if asked. */
export function rulesWithout(rule: AuditRule | undefined): RuleSet {
  const isFloorless = rule === 'never less than one of a hundred';
  return {
    draw: {
      rate: isFloorless ? (validInRow) => (validInRow < 10 ? 1 : 1 / validInRow) : auditRate,
      isAudited: rule === 'nobody can foresee what is audited' ? (leaf, _, rate) => isDrawn(leaf, '', rate) : isDrawn,
    },
    limits: limitsWithout(rule),
    makeBook: () => bookWithout(rule),
    owedEveryMs: rule === 'owed looks have their turn' ? 1e9 : OWED_EVERY_MS,
    peersMin: rule === 'two others are enough' ? 3 : 0,
  };
}

/**
 * Stands for SHA-256 over both, which would be most of the time of a history: as even, and as hidden from who lacks the head.
 * @param signature a whole number, or nothing.
 */
export function isDrawn(leaf: Uint8Array, signature: string, rate: number): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = leaf;
  return mix((a | (b << 8) | (c << 16) | (d << 24)) ^ mix(Number(signature))) / 2 ** 32 < rate;
}

function limitsWithout(rule: AuditRule | undefined): AuditLimits {
  switch (rule) {
    case 'a budget for what is given':
      return { ...SIM_LIMITS, given: UNLIMITED, outstandingMax: 1e6 };
    case 'a budget for what is taken':
      return { ...SIM_LIMITS, given: UNLIMITED, taken: UNLIMITED, outstandingMax: 1e6 };
    case 'an audit ends':
      return { ...SIM_LIMITS, answerMs: 1e12 };
    case 'who would dispute looks again':
      return { ...SIM_LIMITS, againColours: [] };
    case 'a budget for looking again':
      return { ...SIM_LIMITS, given: UNLIMITED, taken: UNLIMITED, again: UNLIMITED, outstandingMax: 1e6 };
    case 'an audit is recorded once':
      return { ...SIM_LIMITS, digestsMax: 0 };
    default:
      return SIM_LIMITS;
  }
}

function bookWithout(rule: AuditRule | undefined): AuditBook {
  const disputes = rule === 'two disputes make a doubt' ? 1 : DOUBT_RULES.disputes;
  const isByTwo = rule === 'two disputes make a doubt' || rule === 'it takes three auditors to make a doubt';
  const doubt = { ...DOUBT_RULES, disputes, ...(isByTwo ? { auditors: 2 } : {}) };
  const isByOne = rule === 'one auditor alone disputes nothing';
  const rules = { doubt, combine: isByOne ? graver : combineVerdicts };
  if (rule === 'standings do not depend on order') return new ArrivalBook(rules);
  if (rule === 'who is doubted is not asked and does not answer') return new LenientBook(rules);
  return rule === 'an audit is recorded once' ? new ForgetfulBook(rules) : new AuditBook(rules);
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

/** Doubts, and draws nothing from it. */
class LenientBook extends AuditBook {
  override standingOf(node: string, model: string): AuditStanding {
    return { ...super.standingOf(node, model), isDoubted: false };
  }
}

/** Does not know what its own log says. */
class ForgetfulBook extends AuditBook {
  override has(): boolean {
    return false;
  }
}

const graver: typeof combineVerdicts = (one, other) =>
  one === 'disputed' || other === 'disputed' ? 'disputed' : combineVerdicts(one, other);
