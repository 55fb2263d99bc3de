import type { Clock } from '../../base/clock.js';
import type { DiskTrouble } from './disk-trouble.js';
import type { LiveEpoch } from './live-epoch.js';
import type { RecordLimits } from './record-limits.js';
import { SyncBudget } from './sync-budget.js';

export type SyncTimerOptions = {
  readonly clock: Clock;
  readonly limits: RecordLimits;
  readonly trouble: DiskTrouble;
  /** The epoch being written. */
  readonly live: () => LiveEpoch | undefined;
  readonly onSynced: () => void;
  readonly onError: (error: unknown) => void;
};

/** When the epoch being written is fsynced: in time, or when enough was written; never before its writes, always beside them. */
export class SyncTimer {
  readonly #options: SyncTimerOptions;
  readonly #budget: SyncBudget;
  #isSyncing = false;
  #isClosed = false;
  #cancel: (() => void) | undefined;

  constructor(options: SyncTimerOptions) {
    this.#options = options;
    const { fsyncMs: soonMs, fsyncRefillMs: refillMs, fsyncBurst: burst } = options.limits;
    this.#budget = new SyncBudget({ soonMs, refillMs, burst });
  }

  /** Something was written. */
  arm(live: LiveEpoch): void {
    // Until the full segments are closed no fsync counts, and one without a file in hand ends at once: asked for again and
    // again, it would leave the closing no turn.
    if (live.isSealDue) return;
    const { clock, limits } = this.#options;
    const unsynced = live.writtenSeq - live.syncedSeq;
    if (unsynced >= limits.fsyncRecords) this.#start();
    else if (unsynced > 0) this.#cancel ??= clock.after(this.#budget.take(clock.monoMs()), () => this.#start());
  }

  /** As `arm`, of the epoch being written, unless the disk is in trouble. */
  armAgain(): void {
    const live = this.#options.live();
    if (live !== undefined && !this.#options.trouble.isPresent && !this.#isClosed) this.arm(live);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #start(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    const { live, trouble, onSynced, onError } = this.#options;
    // On a card it takes long, and the next record must not wait for it.
    trouble.watch(live()?.sync() ?? Promise.resolve()).then(
      () => {
        this.#isSyncing = false;
        onSynced();
        // What was written while a slow disk synced is not covered by it, and its own timer may have passed.
        this.armAgain();
      },
      (error) => {
        this.#isSyncing = false;
        onError(error);
      },
    );
  }
}
