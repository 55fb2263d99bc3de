import { type ChildProcess, fork } from 'node:child_process';
import { backoffDelayMs } from '../../base/backoff.js';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { ownEnvironment } from '../../base/environment.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { describeIssues } from '../../protocol/codec.js';
import { endLeftBehind, LIFE_VARIABLE } from './left-behind.js';
import { letGoFirstWithoutMemory } from './oom-choice.js';
import { type Guarded, guardAgainstOrphanhood } from './orphan-guard.js';
import { type StartVision, type VisionCommand, VisionReport } from './vision-message.js';
import { judgeVision, lookMsOf, type VisionLimits, type VisionWatch } from './vision-watch.js';

export type VisionHostOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: VisionLimits;
  /** Made anew for every life of the child. */
  readonly buildStart: () => StartVision;
  readonly onReport: (report: VisionReport) => void;
  /** The child is gone; whatever it had open is over. */
  readonly onLost: (cause: string) => void;
};

type Life = {
  readonly child: ChildProcess;
  /** What it and all it starts carry in their environment. */
  readonly mark: string;
  readonly ended: Promise<string>;
  verdict: string | undefined;
};

// First retry after half a second: a crash costs few frames. The ceiling spares a board whose model always crashes.
const RETRY = { firstMs: 500, maxMs: 30_000, factor: 2 };

/** The longest a repair by the host may take: a frame that never ends, the longest wait, a slow start. */
export function visionRepairMs(limits: Pick<VisionLimits, 'frameDeadlineMs' | 'startDeadlineMs'>): number {
  return limits.frameDeadlineMs + RETRY.maxMs + limits.startDeadlineMs;
}
/**
 * Pictures live outside the JavaScript heap; what is inside it is small and short-lived, and a leak should show early.
 * Small young generations and one helper thread of the engine save 20 to 35 MiB of the 175 the process has without.
 */
export const VISION_FLAGS = ['--max-old-space-size=128', '--max-semi-space-size=2', '--v8-pool-size=1'];
/** Each heap of the C library keeps what its threads freed; two for all threads keep 3 to 5 MiB less. */
export const VISION_ENVIRONMENT = { MALLOC_ARENA_MAX: '2' };
const STOP_DEADLINE_MS = 3000;
/** A life that lasted this long was a good one: the next failure starts the backoff anew. */
const GOOD_LIFE_MS = 60_000;

/**
 * Runs the vision process and keeps it running: starts it, watches it, ends it when it breaks its limits, starts it
 * again with backoff. Its death costs frames, never records or presence.
 */
export class VisionHost {
  readonly #options: VisionHostOptions;
  readonly counters = new Counters([
    'visionStarts',
    'visionCrashes',
    'visionDeadlines',
    'visionMemory',
    'visionBadReports',
  ]);
  #watch: VisionWatch = { startedMonoMs: 0, lastTickMonoMs: 0, busyMs: 0, rssMiB: 0, ready: false };

  #child: ChildProcess | undefined;

  constructor(options: VisionHostOptions) {
    this.#options = options;
  }

  /** Resident memory of the child at its last tick, MiB. */
  get rssMiB(): number {
    return this.#watch.rssMiB;
  }

  /** Tells the child something. @returns false while there is none; a new one is told by its start. */
  send(command: VisionCommand): boolean {
    const child = this.#child;
    if (child === undefined || !child.connected) return false;
    child.send(command, (error) => {
      if (error !== null) this.#options.log.debug('vision process not told', { error: error.message });
    });
    return true;
  }

  /** Runs until the signal aborts; then ends the child gracefully and resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedMonoMs = clock.monoMs();
      const cause = await this.#runOnce(signal);
      if (signal.aborted) return;
      this.#options.onLost(cause);
      if (clock.monoMs() - startedMonoMs > GOOD_LIFE_MS) failures = 0;
      const delayMs = backoffDelayMs(failures++, RETRY, random.next());
      log.warn('vision process ended; starting it again', { cause, delayMs: Math.round(delayMs) });
      await clock.sleep(delayMs, signal).catch(() => {});
    }
  }

  async #runOnce(signal: AbortSignal): Promise<string> {
    const life = this.#tryStart();
    if (typeof life === 'string') return life;
    const cancelWatch = this.#options.clock.every(lookMsOf(this.#options.limits), () => this.#check(life));
    const onAbort = () => void this.#stop(life);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const how = await life.ended;
      await this.#endLeftBehind(life);
      if (life.verdict === undefined && !signal.aborted) this.counters.add('visionCrashes');
      return life.verdict ?? how;
    } finally {
      signal.removeEventListener('abort', onAbort);
      cancelWatch();
    }
  }

  // One that was killed could not end its capture programs, and the next one wants their cameras.
  async #endLeftBehind({ mark }: Life): Promise<void> {
    const pids = await endLeftBehind(mark);
    if (pids.length > 0) this.#options.log.warn('programs of the vision process ended', { pids });
  }

  // A board that is short of memory, processes or files cannot start a process just now: that is no end of the node.
  #tryStart(): Life | string {
    try {
      return this.#start();
    } catch (error) {
      this.counters.add('visionCrashes');
      return `could not start: ${messageOf(error)}`;
    }
  }

  #start(): Life {
    const { clock, log, random } = this.#options;
    const nowMonoMs = clock.monoMs();
    const mark = `${process.pid}-${random.int(2 ** 31)}`;
    this.#watch = { startedMonoMs: nowMonoMs, lastTickMonoMs: nowMonoMs, busyMs: 0, rssMiB: 0, ready: false };
    this.counters.add('visionStarts');
    const child = fork(new URL('./vision-child.js', import.meta.url), {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [...VISION_FLAGS],
      env: { ...VISION_ENVIRONMENT, ...ownEnvironment(), [LIFE_VARIABLE]: mark },
    });
    const callOff = child.pid === undefined ? () => {} : watchOver({ pid: child.pid, mark }, log);
    this.#child = child;
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(`could not start: ${error.message}`));
      child.once('exit', (code, signalName) => {
        callOff();
        resolve(signalName ?? `exit code ${code}`);
      });
    });
    child.send(this.#options.buildStart(), (error) => {
      if (error !== null) log.debug('vision process did not take its start', { error: error.message });
    });
    const life: Life = { child, mark, ended, verdict: undefined };
    child.on('message', (message) => {
      this.#onMessage(message);
      this.#check(life);
    });
    return life;
  }

  #onMessage(message: unknown): void {
    const parsed = VisionReport.safeParse(message);
    if (!parsed.success) {
      this.counters.add('visionBadReports');
      this.#options.log.warn('vision process sent a report we cannot read', { issues: describeIssues(parsed.error) });
      return;
    }
    const report = parsed.data;
    if (report.type === 'ready')
      this.#watch = { ...this.#watch, ready: true, lastTickMonoMs: this.#options.clock.monoMs() };
    if (report.type === 'tick') {
      const { busyMs, rssMiB } = report;
      this.#watch = { ...this.#watch, busyMs, rssMiB, lastTickMonoMs: this.#options.clock.monoMs() };
    }
    this.#options.onReport(report);
  }

  #check(life: Life): void {
    const verdict = judgeVision(this.#watch, this.#options.clock.monoMs(), this.#options.limits);
    if (verdict === 'healthy' || life.verdict !== undefined) return;
    life.verdict = verdict;
    this.counters.add(verdict === 'memory' ? 'visionMemory' : 'visionDeadlines');
    life.child.kill('SIGKILL');
  }

  async #stop(life: Life): Promise<void> {
    if (life.child.connected) life.child.send({ type: 'stop' }, () => {});
    const cancel = this.#options.clock.after(STOP_DEADLINE_MS, () => life.child.kill('SIGKILL'));
    await life.ended;
    cancel();
  }
}

function watchOver(guarded: Guarded, log: Log): () => void {
  letGoFirstWithoutMemory(guarded.pid);
  return guardAgainstOrphanhood(guarded, log);
}
