import type { Random } from '../../../base/random.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { AuditPlan } from './audit-plan.js';
import type { SimulatedAuditor } from './simulated-auditor.js';

/** A message that comes twice comes again within this. */
const REPEAT_MS = 90_000;

export type AuditNetworkOptions = {
  readonly plan: AuditPlan;
  readonly boards: ReadonlyMap<string, SimulatedAuditor>;
  readonly queue: EventQueue;
  readonly random: Random;
};

/** Carries messages between the boards of a history, as far as its plan lets them through. */
export class AuditNetwork {
  readonly #options: AuditNetworkOptions;
  readonly #slowMs: ReadonlyMap<string, number>;
  #isHealed = false;

  constructor(options: AuditNetworkOptions) {
    this.#options = options;
    this.#slowMs = new Map(options.plan.nodes.map(({ node, slowMs }) => [node, slowMs]));
  }

  /** Nothing is lost, nobody is cut off from now on. */
  heal(): void {
    this.#isHealed = true;
  }

  send(from: string, to: string, deliver: (receiver: SimulatedAuditor) => void): void {
    const { plan, random } = this.#options;
    if (!this.isReached(from, to) || (!this.#isHealed && random.chance(plan.lossRate))) return;
    const { baseMs, jitterMs } = plan.latency;
    const slowMs = (this.#slowMs.get(from) ?? 0) + (this.#slowMs.get(to) ?? 0);
    const delayMs = baseMs + random.range(0, jitterMs) + slowMs;
    this.#deliver(delayMs, to, deliver);
    if (plan.repeatRate === 0 || this.#isHealed || !random.chance(plan.repeatRate)) return;
    this.#deliver(delayMs + random.range(0, REPEAT_MS), to, deliver);
  }

  isReached(from: string, to: string): boolean {
    if (this.#isHealed) return true;
    const { nowMs } = this.#options.queue;
    return this.#options.plan.partitions.every(
      ({ fromMs, toMs, left }) => nowMs < fromMs || nowMs >= toMs || left.includes(from) === left.includes(to),
    );
  }

  #deliver(delayMs: number, to: string, deliver: (receiver: SimulatedAuditor) => void): void {
    const { queue, boards } = this.#options;
    queue.after(delayMs, () => {
      const receiver = boards.get(to);
      if (receiver?.isUp === true && !receiver.plan.isOld) deliver(receiver);
    });
  }
}
