/** An invariant that did not hold. */
export type Violation = { readonly invariant: string; readonly atMs: number; readonly detail: string };

/** Violations kept of one history; what comes after the first is mostly its echo. */
const VIOLATIONS_KEPT_MAX = 20;

/** Which invariants were looked at, how often, and what did not hold. */
export class InvariantBook {
  readonly #nowMs: () => number;
  readonly #checks = new Map<string, number>();
  readonly #violations: Violation[] = [];
  #broken = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Notes one look at an invariant. @param detail asked only when it does not hold. */
  check(invariant: string, holds: boolean, detail: () => string): void {
    this.#checks.set(invariant, (this.#checks.get(invariant) ?? 0) + 1);
    if (holds) return;
    this.#broken++;
    if (this.#violations.length < VIOLATIONS_KEPT_MAX) {
      this.#violations.push({ invariant, atMs: this.#nowMs(), detail: detail() });
    }
  }

  get checks(): ReadonlyMap<string, number> {
    return this.#checks;
  }

  /** Times an invariant did not hold. */
  get broken(): number {
    return this.#broken;
  }

  /** The first of them. */
  get violations(): readonly Violation[] {
    return this.#violations;
  }
}
