import type { Random } from '../../../base/random.js';
import type { Fault, FaultKind, FaultSite } from './fault.js';

/** Inflicts the faults of a plan at their times and heals them; counts those that applied. */
export class FaultSchedule {
  readonly #site: FaultSite<unknown>;
  readonly #kinds: ReadonlyMap<string, FaultKind<unknown>>;
  readonly #random: Random;
  readonly #active = new Map<number, () => void>();
  readonly #counts = new Map<string, number>();

  constructor(site: FaultSite<unknown>, kinds: readonly FaultKind<unknown>[], random: Random) {
    this.#site = site;
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    this.#random = random;
  }

  /** How many faults of each kind befell something. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Sets the faults on the clock of the world. */
  arm(faults: readonly Fault[]): void {
    for (const fault of faults) this.#site.world.queue.at(fault.atMs, () => this.#inflict(fault));
  }

  /** Ends every fault that is on and puts right what several of them may have left askew; what is gone stays gone. */
  healAll(): void {
    for (const id of [...this.#active.keys()]) this.#heal(id);
    const { world } = this.#site;
    world.network.healAll();
    for (const broker of world.brokers.values()) broker.start();
  }

  #inflict(fault: Fault): void {
    const inflicted = this.#kinds.get(fault.kind)?.inflict(this.#site, fault, this.#random.fork(fault.id));
    if (inflicted === undefined) return;
    this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1);
    this.#active.set(fault.id, inflicted.heal);
    // Healed even if it lasts no time: the next event of this millisecond comes after it.
    this.#site.world.queue.at(fault.untilMs, () => this.#heal(fault.id));
  }

  #heal(id: number): void {
    const heal = this.#active.get(id);
    this.#active.delete(id);
    heal?.();
  }
}
