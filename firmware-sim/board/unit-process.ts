import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import type { Clock } from '../../base/clock.js';

/** As systemd names them. */
export type UnitState = {
  readonly active: 'active' | 'deactivating' | 'failed' | 'inactive';
  readonly sub: string;
  readonly result: string;
  /** InvocationID of the last life; null before the first. */
  readonly inv: string | null;
  /** 1 exited, 2 killed. */
  readonly exitCode: number | null;
  /** Exit code or number of the signal. */
  readonly exitStatus: number | null;
  readonly startedMonoMs: number | null;
  readonly pid: number | null;
};

export type UnitProcessOptions = {
  /** Program and arguments of the service. */
  readonly command: readonly [string, ...string[]];
  /** Environment of the service, besides what systemd adds. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder in memory for the service's pulse. */
  readonly runtimeDir: string;
  readonly clock: Clock;
  readonly onEnd: (state: UnitState) => void;
  readonly onStart?: (state: UnitState) => void;
  /** As TimeoutStopSec. */
  readonly stopMs?: number;
};

/**
 * One service of a simulated board: a real process under what systemd would tell of it. `Restart=no`: whether and when
 * it comes back is the monitor's business, which is what the simulated board is there to show.
 */
export class UnitProcess {
  readonly #options: UnitProcessOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isStopping = false;
  #state: UnitState = {
    active: 'inactive',
    sub: 'dead',
    result: 'success',
    inv: null,
    exitCode: null,
    exitStatus: null,
    startedMonoMs: null,
    pid: null,
  };

  constructor(options: UnitProcessOptions) {
    this.#options = options;
  }

  get state(): UnitState {
    return this.#state;
  }

  /** A new life with a new InvocationID. Does nothing while there is one. */
  start(): void {
    if (this.#child !== undefined) return;
    const { command, runtimeDir, clock } = this.#options;
    const [program, ...args] = command;
    const inv = randomBytes(16).toString('hex');
    this.#isStopping = false;
    const child = spawn(program, args, {
      // A group of its own, as a control group: it is ended as a whole.
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...this.#options.env, INVOCATION_ID: inv, RUNTIME_DIRECTORY: runtimeDir },
    });
    this.#child = child;
    const pid = child.pid ?? null;
    this.#set({ active: 'active', sub: 'running', inv, startedMonoMs: clock.monoMs(), pid });
    this.#options.onStart?.(this.#state);
    this.#ended = new Promise((resolve) => {
      const end = (code: number | null, signalName: NodeJS.Signals | null) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        killGroup(child.pid);
        this.#onEnd(code, signalName);
        resolve();
      };
      child.once('error', () => end(203, null));
      child.once('exit', end);
    });
  }

  /** SIGTERM and SIGCONT, then SIGKILL to all of it, as systemd does. Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#isStopping = true;
    this.#set({ active: 'deactivating', sub: 'stop-sigterm' });
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    const cancel = this.#options.clock.after(this.#options.stopMs ?? 8_000, () => killGroup(child.pid));
    await this.#ended;
    cancel();
  }

  #onEnd(code: number | null, signalName: NodeJS.Signals | null): void {
    const exitCode = signalName === null ? 1 : 2;
    const exitStatus = signalName === null ? (code ?? 0) : constants.signals[signalName];
    // SuccessExitStatus=143: asked to end, ended.
    const isGood = this.#isStopping || code === 0 || code === 143 || signalName === 'SIGTERM';
    const result = isGood ? 'success' : signalName === null ? 'exit-code' : 'signal';
    const active = isGood ? 'inactive' : 'failed';
    this.#set({ active, sub: active === 'failed' ? 'failed' : 'dead', result, exitCode, exitStatus, pid: null });
    this.#options.onEnd(this.#state);
  }

  #set(change: Partial<UnitState>): void {
    this.#state = { ...this.#state, ...change };
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty: all gone already.
  }
}
