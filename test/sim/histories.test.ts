import { describe, expect, it } from 'vitest';
import { commandFor, nodesOf } from './campaign.js';
import { runHistory } from './history.js';
import { type ReplicaKind, recordScenario } from './records/record-scenario.js';
import { ABLATIONS } from './records/reference-replica.js';
import { CORE_KIND, CORE_RULES, type CoreRule, coreKind, referenceKind } from './records/replica-kinds.js';

const STEPS = 40;

/** What each rule around the core holds up, and a seed that shows it, from which on is looked. */
const HELD_UP: Readonly<Record<CoreRule, { readonly invariant: string; readonly fromSeed: number }>> = {
  'the token is handed on': { invariant: 'I6 a reader never sees less', fromSeed: 5 },
  'what is lacking is named': { invariant: 'I7 what an answer lacks it names', fromSeed: 34 },
  'answers are of the prefix at the cut': { invariant: 'I8 one cut has one answer', fromSeed: 1 },
  'who is syncing answers nothing': { invariant: 'I20 who lacks much answers nothing', fromSeed: 8 },
  'times within an epoch never fall': { invariant: 'I16 seq orders, whatever clocks do', fromSeed: 29 },
  'what the disk refused is not a record': { invariant: 'I15 nothing durable goes silently', fromSeed: 55 },
};
const SEEDS_MAX = 80;

/** What was broken in some histories, each with the command that shows it. */
function broken(kind: ReplicaKind, seeds: number, steps: number): string[] {
  const found: string[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const history = runHistory(recordScenario(kind), { seed, steps, nodes: nodesOf(seed) });
    for (const { invariant, detail } of history.violations) {
      found.push(`${commandFor(history.options)}: ${invariant}: ${detail}`);
    }
  }
  return found;
}

describe('histories of the real core', () => {
  it('break no invariant', () => {
    expect(broken(CORE_KIND, 20, 30)).toEqual([]);
  }, 240_000);

  it('come right below a segment that rots while two halves are apart and nobody else has it', () => {
    const options = { seed: 2001, steps: 60, nodes: 4, only: [2, 7, 13] };
    const { faults, violations } = runHistory(recordScenario(CORE_KIND), options);
    expect(violations).toEqual([]);
    expect(faults.get('flipped-bit')).toBe(1);
  }, 60_000);

  it('are the same for the same seed', () => {
    const run = () => runHistory(recordScenario(CORE_KIND), { seed: 7, steps: 20, nodes: 4 });
    const { events, figures, virtualMs } = run();
    expect(run()).toMatchObject({ events, figures, virtualMs });
  }, 60_000);
});

describe('histories of the real core without a rule around it', () => {
  it.each(CORE_RULES)(
    'break what it holds up: "%s"',
    (rule) => {
      const { invariant, fromSeed } = HELD_UP[rule];
      const scenario = recordScenario(coreKind(rule));
      const isBroken = (seed: number) =>
        runHistory(scenario, { seed, steps: STEPS, nodes: 3 }).violations.some(
          (violation) => violation.invariant === invariant,
        );
      const seeds = Array.from({ length: SEEDS_MAX }, (_, i) => fromSeed + i);
      expect(seeds.some(isBroken)).toBe(true);
    },
    240_000,
  );
});

describe('histories of the reference replica', () => {
  it('break no invariant while all rules are kept', () => {
    expect(broken(referenceKind(), 60, STEPS)).toEqual([]);
  }, 120_000);

  it('are the same for the same seed', () => {
    const run = () => runHistory(recordScenario(referenceKind()), { seed: 7, steps: STEPS, nodes: 5 });
    const { events, figures, virtualMs, faults } = run();
    expect(run()).toMatchObject({ events, figures, virtualMs });
    expect(faults.size).toBeGreaterThan(0);
  });

  it.each(ABLATIONS)(
    'break an invariant without the rule "%s"',
    (rule) => {
      let seed = 0;
      let violations = 0;
      while (violations === 0 && seed < 120) {
        violations += runHistory(recordScenario(referenceKind(rule)), {
          seed: ++seed,
          steps: STEPS,
          nodes: nodesOf(seed),
        }).broken;
      }
      expect(violations).toBeGreaterThan(0);
    },
    120_000,
  );
});
