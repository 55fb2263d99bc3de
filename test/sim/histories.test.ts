import { describe, expect, it } from 'vitest';
import { commandFor, nodesOf } from './campaign.js';
import { runHistory } from './history.js';
import { type ReplicaKind, recordScenario } from './records/record-scenario.js';
import { ABLATIONS } from './records/reference-replica.js';
import { CORE_KIND, referenceKind } from './records/replica-kinds.js';

const STEPS = 40;

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

  it('are the same for the same seed', () => {
    const run = () => runHistory(recordScenario(CORE_KIND), { seed: 7, steps: 20, nodes: 4 });
    const { events, figures, virtualMs } = run();
    expect(run()).toMatchObject({ events, figures, virtualMs });
  }, 60_000);
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
