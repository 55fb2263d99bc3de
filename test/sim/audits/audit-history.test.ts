import { describe, expect, it } from 'vitest';
import { runAuditHistory } from './audit-history.js';
import { INVARIANTS } from './audit-judge.js';
import { type AuditPlan, type Cast, castNames, planHistory } from './audit-plan.js';
import type { AuditRule } from './audit-rules.js';
import { watchedIn } from './audits-program.js';
import { foundBy } from './detection-time.js';

const HISTORIES = Number(process.env.VEDETTE_SIM_HISTORIES ?? 60);
const FIRST_SEED = Number(process.env.VEDETTE_SIM_SEED ?? 1);

type HeldUp = { readonly invariant: string; readonly cast: Cast; readonly where?: (plan: AuditPlan) => boolean };
/** What each rule holds up, and in which histories it is looked for. */
const HELD_UP: Readonly<Record<AuditRule, HeldUp>> = {
  'two disputes make a doubt': { invariant: INVARIANTS.honest, cast: 'one wrong' },
  'it takes three auditors to make a doubt': { invariant: INVARIANTS.honest, cast: 'two wrong alike' },
  'one auditor alone disputes nothing': { invariant: INVARIANTS.honest, cast: 'one lies as an auditor' },
  'nobody can foresee what is audited': { invariant: INVARIANTS.found, cast: 'one wrong' },
  'never less than one of a hundred': {
    ...{ invariant: INVARIANTS.found, cast: 'one wrong' },
    where: ({ validBefore }) => validBefore > 500,
  },
  'a budget for what is given': { invariant: INVARIANTS.budget, cast: 'one wrong' },
  'a budget for what is taken': { invariant: INVARIANTS.budget, cast: 'one wrong' },
  'standings do not depend on order': { invariant: INVARIANTS.same, cast: 'one wrong' },
  'who is doubted is not asked and does not answer': { invariant: INVARIANTS.silenced, cast: 'one wrong' },
  'an audit ends': { invariant: INVARIANTS.accounted, cast: 'one wrong' },
  'an audit is recorded once': { invariant: INVARIANTS.unedited, cast: 'one wrong' },
  'owed looks have their turn': { invariant: INVARIANTS.found, cast: 'full detectors' },
  'two others are enough': { invariant: INVARIANTS.going, cast: 'one leaves' },
  'a budget for looking again': { invariant: INVARIANTS.budget, cast: 'one wrong' },
  'who would dispute looks again': { invariant: INVARIANTS.honest, cast: 'another decoder' },
};
const SEEDS_MAX = 150;

describe('nodes that audit each other, under faults', () => {
  it('doubt who is wrong in time and nobody else, all of them alike, within their budgets', () => {
    const histories = Array.from({ length: HISTORIES }, (_, i) => runAuditHistory(FIRST_SEED + i));
    const broken = histories.flatMap(({ seed, violations }) => violations.map((violation) => ({ seed, ...violation })));
    expect(broken).toEqual([]);
    const watched = watchedIn(histories);
    expect(watched.length).toBeGreaterThan(HISTORIES / 2);
    expect(foundBy(1, watched)).toBeGreaterThan(0.75);
    expect(foundBy(2, watched)).toBeGreaterThan(0.9);
    expect(new Set(histories.map(({ cast }) => cast))).toEqual(new Set(castNames()));
  }, 120_000);

  it('go the same way from the same seed', () => {
    expect(runAuditHistory(7)).toEqual(runAuditHistory(7));
  });

  it('doubt the third, and not the two, where two of three are wrong alike', () => {
    const histories = Array.from({ length: 5 }, (_, i) => runAuditHistory(i + 1, undefined, 'most are wrong alike'));
    expect(histories.flatMap(({ wrong }) => wrong.filter(({ isFound }) => isFound))).toEqual([]);
    expect(histories.map(({ wronglyDoubted }) => wronglyDoubted.length)).toEqual([1, 1, 1, 1, 1]);
    expect(histories.flatMap(({ violations }) => violations)).toEqual([]);
  });

  it.each(Object.entries(HELD_UP))(
    'need the rule "%s"',
    (name, { invariant, cast, where = () => true }) => {
      const rule = Object.keys(HELD_UP).find((known): known is AuditRule => known === name);
      const seeds = Array.from({ length: SEEDS_MAX }, (_, i) => i + 1);
      const breaks = seeds
        .filter((seed) => where(planHistory(seed, cast)))
        .find((seed) =>
          runAuditHistory(seed, rule, cast).violations.some((violation) => violation.invariant === invariant),
        );
      expect(breaks, `no seed breaks ${invariant}`).toBeDefined();
    },
    120_000,
  );
});
