import { describe, expect, it } from 'vitest';
import { commandFor, nodesOf } from './campaign.js';
import { runHistory } from './history.js';
import { recordScenario } from './records/record-scenario.js';
import { ABLATIONS, type Ablation, ReferenceReplica, recordsIn } from './records/reference-replica.js';

function reference(without?: Ablation) {
  return recordScenario({
    name: 'reference',
    start: (env, brokers) => new ReferenceReplica(env, { brokers, ...(without === undefined ? {} : { without }) }),
    recordsIn,
    mayRot: () => true,
  });
}

const STEPS = 40;

describe('histories of the reference replica', () => {
  it('break no invariant while all rules are kept', () => {
    const broken: string[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const history = runHistory(reference(), { seed, steps: STEPS, nodes: nodesOf(seed) });
      for (const { invariant, detail } of history.violations) {
        broken.push(`${commandFor(history.options)}: ${invariant}: ${detail}`);
      }
    }
    expect(broken).toEqual([]);
  }, 120_000);

  it('are the same for the same seed', () => {
    const run = () => runHistory(reference(), { seed: 7, steps: STEPS, nodes: 5 });
    const { events, figures, virtualMs, faults } = run();
    expect(run()).toMatchObject({ events, figures, virtualMs });
    expect(faults.size).toBeGreaterThan(0);
  });

  it.each(ABLATIONS)(
    'break an invariant without the rule "%s"',
    (rule) => {
      let seed = 0;
      let broken = 0;
      while (broken === 0 && seed < 120) {
        broken += runHistory(reference(rule), { seed: ++seed, steps: STEPS, nodes: nodesOf(seed) }).broken;
      }
      expect(broken).toBeGreaterThan(0);
    },
    120_000,
  );
});
