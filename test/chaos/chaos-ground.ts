import type { ChaosTimes } from './chaos-bounds.js';
import type { ChaosFault, RestartDone, ServiceFailed } from './chaos-history.js';
import type { ChaosRules, NextFault } from './chaos-plan.js';
import type { ChaosWatch } from './chaos-watch.js';

/** Where things are broken: real processes that run, and somebody who hears them. */
export type ChaosGround = {
  readonly rules: ChaosRules;
  readonly times: ChaosTimes;
  /** Nodes that may be hit now. */
  targets(): readonly string[];
  readonly watch: ChaosWatch;
  /** It ended by itself: nothing more can be broken. */
  readonly isOver: boolean;
  /** Undefined where the process is not there at the moment: then nothing was done. */
  inject(next: NextFault): Promise<ChaosFault | undefined>;
  /** What the boards say they did since the ground was made. */
  boardLogs(): Promise<{ readonly restarts: readonly RestartDone[]; readonly failures: readonly ServiceFailed[] }>;
  /** Takes back what is still done, ends what was started. */
  end(): Promise<void>;
};
