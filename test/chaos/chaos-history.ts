import type { SourceSaid } from './chaos-sources.js';

/** What can be done to processes and boards, by its table name. */
export const FAULT_KINDS = [
  'node killed',
  /** As often as its board starts it, until that has had enough. */
  'node given up',
  'node frozen',
  'node paused',
  /** By a person, who starts it again later. */
  'node stopped',
  'board unplugged',
  'board cut off',
  'vision killed',
  'vision frozen',
  'camera wedged',
  'broker killed',
  'broker paused',
  'monitor killed',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault done to a real process. All times of a history are wall clock of one machine, ms. */
export type ChaosFault = {
  readonly kind: FaultKind;
  /** Node id, `broker` or `monitor`. */
  readonly target: string;
  /** Invocation of the service it was done to, where that is known. */
  readonly inv?: string;
  readonly atMs: number;
  /** When whoever did it took it back: a paused process goes on, a board has its power or its network again. */
  readonly untilMs?: number;
};

/** A heartbeat as the listener got it. */
export type BeatSeen = {
  readonly node: string;
  readonly inv: string;
  readonly atMs: number;
  /** Capture of the newest frame of that camera of the node which is furthest behind; null before its first. */
  readonly frameAtMs: number | null;
};

/** An order `restart` that a board carried out: from the board's own audit log. `node` may be `broker`. */
export type RestartDone = { readonly node: string; readonly inv: string; readonly atMs: number };

/** A service that ended without being asked to: from the board's own log. */
export type ServiceFailed = { readonly node: string; readonly atMs: number };

export type IncidentSeen = {
  readonly node: string;
  readonly openedAtMs: number;
  /** What the monitor said of it, as last heard. */
  readonly evidence: readonly { readonly atMs: number; readonly what: string }[];
};

export type RecordCounts = {
  /** Records the writers' heads and live streams tell of. */
  readonly appended: number;
  /** Of these: not at the listener although it asked for them, whether given up or not. */
  readonly missing: number;
  readonly filled: number;
  readonly duplicates: number;
};

/** Everything a run leaves to be judged. */
export type ChaosHistory = {
  readonly faults: readonly ChaosFault[];
  readonly beats: readonly BeatSeen[];
  readonly restarts: readonly RestartDone[];
  readonly failures: readonly ServiceFailed[];
  readonly incidents: readonly IncidentSeen[];
  /** When rosters were made by a monitor that could see. */
  readonly rosterAtMs: readonly number[];
  readonly records: RecordCounts;
  /** What was said of the source the nodes share; empty where there is none. */
  readonly source: readonly SourceSaid[];
  readonly endMs: number;
};

const DEATHS: readonly FaultKind[] = ['node killed', 'node given up', 'node frozen', 'board unplugged'];

/** Kinds after which only another invocation can be well. */
export function isDeath({ kind }: Pick<ChaosFault, 'kind'>): boolean {
  return DEATHS.includes(kind);
}

/** Done to the broker or the monitor: whoever depends on them is not seen for a while. */
export function isBlinding({ target }: Pick<ChaosFault, 'target'>): boolean {
  return target === 'broker' || target === 'monitor';
}
