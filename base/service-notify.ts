import { execFile } from 'node:child_process';
import type { Clock } from './clock.js';
import type { Environment } from './config.js';
import { OperationError } from './errors.js';
import type { Log } from './log.js';
import { RateLimitedLog } from './rate-limited-log.js';

/** One call takes 7 to 20 ms on a board; one that takes this long will not come. */
const CALL_MS = 5_000;
/** Share of WatchdogSec between two signs of life: two may be late before systemd acts (sd_watchdog_enabled(3) says 2). */
const WATCHDOG_SHARE = 1 / 3;

/** Hands one message to the service manager. Rejects if it did not take it. */
export type SendNotice = (fields: readonly string[]) => Promise<void>;

export type ServiceNotifyOptions = {
  /** Environment of the process: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly send?: SendNotice;
};

/**
 * Tells systemd that the service is ready, alive and stopping (sd_notify(3)), through the system's `systemd-notify`:
 * Node has no unix datagram socket, and a native addon is one more thing that can be missing on a board. The unit
 * needs `NotifyAccess=all`. Without `NOTIFY_SOCKET` every call does nothing.
 */
export class ServiceNotify {
  readonly #clock: Clock;
  readonly #send: SendNotice;
  readonly #faults: RateLimitedLog;
  readonly #isOn: boolean;
  /** Time between two signs of life, ms; undefined without a watchdog. */
  readonly #watchdogMs: number | undefined;
  #aliveMonoMs = Number.NEGATIVE_INFINITY;
  #status = '';
  #sending: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: ServiceNotifyOptions) {
    const { env, clock, log, send } = options;
    this.#clock = clock;
    this.#send = send ?? sendNotice;
    this.#faults = new RateLimitedLog(log, clock, 60_000);
    this.#isOn = (env.NOTIFY_SOCKET ?? '') !== '';
    this.#watchdogMs = watchdogMs(env);
  }

  /**
   * The service works now.
   * @throws OperationError `unreachable` if a service manager waits for this and cannot be told: without it every start
   * would end in TimeoutStartSec, with nobody knowing why.
   */
  async ready(status = ''): Promise<void> {
    if (!this.#isOn) return;
    this.#aliveMonoMs = this.#clock.monoMs();
    try {
      await this.#send(['READY=1', ...statusField(status), 'WATCHDOG=1']);
    } catch (cause) {
      throw new OperationError({
        code: 'unreachable',
        op: 'notify',
        subject: 'systemd',
        message: cause instanceof Error ? cause.message : String(cause),
        hint: 'is systemd-notify installed, and has the unit NotifyAccess=all?',
        cause,
      });
    }
  }

  /** The service did a piece of its work. Cheap; call it every time. Feeds the watchdog, never from a bare timer. */
  progress(status?: string): void {
    if (status !== undefined) this.#status = status;
    if (!this.#isOn || this.#watchdogMs === undefined) return;
    const nowMonoMs = this.#clock.monoMs();
    if (nowMonoMs - this.#aliveMonoMs < this.#watchdogMs) return;
    this.#aliveMonoMs = nowMonoMs;
    this.#enqueue(['WATCHDOG=1', ...statusField(this.#status)]);
  }

  /** The start takes longer than TimeoutStartSec allows for: gives it this much more from now. */
  extendStart(byMs: number): void {
    if (this.#isOn) this.#enqueue([`EXTEND_TIMEOUT_USEC=${Math.round(byMs * 1000)}`]);
  }

  /** The service ends on purpose. */
  async stopping(): Promise<void> {
    if (!this.#isOn) return;
    this.#enqueue(['STOPPING=1']);
    await this.#sending;
  }

  // One at a time, in order. A sign of life that finds one waiting already says nothing new.
  #enqueue(fields: readonly string[]): void {
    if (this.#waiting >= 2) return;
    this.#waiting++;
    this.#sending = this.#sending
      .then(() => this.#send(fields))
      .catch((error) => this.#faults.warn('service manager not notified', { error: String(error) }))
      .finally(() => {
        this.#waiting--;
      });
  }
}

/** Ends in one line, whatever the text: a field of the protocol ends with its line. */
function statusField(status: string): string[] {
  return status === '' ? [] : [`STATUS=${status.replace(/[\r\n]+/g, ' ').slice(0, 200)}`];
}

function watchdogMs(env: Environment): number | undefined {
  const usec = Number(env.WATCHDOG_USEC ?? '');
  const isOurs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
  return Number.isFinite(usec) && usec > 0 && isOurs ? (usec / 1000) * WATCHDOG_SHARE : undefined;
}

// Without --no-block: its barrier keeps the caller alive until systemd has attributed the message to the unit.
function sendNotice(fields: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', ['--', ...fields], { timeout: CALL_MS, killSignal: 'SIGKILL' }, (error, _out, err) => {
      if (error === null) resolve();
      else reject(new Error(err.trim() === '' ? error.message : err.trim(), { cause: error }));
    });
  });
}
