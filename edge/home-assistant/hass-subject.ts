import type { HassComponent } from '../../protocol/home-assistant.js';

/** What there is to tell of a node. Names are for people and may hold anything; ids are of the grammar. */
export type HassSubject = {
  /** First topic level. */
  readonly root: string;
  readonly node: string;
  readonly name: string;
  readonly version: string;
  readonly healthMs: number;
  readonly cameras: readonly HassCamera[];
  readonly sensors: readonly HassSensor[];
  /** Ids of its rules. */
  readonly rules: readonly string[];
  readonly monitor: HassMonitor | undefined;
};

export type HassCamera = {
  readonly camera: string;
  /** Labels it tracks, as the model has them. */
  readonly labels: readonly string[];
  readonly hasSnapshots: boolean;
};

export type HassSensor = {
  readonly sensor: string;
  readonly unit: string;
  /** What its source says it measures. */
  readonly quantity: string;
  /** It is told at least this often. */
  readonly reportEveryMs: number;
};

export type HassMonitor = { readonly monitor: string; readonly user: string; readonly maintenanceS: number };

/** An entity under its key; `rank` says what is left out first where not all fits: the highest. */
export type HassEntity = { readonly key: string; readonly rank: 0 | 1 | 2 | 3; readonly component: HassComponent };
