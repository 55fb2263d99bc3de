import type { Clock } from '../../base/clock.js';
import { messageOf, systemCodeOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { RecordLimits } from './record-limits.js';

export type DiskState = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What is told as the reason while the disk neither does what it was asked to nor says that it cannot. */
export const STALL_REASON = 'stalled';

export type DiskTroubleOptions = {
  readonly clock: Clock;
  /** By which answers are awaited. */
  readonly diskClock: Clock;
  readonly log: Log;
  readonly limits: RecordLimits;
  readonly onDisk: (state: DiskState) => void;
  /** Time to try the disk again; the log does it in its turn and calls `clear` when it worked. */
  readonly onRetry: () => void;
  /** The disk has not answered for `diskStallMs`: nobody may wait for it any longer. */
  readonly onStall: () => void;
};

/** What memory holds of an epoch while the disk does not take it. */
export type Debt = { readonly unwritten: number; readonly isBroken: boolean };

/**
 * How many of the oldest records in memory alone must go. In trouble memory holds what the disk owes for `memoryMs`; after
 * it only the newest, so that live viewers still see all. Without trouble, what has not come to its turn yet.
 * @param troubleMs how long the disk has been in trouble; undefined: it is not.
 */
export function recordsToShed(debt: Debt, troubleMs: number | undefined, limits: RecordLimits): number {
  if (troubleMs === undefined) return Math.max(0, debt.unwritten - limits.burstRecordsMax);
  const excess = Math.max(0, debt.unwritten - limits.memoryRecordsMax);
  // The first loss ends what can ever be whole on disk; from then on only the size counts.
  const isGivenUp = troubleMs > limits.memoryMs && !debt.isBroken;
  return isGivenUp ? Math.max(1, excess) : excess;
}

/**
 * Whether the disk under the log works: trouble begins with an error, or with an answer that does not come, and ends when
 * an attempt to write all that is owed has worked.
 */
export class DiskTrouble {
  readonly #options: DiskTroubleOptions;
  #sinceMonoMs: number | undefined;
  #reason = '';
  #stalled = 0;
  #stalls = 0;
  #releases: (() => void)[] = [];
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;
  #stepMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskTroubleOptions) {
    this.#options = options;
  }

  get state(): DiskState {
    return this.isPresent ? { ok: false, reason: this.#reason } : { ok: true };
  }

  get isPresent(): boolean {
    return this.#sinceMonoMs !== undefined;
  }

  /** The disk has something in hand that it neither does nor refuses. */
  get isStalled(): boolean {
    return this.#stalled > 0;
  }

  /** How often the disk did not answer in time, since the start. */
  get stalls(): number {
    return this.#stalls;
  }

  /** How long the trouble has lasted, in ms; undefined without one. */
  get lastedMs(): number | undefined {
    return this.#sinceMonoMs === undefined ? undefined : this.#options.clock.monoMs() - this.#sinceMonoMs;
  }

  /** Why records are lost that the disk did not take, as a `loss` record says it. */
  get lossCause(): 'disk-full' | 'io' {
    return this.#reason === 'ENOSPC' || this.#reason === 'EDQUOT' ? 'disk-full' : 'io';
  }

  /** A segment was closed, one of many perhaps: whoever waits for them waits for a disk that works. */
  noteStep(): void {
    this.#stepMonoMs = this.#options.diskClock.monoMs();
  }

  /**
   * Passes on the outcome of some work of the disk, however late; work that takes too long is trouble.
   * @param hasSteps it may be the closing of many segments, or wait for it: each that is closed gives it its time anew.
   */
  async watch<T>(work: Promise<T>, { hasSteps = false } = {}): Promise<T> {
    const { diskClock, limits } = this.#options;
    let isLate = false;
    const look = () => {
      const leftMs = hasSteps ? this.#stepMonoMs + limits.diskStallMs - diskClock.monoMs() : 0;
      if (leftMs > 0) cancel = diskClock.after(leftMs, look);
      else {
        isLate = true;
        this.#noteStall();
      }
    };
    let cancel = diskClock.after(limits.diskStallMs, look);
    try {
      return await work;
    } finally {
      cancel();
      if (isLate) this.#noteAnswer();
    }
  }

  /** Resolves with the work, or as soon as the disk does not answer: who waits then would wait for ever. */
  async untilStalled(work: Promise<void>): Promise<void> {
    if (this.isStalled) return;
    const stalled = new Promise<void>((resolve) => this.#releases.push(resolve));
    await Promise.race([work, stalled]);
  }

  /** Takes note of an error, and tries again later. */
  note(error: unknown): void {
    const reason = systemCodeOf(error) ?? messageOf(error);
    this.#begin(reason, messageOf(error));
    if (this.#isClosed) return;
    this.#cancelRetry ??= this.#options.clock.after(this.#options.limits.diskRetryMs, () => {
      this.#cancelRetry = undefined;
      this.#options.onRetry();
    });
  }

  /** All that was owed is on disk. Nothing happens while some work still has no answer: its end is the next attempt. */
  clear(): void {
    if (!this.isPresent || this.isStalled) return;
    this.#sinceMonoMs = undefined;
    this.#options.log.info('log is written again');
    this.#options.onDisk({ ok: true });
  }

  /** No attempts from now on. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
  }

  #begin(reason: string, error: string): void {
    if (this.isPresent) return;
    this.#sinceMonoMs = this.#options.clock.monoMs();
    this.#reason = reason;
    this.#options.log.error('log not written, keeping records in memory', { reason, error });
    this.#options.onDisk({ ok: false, reason });
  }

  #noteStall(): void {
    this.#stalled++;
    this.#stalls++;
    this.#begin(STALL_REASON, `no answer for ${this.#options.limits.diskStallMs} ms`);
    for (const release of this.#releases.splice(0)) release();
    this.#options.onStall();
  }

  #noteAnswer(): void {
    this.#stalled--;
    if (!this.isStalled && !this.#isClosed) this.#options.onRetry();
  }
}
