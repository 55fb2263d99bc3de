import type { Clock } from '../../base/clock.js';

/** Well under any useful WatchdogSec; the notifier itself sends only every third of that. */
const LOOK_MS = 1_000;

export type WatchdogFeedOptions = {
  /** Tells the service manager that the service is alive; asked often, may send seldom. */
  readonly feed: (status: string) => void;
  readonly clock: Clock;
  /** How long the pipeline may stand still while the node repairs it itself, ms. */
  readonly repairMs: number;
  /** One line for `systemctl status`. */
  readonly status: () => string;
};

/**
 * Feeds the watchdog from the progress of the pipeline. A vision process that ends is started again by its host, and
 * that costs frames, not the node: the node counts as alive until that repair has had its time and brought nothing.
 */
export class WatchdogFeed {
  readonly #options: WatchdogFeedOptions;
  #progressMonoMs = 0;
  #cancel: (() => void) | undefined;

  constructor(options: WatchdogFeedOptions) {
    this.#options = options;
  }

  open(): void {
    this.#progressMonoMs = this.#options.clock.monoMs();
    // From a timer, so that a blocked event loop starves it too.
    this.#cancel = this.#options.clock.every(LOOK_MS, () => this.#look());
  }

  /** The pipeline moved. */
  progress(): void {
    this.#progressMonoMs = this.#options.clock.monoMs();
  }

  close(): void {
    this.#cancel?.();
  }

  #look(): void {
    const { clock, repairMs, feed, status } = this.#options;
    if (clock.monoMs() - this.#progressMonoMs <= repairMs) feed(status());
  }
}
