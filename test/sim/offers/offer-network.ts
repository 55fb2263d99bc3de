import type { Random } from '../../../base/random.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { FleetPlan } from './offer-plan.js';

/** How much slower a slow link is. */
const SLOW_FACTOR = 20;

/** Carries messages between nodes: late, twice, or not at all. A node that is cut off hears nobody and nobody it. */
export class OfferNetwork {
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #plan: FleetPlan;
  bytes = 0;

  constructor(queue: EventQueue, random: Random, plan: FleetPlan) {
    this.#queue = queue;
    this.#random = random;
    this.#plan = plan;
  }

  /** Cut from each other: they are on different sides of a cut that holds now. */
  isCut(a: string, b: string): boolean {
    return this.#holds('cut').some(({ nodes }) => nodes.includes(a) !== nodes.includes(b));
  }

  isDown(node: string): boolean {
    return this.#holds('crash').some(({ nodes }) => nodes.includes(node));
  }

  isFrozen(node: string): boolean {
    return this.#holds('freeze').some(({ nodes }) => nodes.includes(node));
  }

  send(from: string, to: string, bytes: number, deliver: () => void): void {
    const { lost, repeated, delayMs, jitterMs, bytesPerMs } = this.#plan;
    this.bytes += bytes;
    if (this.isCut(from, to) || this.#random.chance(lost)) return;
    const isSlow = this.#holds('slow').some(({ nodes }) => nodes.includes(from) || nodes.includes(to));
    const times = this.#random.chance(repeated) ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const wayMs = delayMs + jitterMs * this.#random.next() + bytes / bytesPerMs;
      this.#queue.after(wayMs * (isSlow ? SLOW_FACTOR : 1), () => {
        if (!this.isDown(to)) deliver();
      });
    }
  }

  #holds(kind: string) {
    const { faults } = this.#plan;
    if (faults.length === 0) return faults;
    const { nowMs } = this.#queue;
    return faults.filter((fault) => fault.kind === kind && fault.fromMs <= nowMs && nowMs < fault.untilMs);
  }
}
