import type { Maintenance } from '../protocol/status.js';

/** Held nodes that a roster has room to name, beside 1,000 nodes in its 64 KiB. */
const TOLD_MAX = 256;

/** Which nodes are held for maintenance, also those without a board. */
export class MaintenanceHolds {
  readonly #nodes: ReadonlySet<string>;
  readonly #untilMs = new Map<string, number>();

  constructor(nodes: readonly string[]) {
    this.#nodes = new Set(nodes);
  }

  set(node: string, maintenance: Maintenance | undefined): void {
    if (!this.#nodes.has(node)) return;
    if (maintenance === undefined) this.#untilMs.delete(node);
    else this.#untilMs.set(node, maintenance.untilMs);
  }

  /** Those that are held now, at most 256. @param nowMs wall clock. */
  names(nowMs: number): string[] {
    for (const [node, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(node);
    return [...this.#untilMs.keys()].sort().slice(0, TOLD_MAX);
  }
}
