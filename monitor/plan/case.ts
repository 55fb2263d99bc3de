import type { NodeDoubt } from '../../base/doubts.js';
import type { Attempt } from './ladder.js';

/** A unit on a board that the monitor may restart, and what it needs to know for that. */
export type PlanEntry = {
  /** Node id, or the id of a broker. */
  readonly node: string;
  readonly kind: 'edge' | 'broker';
  readonly unit: string;
  /** Shares a switch, a room: one action at a time. */
  readonly site?: string | undefined;
  /** Nodes that stand in for each other: the last one that works is touched later. */
  readonly group?: string | undefined;
  /** Units on the same board that are restarted before it where restarting it alone does not help (L2). */
  readonly dependencies: readonly string[];
  readonly mayReboot: boolean;
};

export type Phase = 'idle' | 'probing' | 'waiting' | 'acting' | 'verifying' | 'quarantined';

/** The life after an action. `cameras`: what its last heartbeat said of cameras without fresh frames. */
export type Successor = {
  readonly inv: string;
  readonly freshBeats: number;
  readonly cameras: string;
  /** When it was last heard on its way: a birth, a heartbeat with fresh frames. Undefined after any other. */
  readonly goodMonoMs: number | undefined;
};

export type Hold = { readonly by: string; readonly reason: string; readonly untilMonoMs: number };

/** Since when a life is on trial, and how many results had been disputed by then. */
export type Trial = { readonly fromMonoMs: number; readonly disputed: number };

/** What the monitor knows of acting on one node. Plain data; times are of the monitor's monotonic clock. */
export type NodeCase = {
  readonly entry: PlanEntry;
  readonly phase: Phase;
  /** The roster's last word: it is heard. */
  readonly isUp: boolean;
  /**
   * `silent`: confirmed by the roster; `wedged`: it is heard, and its heartbeats tell of old or missing frames;
   * `doubted`: it works, and most of the others that audit say that its results are wrong; `requested`: nothing is known
   * to be wrong, and somebody asks for a restart.
   */
  readonly cause: 'silent' | 'wedged' | 'doubted' | 'requested';
  /** Who asks for a restart and waits for an answer. */
  readonly request: { readonly by: string } | undefined;
  readonly why: string;
  /** End of waiting or of verifying; when a step in flight is given up. */
  readonly untilMonoMs: number;
  /** The step in flight, if any. */
  readonly step: number | undefined;
  /** Invocation last heard, live. */
  readonly heardInv: string | undefined;
  readonly gracedInv: string | undefined;
  /** What was ended by the last action, and how many heartbeats with fresh frames its successor gave. */
  readonly endedInv: string | null | undefined;
  readonly successor: Successor | undefined;
  /** Its time for verification was prolonged: once per action. */
  readonly isProlonged: boolean;
  /** Age from which frames of this node are old, where it is more than usual. */
  readonly staleMs: number;
  /** Since when its heartbeats tell of old frames; of a camera without frames that does not say why. */
  readonly staleFromMonoMs: number | undefined;
  readonly awaitedFromMonoMs: number | undefined;
  readonly aliveFromMonoMs: number | undefined;
  /** What most of the others that audit say against its results, and since when without a break. */
  readonly doubt: NodeDoubt | undefined;
  readonly doubtFromMonoMs: number | undefined;
  /** The first life that began while it is doubted, whoever restarted it: it shows whether that helps. */
  readonly trial: Trial | undefined;
  /** When it said that it stops; a start that failed after that tells nobody. */
  readonly stoppedFromMonoMs: number | undefined;
  /** Probes in a row that the board did not answer. */
  readonly faults: number;
  /** Verdicts a person was told of in this case: once each. */
  readonly told: readonly string[];
  readonly history: readonly Attempt[];
  /** Attempts before this time belong to an earlier series. */
  readonly seriesFromMonoMs: number;
  readonly hold: Hold | undefined;
  readonly version: string | undefined;
};

/** What must outlive the monitor: else its next life would begin the ladder and the budgets anew. */
export type PlanMemory = { readonly history: readonly Attempt[]; readonly seriesFromMonoMs: number };

export function newCase(entry: PlanEntry, memory: PlanMemory | undefined): NodeCase {
  return {
    entry,
    phase: 'idle',
    isUp: false,
    cause: 'silent',
    request: undefined,
    why: '',
    untilMonoMs: 0,
    step: undefined,
    heardInv: undefined,
    gracedInv: undefined,
    endedInv: undefined,
    successor: undefined,
    isProlonged: false,
    staleMs: 0,
    staleFromMonoMs: undefined,
    awaitedFromMonoMs: undefined,
    aliveFromMonoMs: undefined,
    doubt: undefined,
    doubtFromMonoMs: undefined,
    trial: undefined,
    stoppedFromMonoMs: undefined,
    faults: 0,
    told: [],
    history: memory?.history ?? [],
    seriesFromMonoMs: memory?.seriesFromMonoMs ?? Number.NEGATIVE_INFINITY,
    hold: undefined,
    version: undefined,
  };
}

/** The attempts that count for the ladder. */
export function seriesOf(one: NodeCase): readonly Attempt[] {
  return one.history.filter(({ atMonoMs }) => atMonoMs >= one.seriesFromMonoMs);
}

/** Says of the last attempt whether it helped, if that is not known yet. */
export function judgeLast(history: readonly Attempt[], helped: boolean): readonly Attempt[] {
  const last = history.at(-1);
  if (last === undefined || last.helped !== undefined) return history;
  return [...history.slice(0, -1), { ...last, helped }];
}
