import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { backoffDelayMs } from '../../base/backoff.js';
import type { Clock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { DemoService } from './demo-plan.js';

/** As systemd's TimeoutStopSec: then the process and what it started are killed. */
const STOP_MS = 8_000;
/** As RestartSec of the units in deploy/, but short and growing, because somebody is watching. */
const RESTART = { firstMs: 1_000, maxMs: 10_000, factor: 2 };
/** A life this long was a good one: the next restart comes quickly again. */
const STABLE_MS = 20_000;
/** Exit codes that another start cannot mend (RestartPreventExitStatus): usage, configuration. */
const HOPELESS: readonly number[] = [64, 78];
/** The same, of a first life that was short: something the role needs is not there, or it cannot write. */
const HOPELESS_AT_START: readonly number[] = [...HOPELESS, 69, 73];
const SHORT_LIFE_MS = 10_000;
/** One log file is at most this large at a start; the one before is kept beside it. */
const LOG_BYTES_MAX = 5 * 1024 * 1024;
/** How much of a log is looked at for its last line. */
const LOG_TAIL_BYTES = 4_096;

export type ChildExit = { readonly code: number | null; readonly signal: string | null };

export type SupervisedChildOptions = {
  readonly service: DemoService;
  readonly logsDir: string;
  /** Program and entry of `vedette` itself. */
  readonly self: readonly [program: string, entry: string];
  readonly clock: Clock;
  /** Called at each end that nobody asked for. */
  readonly onExit: (child: SupervisedChild, exit: ChildExit, willRestart: boolean) => void;
};

/** One role as a process of its own that is started again when it ends unasked, as a local systemd would do. */
export class SupervisedChild {
  readonly service: DemoService;
  readonly logPath: string;
  readonly #options: SupervisedChildOptions;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #cancelRestart: (() => void) | undefined;
  #isStopping = false;
  #restarts = 0;
  #failures = 0;

  constructor(options: SupervisedChildOptions) {
    this.#options = options;
    this.service = options.service;
    this.logPath = join(options.logsDir, `${options.service.name}.log`);
  }

  /** Ends that nobody asked for and that were followed by a new start. */
  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  start(): void {
    try {
      this.#spawn();
    } catch (error) {
      // Short of memory, processes or files: as any other end, it is tried again.
      this.#afterExit({ code: null, signal: `no start: ${messageOf(error)}` }, 0);
    }
  }

  #spawn(): void {
    const log = openLogFile(this.logPath);
    let child: ChildProcess;
    try {
      const [program, entry] = this.#options.self;
      child = spawn(program, [entry, ...this.service.args], {
        // A group of its own: Ctrl-C in the terminal reaches the demo alone, which then ends all in order.
        detached: true,
        // The channel tethers it: the kernel closes it when the demo is killed, and the role ends by itself.
        stdio: ['ignore', log, log, 'ipc'],
      });
    } finally {
      closeSync(log);
    }
    // A life must not hold the demo open after it has decided to end.
    child.channel?.unref();
    this.#process = child;
    const startedMonoMs = this.#options.clock.monoMs();
    this.#exited = new Promise((resolve) => {
      let isOver = false;
      const over = (exit: ChildExit) => {
        if (isOver) return;
        isOver = true;
        this.#process = undefined;
        killGroup(child.pid);
        resolve();
        this.#afterExit(exit, this.#options.clock.monoMs() - startedMonoMs);
      };
      child.on('error', () => over({ code: null, signal: 'spawn failed' }));
      child.once('exit', (code, signal) => over({ code, signal }));
    });
  }

  /** SIGTERM, then SIGKILL to the whole group when it takes too long. Idempotent; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelRestart?.();
    const child = this.#process;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const cancel = this.#options.clock.after(STOP_MS, () => killGroup(child.pid));
    await this.#exited;
    cancel();
  }

  /** What the process said last: the error it ended with, else the last line of its log; empty if none. */
  lastWords(): string {
    try {
      const lines = readFileSync(this.logPath, 'utf8').slice(-LOG_TAIL_BYTES).trimEnd().split('\n');
      return (lines.findLast((line) => line.startsWith('vedette:')) ?? lines.at(-1) ?? '').replace(/^vedette: /, '');
    } catch {
      return '';
    }
  }

  #afterExit(exit: ChildExit, livedMs: number): void {
    if (this.#isStopping) return;
    const isFirst = this.#restarts === 0 && livedMs < SHORT_LIFE_MS;
    const willRestart = exit.code === null || !(isFirst ? HOPELESS_AT_START : HOPELESS).includes(exit.code);
    this.#options.onExit(this, exit, willRestart);
    if (!willRestart) return;
    this.#failures = livedMs >= STABLE_MS ? 0 : this.#failures + 1;
    // In the middle of the range: with one watcher there is no crowd to spread.
    const delayMs = backoffDelayMs(Math.max(0, this.#failures - 1), RESTART, 0.5);
    this.#cancelRestart = this.#options.clock.after(delayMs, () => {
      if (this.#isStopping) return;
      this.#restarts++;
      this.start();
    });
  }
}

function openLogFile(path: string): number {
  try {
    if (statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  } catch {
    // There is no log yet.
  }
  return openSync(path, 'a', 0o600);
}

// As KillMode=control-group: what a killed role had started (cameras, detectors) goes with it.
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty: all gone already.
  }
}
