import { describe, expect, it } from 'vitest';
import { commandFor, nodesOf } from './campaign.js';
import { type HistoryOptions, runHistory } from './history.js';
import { type ReplicaKind, recordScenario } from './records/record-scenario.js';
import { ABLATIONS } from './records/reference-replica.js';
import { CORE_KIND, CORE_RULES, type CoreRule, coreKind, HONESTY, referenceKind } from './records/replica-kinds.js';

const STEPS = 40;

type HeldUp = {
  readonly invariant: string;
  /** Looked at from here on, in histories of 40 s with 3 nodes where nothing else is said. */
  readonly fromSeed: number;
  readonly history?: Partial<HistoryOptions>;
  /** Left out with it. */
  readonly with?: typeof HONESTY;
};

/** What each rule around the core holds up, and a seed that shows it. */
const HELD_UP: Readonly<Record<CoreRule, HeldUp>> = {
  'the token is handed on': { invariant: 'I6 a reader never sees less', fromSeed: 5 },
  'what is lacking is named': { invariant: 'I7 what an answer lacks it names', fromSeed: 34 },
  'answers are of the prefix at the cut': { invariant: 'I8 one cut has one answer', fromSeed: 1 },
  'who is syncing answers nothing': { invariant: 'I20 who lacks much answers nothing', fromSeed: 8 },
  'times within an epoch never fall': { invariant: 'I16 seq orders, whatever clocks do', fromSeed: 29 },
  'what the disk refused is not a record': { invariant: 'I15 nothing durable goes silently', fromSeed: 55 },
  'acknowledged is what another holds': { invariant: 'I1 no acknowledged record is lost', fromSeed: 14 },
  // A cloned card: a board that goes by the writer's name says that it has nothing of what the writer has.
  'what was given up is told': {
    invariant: 'I5 converges',
    fromSeed: 680,
    history: { steps: 120, nodes: 2 },
  },
  'heads and what was given up are on the disk': { invariant: 'I14 first never falls', fromSeed: 38 },
  'who is asked gives what it has': { invariant: 'I5 converges', fromSeed: 2 },
  'what is signed stands against votes': {
    ...{ invariant: 'I10 repair replaces nothing good', fromSeed: 1, with: HONESTY },
  },
};
const SEEDS_MAX = 80;

/** Histories that broke an invariant once, with as few of their faults as it took. */
const MENDED: readonly { readonly about: string; readonly history: HistoryOptions }[] = [
  {
    about: 'below a segment that rots while two halves are apart and nobody else has it',
    history: { seed: 2001, steps: 60, nodes: 4, only: [2, 7, 13] },
  },
  {
    about: 'when a board that goes by the name of a writer says that it has nothing',
    history: { seed: 680, steps: 120, nodes: 2, only: [10, 15, 17, 18, 27, 28, 33, 34, 36, 37, 38] },
  },
  {
    about: 'when holders have records of a clock that was never set',
    history: { seed: 171, steps: 120, nodes: 6, only: [18, 22, 30, 33, 34, 54, 56, 57] },
  },
  {
    about: 'when a card is rolled back to before its retention',
    history: { seed: 587, steps: 120, nodes: 6, only: [6, 7] },
  },
  {
    about: 'when the head that the first holder keeps of a writer that is gone is not the newest',
    history: { seed: 2157, steps: 120, nodes: 8, only: [5, 6, 24, 26, 30, 39, 42] },
  },
  {
    about: 'when a disk refuses to keep what was given up, and its board dies then',
    history: { seed: 101, steps: 120, nodes: 8, only: [25, 26, 28, 32, 40, 42, 43, 49, 50, 51, 52, 53, 54, 55] },
  },
];

const BATCH = 20;
/** Seeds from which a batch of histories starts: one while one works, ten in CI. */
const BATCHES = Array.from({ length: process.env.CI === 'true' ? 10 : 1 }, (_, i) => 1 + i * BATCH);

/** What was broken in some histories, each with the command that shows it. */
function broken(kind: ReplicaKind, fromSeed: number, seeds: number, steps: number): string[] {
  const found: string[] = [];
  for (let seed = fromSeed; seed < fromSeed + seeds; seed++) {
    const history = runHistory(recordScenario(kind), { seed, steps, nodes: nodesOf(seed) });
    for (const { invariant, detail } of history.violations) {
      found.push(`${commandFor(history.options)}: ${invariant}: ${detail}`);
    }
  }
  return found;
}

describe('histories of the real core', () => {
  it.each(BATCHES)(
    `break no invariant, ${BATCH} seeds from %i`,
    (fromSeed) => expect(broken(CORE_KIND, fromSeed, BATCH, 30)).toEqual([]),
    240_000,
  );

  it('keep what is signed though all others vote as one for what none has', () => {
    const options = { seed: 1, steps: STEPS, nodes: 3 };
    const { checks, violations } = runHistory(recordScenario(coreKind(HONESTY)), options);
    expect(violations).toEqual([]);
    expect(checks.get('I10 repair replaces nothing good') ?? 0).toBe(0);
  }, 60_000);

  it.each(MENDED)(
    'come right $about',
    ({ history }) => {
      const { faults, violations } = runHistory(recordScenario(CORE_KIND), history);
      expect(violations).toEqual([]);
      expect([...faults.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
    },
    60_000,
  );

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
      const { invariant, fromSeed, history, with: more } = HELD_UP[rule];
      const scenario = recordScenario(coreKind(rule, ...(more === undefined ? [] : [more])));
      const isBroken = (seed: number) =>
        runHistory(scenario, { seed, steps: STEPS, nodes: 3, ...history }).violations.some(
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
    expect(broken(referenceKind(), 1, 60, STEPS)).toEqual([]);
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
