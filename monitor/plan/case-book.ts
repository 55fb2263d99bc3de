import { Counters } from '../../base/counters.js';
import { type DoubtPicture, NO_DOUBTS } from '../../base/doubts.js';
import type { Random } from '../../base/random.js';
import type { ProbeAnswer } from '../../protocol/board.js';
import { type NodeCase, newCase, type Phase, type PlanEntry, type PlanMemory } from './case.js';
import type { PlanMode, PlanStep } from './plan-step.js';
import type { PlanTimings } from './timings.js';

const COUNTERS = [
  'probes',
  'probeFaults',
  'restarts',
  'reboots',
  'dependencyRestarts',
  'restartsHelped',
  'restartsUseless',
  'alreadyRestarted',
  'heldByBoard',
  'boardBudget',
  'ownBudget',
  'quarantines',
  'wouldAct',
  'alerts',
  'answersLate',
  'requests',
  'doubts',
  'doubtsHeldBack',
] as const;
export type PlanCounter = (typeof COUNTERS)[number];

export type PlanOptions = {
  readonly entries: readonly PlanEntry[];
  readonly timings: PlanTimings;
  readonly mode: PlanMode;
  readonly random: Random;
  readonly nowMonoMs: number;
  /** Listed nodes without a board: that one is doubted is told, and nothing can be done. */
  readonly watchedOnly?: readonly string[];
  /** What an earlier life of this monitor had done, on this life's clock. */
  readonly remembered?: ReadonlyMap<string, PlanMemory>;
};

/** All cases of one plan, what the plan knows of itself, and the steps that one event leads to. */
export class CaseBook {
  readonly counters = new Counters(COUNTERS);
  readonly timings: PlanTimings;
  readonly mode: PlanMode;
  readonly random: Random;
  /** False while the monitor is blind or settles (M6). */
  canSee = false;
  linkDownFromMonoMs: number | undefined;
  /** Living monitors that go first. */
  before = 0;
  /** Whom the others that audit doubt. */
  doubts: DoubtPicture = NO_DOUBTS;
  /** Listed nodes without a board, and whether a person was told that they are doubted. */
  readonly watchedOnly: Map<string, { fromMonoMs: number | undefined; isTold: boolean }>;
  readonly #cases: Map<string, NodeCase>;
  #steps: PlanStep[] = [];
  #stepNumber = 0;

  constructor({ entries, timings, mode, random, remembered, nowMonoMs, watchedOnly = [] }: PlanOptions) {
    this.timings = timings;
    this.mode = mode;
    this.random = random;
    this.#cases = new Map(entries.map((entry) => [entry.node, newCase(entry, remembered?.get(entry.node))]));
    this.watchedOnly = new Map(watchedOnly.map((node) => [node, { fromMonoMs: undefined, isTold: false }]));
    this.linkDownFromMonoMs = nowMonoMs;
  }

  case(node: string): NodeCase | undefined {
    return this.#cases.get(node);
  }

  /** A copy: cases may be changed while it is walked. */
  all(): readonly NodeCase[] {
    return [...this.#cases.values()];
  }

  change(node: string, change: Partial<NodeCase>): NodeCase | undefined {
    const one = this.#cases.get(node);
    if (one === undefined) return undefined;
    const changed = { ...one, ...change };
    this.#cases.set(node, changed);
    return changed;
  }

  /** Changes the phase of a case, and tells it if it is another one. */
  enter(node: string, phase: Phase, untilMonoMs: number, more: Partial<NodeCase>): NodeCase | undefined {
    const from = this.#cases.get(node)?.phase;
    if (from !== undefined && from !== phase) this.push({ kind: 'phase', node, from, to: phase });
    return this.change(node, { ...more, phase, untilMonoMs });
  }

  /** Tells what was decided and by which rule. */
  decide(
    one: NodeCase,
    rule: string,
    what: string,
    isAlert = false,
    more: { readonly probe?: ProbeAnswer } = {},
  ): void {
    if (isAlert) this.counters.add('alerts');
    this.push({ kind: 'decision', node: one.entry.node, rule, what, isAlert, ...more });
  }

  /** Answers who asked for a restart, if somebody did. */
  answer(node: string, ok: boolean, code: string, what: string): void {
    if (this.#cases.get(node)?.request === undefined) return;
    this.change(node, { request: undefined });
    this.push({ kind: 'answered', node, ok, code, what });
  }

  push(step: PlanStep): void {
    this.#steps.push(step);
  }

  /** A number for a step whose answer is waited for. */
  nextStep(): number {
    this.#stepNumber++;
    return this.#stepNumber;
  }

  /** The steps since the last call, in order. */
  takeSteps(): PlanStep[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }
}
