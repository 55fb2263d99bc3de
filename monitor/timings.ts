/** Times and shares the roster decides by. All in ms unless said otherwise; ages run on the monotonic clock. */
export type RosterTimings = {
  /** How often a healthy node sends a heartbeat. */
  readonly beatMs: number;
  /** Keep alive of the nodes' MQTT sessions: how late a will can be. */
  readonly keepAliveMs: number;
  /** Silence after which a node is suspect even without a will. */
  readonly leaseMs: number;
  /** How long nothing is decided after the monitor could not see. */
  readonly settleMs: number;
  /** How long a node stays suspect before it is confirmed dead; its own supervisor goes first. */
  readonly graceMs: number;
  /** Lag of the monitor's own loop after which what it believes is too old. */
  readonly ownLagMs: number;
  /** Share of the fleet, 0..1, that turns suspect together when it is the broker or the network. */
  readonly massShare: number;
  /** Fewest nodes of a mass incident. */
  readonly massCountMin: number;
  /** Births of one id within `flapWindowMs` that are still taken for one process. */
  readonly flapBirthsMax: number;
  readonly flapWindowMs: number;
  /** How often retained statuses are read again over a second session. */
  readonly reconcileMs: number;
  /** How often `check` is called. */
  readonly checkMs: number;
};

/**
 * Times that follow from how often nodes beat, with the defaults of a beat every 10 s and keep alive 10 s:
 * lease 35 s (three beats and a half: two lost QoS 0 messages and jitter are no sign of death), settle 45 s
 * (max of the lease and what a node needs to reconnect: 30 s of backoff and 10 s of connect timeout, with slack),
 * grace 45 s (RestartSec 5 s, start about 10 s, reconnect maximum 30 s).
 */
export function deriveTimings(options: Partial<RosterTimings> = {}): RosterTimings {
  const beatMs = options.beatMs ?? 10_000;
  const leaseMs = options.leaseMs ?? 3.5 * beatMs;
  return {
    beatMs,
    leaseMs,
    keepAliveMs: options.keepAliveMs ?? 10_000,
    settleMs: Math.max(leaseMs, options.settleMs ?? 45_000),
    graceMs: options.graceMs ?? 45_000,
    ownLagMs: options.ownLagMs ?? 2_000,
    massShare: options.massShare ?? 0.3,
    massCountMin: options.massCountMin ?? 3,
    flapBirthsMax: options.flapBirthsMax ?? 4,
    flapWindowMs: options.flapWindowMs ?? 60_000,
    reconcileMs: options.reconcileMs ?? 60_000,
    checkMs: options.checkMs ?? 500,
  };
}

/** Nodes cut off together turn suspect within this time: the spread of their wills, 1.5 x keep alive, and 5 s of slack. */
export function massWindowMs(timings: RosterTimings): number {
  // Where silence tells instead of a will, the spread is one beat interval, which may be the longer one.
  return Math.max(1.5 * timings.keepAliveMs, timings.beatMs) + 5_000;
}

/** How many nodes of a fleet must turn suspect together to make it a mass incident. */
export function massCount(timings: RosterTimings, fleetSize: number): number {
  return Math.max(timings.massCountMin, Math.ceil(timings.massShare * fleetSize));
}

/** How long the nodes of a mass incident are held back before they are looked at again, one at a time. */
export function massHoldMs(timings: RosterTimings): number {
  return 2 * timings.settleMs;
}
