/** Times, shares and limits of acting. All in ms of the monitor's monotonic clock unless said otherwise. */
export type PlanTimings = {
  /** How long an action has to show a new invocation and three heartbeats with fresh frames (M11). */
  readonly verifyMs: number;
  /** The same after a reboot. */
  readonly rebootVerifyMs: number;
  /** One more grace for a board's own supervisor, where a probe shows that it acts. */
  readonly graceMs: number;
  /** Wait before the next probe where the last one says "not yet". */
  readonly retryMs: number;
  /** A pipeline whose frames or pulse are older than this stands still. */
  readonly staleMs: number;
  /** Disputed results of a node that was restarted because it is doubted, after which it is given up. */
  readonly doubtDisputesMax: number;
  /** Time after that restart, after which it is given up while it is still doubted. */
  readonly doubtTrialMs: number;
  /** How long heartbeats may tell of old frames before the board is asked. */
  readonly wedgedMs: number;
  /** A service younger than this has not had the time to show its pulse. */
  readonly startMs: number;
  /** Wait before restart number n of one series, from 0 (ladder L1). */
  readonly restartDelaysMs: readonly number[];
  /** Restarts of one series before the ladder goes on. A series has no window: waiting for budgets must not renew it. */
  readonly restartsMax: number;
  /** Healthy for so long: the series is over. */
  readonly healthyMs: number;
  readonly rebootGapMs: number;
  readonly rebootsPerDay: number;
  /** Share of the fleet, 0..1, that may have been rebooted within the last hour for one more. */
  readonly rebootShare: number;
  /** Restarts per node and for all nodes together, each within one hour. */
  readonly nodeRestartsPerHour: number;
  readonly fleetRestartsPerHour: number;
  /** Actions under way at a time, in all and per site. */
  readonly concurrentMax: number;
  readonly concurrentPerSiteMax: number;
  /** Waits between probes of a board that does not answer, growing. */
  readonly unreachableDelaysMs: readonly number[];
  /** Wait before a board is asked again that a person must look after. */
  readonly personMs: number;
  /** A second monitor waits so much longer for each living monitor before it. */
  readonly rankMs: number;
};

const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/**
 * Defaults of reference fleets: restarts at 0, 30 s, 2, 5, 15 min; 3 before the next rung; 10 min of health
 * end a series; one reboot per 6 h, 3 a day, a fifth of the fleet per hour; 5 restarts per node and hour, as on the
 * board itself. A doubted node is audited at every result, so that three more disputes show soon that a restart did not
 * help; an hour where it sees little. Fleet-wide 12 an hour: more is no fault of services, and a person should look.
 */
export function derivePlanTimings(options: Partial<PlanTimings> = {}): PlanTimings {
  return {
    verifyMs: 90_000,
    rebootVerifyMs: 5 * MINUTE_MS,
    graceMs: 45_000,
    retryMs: 10_000,
    staleMs: 35_000,
    doubtDisputesMax: 3,
    doubtTrialMs: HOUR_MS,
    wedgedMs: 35_000,
    startMs: 90_000,
    restartDelaysMs: [0, 30_000, 2 * MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS],
    restartsMax: 3,
    healthyMs: 10 * MINUTE_MS,
    rebootGapMs: 6 * HOUR_MS,
    rebootsPerDay: 3,
    rebootShare: 0.2,
    nodeRestartsPerHour: 5,
    fleetRestartsPerHour: 12,
    concurrentMax: 2,
    concurrentPerSiteMax: 1,
    unreachableDelaysMs: [MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 15 * MINUTE_MS],
    personMs: 15 * MINUTE_MS,
    rankMs: MINUTE_MS,
    ...options,
  };
}
