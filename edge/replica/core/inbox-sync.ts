import { SyncBudget } from '../../records/sync-budget.js';
import type { CopyLine } from '../store/copy-store.js';
import type { ReplicaEffect } from './effects.js';

export type InboxLimits = {
  readonly syncMs: number;
  readonly syncLines: number;
  readonly syncRefillMs: number;
  readonly syncBurst: number;
  readonly diskRetryMs: number;
};

/** Lines on their way to the disk: written at once, durable in groups. */
export class InboxSync {
  readonly #limits: InboxLimits;
  readonly #budget: SyncBudget;
  #written: CopyLine[] = [];
  #syncing: { readonly mark: number; readonly lines: readonly CopyLine[] } | undefined;
  #dueMonoMs: number | undefined;
  #mark = 0;
  #troubleUntilMonoMs = Number.NEGATIVE_INFINITY;

  constructor(limits: InboxLimits) {
    this.#limits = limits;
    const { syncMs: soonMs, syncRefillMs: refillMs, syncBurst: burst } = limits;
    this.#budget = new SyncBudget({ soonMs, refillMs, burst });
  }

  /** Lines that are written or being written, and not durable. */
  get undurable(): number {
    return this.#written.length + (this.#syncing?.lines.length ?? 0);
  }

  /** The disk refused a short while ago: nothing is taken in, it can be asked for later. */
  isInTrouble(nowMonoMs: number): boolean {
    return nowMonoMs < this.#troubleUntilMonoMs;
  }

  add(lines: readonly CopyLine[], nowMonoMs: number): void {
    this.#written.push(...lines);
    this.#dueMonoMs ??= nowMonoMs + this.#budget.take(nowMonoMs);
    if (this.#written.length >= this.#limits.syncLines) this.#dueMonoMs = nowMonoMs;
  }

  due(nowMonoMs: number): ReplicaEffect[] {
    if (this.#syncing !== undefined || this.#dueMonoMs === undefined || nowMonoMs < this.#dueMonoMs) return [];
    this.#dueMonoMs = undefined;
    if (this.#written.length === 0) return [];
    this.#syncing = { mark: ++this.#mark, lines: this.#written };
    this.#written = [];
    return [{ type: 'sync', mark: this.#mark }];
  }

  /** A sync ended; gives the lines that are durable by it. */
  synced(mark: number, ok: boolean, nowMonoMs: number): readonly CopyLine[] {
    const syncing = this.#syncing;
    if (syncing === undefined || syncing.mark !== mark) return [];
    this.#syncing = undefined;
    if (this.#written.length > 0) this.#dueMonoMs ??= nowMonoMs + this.#budget.take(nowMonoMs);
    if (ok) return syncing.lines;
    // What a failed fsync was given may be gone: written once more it would not be trusted either, so it is asked for anew.
    this.#troubleUntilMonoMs = nowMonoMs + this.#limits.diskRetryMs;
    this.#dropped = syncing.lines;
    return [];
  }

  #dropped: readonly CopyLine[] = [];

  /** Lines that a failed sync put in doubt, once. */
  takeDropped(): readonly CopyLine[] {
    const dropped = this.#dropped;
    this.#dropped = [];
    return dropped;
  }

  /** The disk did not take these. */
  appendFailed(lines: readonly CopyLine[], nowMonoMs: number): void {
    this.#troubleUntilMonoMs = nowMonoMs + this.#limits.diskRetryMs;
    const failed = new Set(lines);
    this.#written = this.#written.filter((line) => !failed.has(line));
    if (this.#syncing !== undefined) {
      this.#syncing = { ...this.#syncing, lines: this.#syncing.lines.filter((line) => !failed.has(line)) };
    }
  }
}
