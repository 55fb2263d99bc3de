import { DAY_MS, type PlanTimings } from './timings.js';

/** One action that was taken for a node. */
export type Attempt = {
  readonly kind: 'restart' | 'dependencies' | 'reboot';
  readonly atMonoMs: number;
  /** How the service had ended. */
  readonly signature: string;
  /** Undefined while it is not known yet. */
  readonly helped?: boolean;
};

export type Rung =
  | { readonly kind: 'restart' | 'dependencies' | 'reboot'; readonly notBeforeMonoMs: number; readonly rule: string }
  | { readonly kind: 'quarantine'; readonly rule: string; readonly why: string };

export type LadderContext = {
  /** Attempts since the node was last healthy for long, oldest first. */
  readonly series: readonly Attempt[];
  /** All attempts of the last day. */
  readonly history: readonly Attempt[];
  readonly signature: string;
  readonly hasDependencies: boolean;
  readonly mayReboot: boolean;
  /** Share of the fleet rebooted within the last hour. */
  readonly rebootedShare: number;
  /** In [0, 1). */
  readonly random: number;
};

/** The next rung of the ladder (2.4 of supervision): restart, dependencies, reboot, a person. Pure. */
export function nextRung(context: LadderContext, nowMonoMs: number, timings: PlanTimings): Rung {
  const { series, hasDependencies } = context;
  const last = series.at(-1);
  const higher = series.findLastIndex(({ kind }) => kind !== 'restart');
  const restarts = series.slice(higher + 1);
  const isAfterDependencies = series[higher]?.kind === 'dependencies';
  const why = isAfterDependencies ? 'restarting its dependencies did not help' : whySpent(restarts, context, timings);
  if (why === undefined) {
    const delayMs = timings.restartDelaysMs[Math.min(restarts.length, timings.restartDelaysMs.length - 1)] ?? 0;
    // Jitter of a quarter either way: services that died together do not come back together for ever.
    const notBeforeMonoMs = (last?.atMonoMs ?? nowMonoMs) + delayMs * (0.75 + 0.5 * context.random);
    return { kind: 'restart', notBeforeMonoMs, rule: 'L1' };
  }
  if (hasDependencies && !series.some(({ kind }) => kind === 'dependencies')) {
    return { kind: 'dependencies', notBeforeMonoMs: nowMonoMs, rule: 'L2' };
  }
  const refusal = rebootRefusal(context, nowMonoMs, timings);
  if (refusal === undefined) return { kind: 'reboot', notBeforeMonoMs: nowMonoMs, rule: 'L3' };
  return { kind: 'quarantine', rule: 'L4', why: `${why}; ${refusal}` };
}

function whySpent(
  restarts: readonly Attempt[],
  { signature }: LadderContext,
  timings: PlanTimings,
): string | undefined {
  if (restarts.length >= timings.restartsMax) {
    return `${restarts.length} restarts, and never well for ${Math.round(timings.healthyMs / 60_000)} min`;
  }
  const twice = restarts.slice(-2);
  const isUseless =
    twice.length === 2 && twice.every((attempt) => attempt.helped === false && attempt.signature === signature);
  return isUseless ? `two restarts in a row did not help, each time ${signature}` : undefined;
}

function rebootRefusal(context: LadderContext, nowMonoMs: number, timings: PlanTimings): string | undefined {
  const { series, history, mayReboot, rebootedShare } = context;
  if (!mayReboot) return 'the inventory allows no reboot';
  if (series.some(({ kind }) => kind === 'reboot')) return 'a reboot did not help';
  const reboots = history.filter(({ kind, atMonoMs }) => kind === 'reboot' && nowMonoMs - atMonoMs < DAY_MS);
  if (reboots.some(({ atMonoMs }) => nowMonoMs - atMonoMs < timings.rebootGapMs)) {
    return `rebooted within ${Math.round(timings.rebootGapMs / 3_600_000)} h`;
  }
  if (reboots.length >= timings.rebootsPerDay) return `${reboots.length} reboots within a day`;
  if (rebootedShare >= timings.rebootShare) return 'too many boards were rebooted within the last hour';
  return undefined;
}
