import type { Clock } from './clock.js';
import type { Log, LogFields } from './log.js';

type Window = { startedMonoMs: number; suppressed: number };

/** Lets one line per message and interval through, and says with the next how many it held back. */
export class RateLimitedLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(log: Log, clock: Clock, intervalMs = 10_000) {
    this.#log = log;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Writes at `warn` unless the same message was written within the interval. Messages are constants, so few. */
  warn(message: string, fields: LogFields = {}): void {
    const nowMonoMs = this.#clock.monoMs();
    const window = this.#windows.get(message);
    if (window !== undefined && nowMonoMs - window.startedMonoMs < this.#intervalMs) {
      window.suppressed++;
      return;
    }
    const suppressed = window?.suppressed ?? 0;
    this.#windows.set(message, { startedMonoMs: nowMonoMs, suppressed: 0 });
    this.#log.warn(message, suppressed > 0 ? { ...fields, suppressed } : fields);
  }
}
