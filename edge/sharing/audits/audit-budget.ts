import type { AuditBudget } from './audit-limits.js';

const MINUTE_MS = 60_000;

/** What audits may still cost now: a number and bytes, both refilled with time. Monotonic ms. */
export class AuditAllowance {
  readonly #budget: AuditBudget;
  #audits: number;
  #bytes: number;
  #atMonoMs: number;

  constructor(budget: AuditBudget, nowMonoMs: number) {
    this.#budget = budget;
    this.#audits = budget.burst;
    this.#bytes = budget.bytesPerMinute;
    this.#atMonoMs = nowMonoMs;
  }

  /** Spends one audit of so many bytes, or nothing. */
  take(bytes: number, nowMonoMs: number): boolean {
    this.#refill(nowMonoMs);
    if (this.#audits < 1 || this.#bytes < bytes) return false;
    this.#audits--;
    this.#bytes -= bytes;
    return true;
  }

  #refill(nowMonoMs: number): void {
    const minutes = Math.max(0, nowMonoMs - this.#atMonoMs) / MINUTE_MS;
    const { burst, perMinute, bytesPerMinute } = this.#budget;
    this.#audits = Math.min(burst, this.#audits + minutes * perMinute);
    this.#bytes = Math.min(bytesPerMinute, this.#bytes + minutes * bytesPerMinute);
    this.#atMonoMs = nowMonoMs;
  }
}
