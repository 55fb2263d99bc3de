import type { FaultKind, FaultSite } from './faults/fault.js';
import type { InvariantBook } from './invariant-book.js';
import type { World } from './kernel/world.js';

/** What runs in a history: programs, what they are given to do, and what must hold of them. Knows all, unlike its programs. */
export interface Scenario {
  readonly name: string;
  /** Kinds of faults that only it knows, besides the general ones. */
  readonly faultKinds: readonly FaultKind<unknown>[];
  /** Adds boards and brokers by the names given, starts them, and gives what watches over them. */
  begin(stage: Stage): ScenarioRun;
}

export type Stage = {
  readonly world: World<unknown>;
  readonly book: InvariantBook;
  readonly boards: readonly string[];
  readonly brokers: readonly string[];
};

export interface ScenarioRun extends Omit<FaultSite<unknown>, 'world'> {
  /** Called each virtual second. */
  watch(): void;
  /** Every fault is healed: no new work from now on. */
  settle(): void;
  /** What is not yet as it must be in the end; undefined when all is. */
  whyNotConverged(): string | undefined;
  /** The end, converged or not: the last checks. */
  finish(): void;
  /** Numbers worth a line in the report, added up over histories. */
  figures(): Readonly<Record<string, number>>;
}
