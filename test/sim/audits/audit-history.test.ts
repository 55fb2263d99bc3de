import { describe, expect, it } from 'vitest';
import { INVARIANTS, runAuditHistory } from './audit-history.js';
import type { AuditRule } from './audit-rules.js';
import { lateness } from './audits-program.js';

const HISTORIES = Number(process.env.VEDETTE_SIM_HISTORIES ?? 12);
const FIRST_SEED = Number(process.env.VEDETTE_SIM_SEED ?? 1);

/** What each rule holds up, and from which seed on it is looked for. */
const HELD_UP: Readonly<Record<AuditRule, { readonly invariant: string; readonly fromSeed: number }>> = {
  'two disputes make a doubt': { invariant: INVARIANTS.honest, fromSeed: 1 },
  'nobody can foresee what is audited': { invariant: INVARIANTS.found, fromSeed: 1 },
  'never less than one of a hundred': { invariant: INVARIANTS.found, fromSeed: 20 },
  'a budget for all': { invariant: INVARIANTS.budget, fromSeed: 1 },
  'standings do not depend on order': { invariant: INVARIANTS.same, fromSeed: 1 },
};
const SEEDS_MAX = 8;

describe('nodes that audit each other, under faults', () => {
  it('doubt who is wrong in time and nobody else, all of them alike, within their budgets', () => {
    const seeds = Array.from({ length: HISTORIES }, (_, i) => FIRST_SEED + i);
    const histories = seeds.map((seed) => runAuditHistory(seed));
    const broken = histories.flatMap(({ seed, violations }) => violations.map((violation) => ({ seed, ...violation })));
    expect(broken).toEqual([]);
    const late = lateness(histories);
    expect(late.length).toBeGreaterThan(HISTORIES / 2);
    expect(late.filter((part) => part <= 2).length).toBeGreaterThanOrEqual(0.9 * late.length);
  }, 600_000);

  it.each(Object.entries(HELD_UP))(
    'need the rule "%s"',
    (name, { invariant, fromSeed }) => {
      const rule = Object.keys(HELD_UP).find((known): known is AuditRule => known === name);
      const breaks = Array.from({ length: SEEDS_MAX }, (_, i) => fromSeed + i).find((seed) =>
        runAuditHistory(seed, rule).violations.some((violation) => violation.invariant === invariant),
      );
      expect(breaks, `no seed from ${fromSeed} on breaks ${invariant}`).toBeDefined();
    },
    600_000,
  );
});
