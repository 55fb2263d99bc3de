/** What the parent knows of its vision process. */
export type VisionWatch = {
  readonly startedMonoMs: number;
  readonly lastTickMonoMs: number;
  readonly busyMs: number;
  readonly rssMiB: number;
  readonly ready: boolean;
};

export type VisionLimits = {
  /** Longest a single frame may take, and the longest silence of the child's event loop, ms. */
  readonly frameDeadlineMs: number;
  /** Longest from start to ready: loading libraries and a model, ms. */
  readonly startDeadlineMs: number;
  /** Resident memory of the child above which it is ended, MiB. */
  readonly memoryMaxMiB: number;
};

export type VisionVerdict = 'healthy' | 'start-deadline' | 'frame-deadline' | 'memory';

/** A tick is read, checked and remembered by the main process: so seldom it costs a board nothing. */
const TICK_MS_MAX = 1_000;

/** How often the vision process says that it is there, ms: twice in whatever is counted by it. */
export function tickMsOf(times: { readonly frameDeadlineMs: number; readonly beatMs: number }): number {
  return Math.min(TICK_MS_MAX, times.beatMs / 2, times.frameDeadlineMs / 2);
}

/** How often its silence is looked for, ms. What it says itself is judged at once. */
export function lookMsOf(limits: Pick<VisionLimits, 'frameDeadlineMs'>): number {
  return Math.min(TICK_MS_MAX, limits.frameDeadlineMs / 2);
}

/**
 * Judges the vision process. `session.run` blocks its event loop and cannot be cancelled, so silence and a frame that
 * takes too long are the same fault seen from two sides: both end in its being killed.
 */
export function judgeVision(watch: VisionWatch, nowMonoMs: number, limits: VisionLimits): VisionVerdict {
  if (!watch.ready) return nowMonoMs - watch.startedMonoMs > limits.startDeadlineMs ? 'start-deadline' : 'healthy';
  if (watch.rssMiB > limits.memoryMaxMiB) return 'memory';
  const silenceMs = nowMonoMs - watch.lastTickMonoMs;
  return Math.max(silenceMs, watch.busyMs) > limits.frameDeadlineMs ? 'frame-deadline' : 'healthy';
}
