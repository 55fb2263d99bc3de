import type { Random } from '../../../base/random.js';
import type { World } from '../kernel/world.js';

/** One fault of a history. All of it is drawn before the history begins, so that any of them can be left out. */
export type Fault = {
  /** Number in the plan, from 1. */
  readonly id: number;
  readonly kind: string;
  readonly atMs: number;
  /** When it ends; the end of the fault phase at the latest. */
  readonly untilMs: number;
  /** Boards or brokers it befalls, by name. */
  readonly targets: readonly string[];
};

/** Who there is to be befallen. */
export type Cast = {
  readonly boards: readonly string[];
  readonly brokers: readonly string[];
  /** Names for boards that join later. */
  readonly newcomers: readonly string[];
};

/** What a fault may do beyond the world itself; given by the scenario. */
export interface FaultSite<State> {
  readonly world: World<State>;
  /** A board is about to lose some of what it holds for good. Observers count copies before it happens. */
  beforeDestruction(board: string, kind: string): void;
  /** Makes and starts a board with an empty disk. */
  join(name: string): void;
  /** Makes a board with the node's name and program; it is started by whoever asks. */
  clone(node: string, name: string): void;
  /** Whether rot may befall a file. */
  mayRot(path: string): boolean;
}

/** What was done to the world, and how it is undone; undefined: it did not apply, and is not counted. */
export type Inflicted = { readonly heal: () => void } | undefined;

/** A kind of fault. */
export interface FaultKind<State> {
  readonly name: string;
  /** Shortest and longest time it lasts; the same 0 twice for what happens at once. */
  readonly lastsMs: readonly [number, number];
  /** It takes away durable state. Those are kept apart in time, so that copies can be made again between two. */
  readonly isDestructive?: boolean;
  /** How often it may happen in one history; no limit when absent. */
  readonly timesMax?: number;
  /** Whom it befalls; empty: there is nobody for it here. */
  draw(random: Random, cast: Cast): readonly string[];
  inflict(site: FaultSite<State>, fault: Fault, random: Random): Inflicted;
}
