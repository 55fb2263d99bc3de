import type { WorkCounts } from '../../../edge/sharing/offers/spare-meter.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { NodePlan } from './offer-plan.js';

/**
 * Places of a node, its one detector and the thread beside it that decodes and encodes, as `Turns` and the vision process
 * share them out: on each of the two one thing runs after the other.
 */
export class SimulatedWork {
  readonly #queue: EventQueue;
  readonly #plan: NodePlan;
  readonly #onFree: () => void;
  readonly #sums = { frames: 0, looks: 0, framesMs: 0, looksMs: 0, detectorMs: 0 };
  readonly #taken = { frames: 0, looks: 0 };
  #passedAtMs = 0;
  #free: number;
  #detectorIdleAtMs = 0;
  #threadIdleAtMs = 0;

  constructor(queue: EventQueue, plan: NodePlan, onFree: () => void) {
    this.#queue = queue;
    this.#plan = plan;
    this.#onFree = onFree;
    this.#free = plan.places;
  }

  get hasFree(): boolean {
    return this.#free > 0;
  }

  get counts(): WorkCounts {
    this.#passTime();
    return { ...this.#sums, places: this.#plan.places, detectors: 1 };
  }

  #passTime(): void {
    const passedMs = this.#queue.nowMs - this.#passedAtMs;
    this.#passedAtMs = this.#queue.nowMs;
    this.#sums.framesMs += this.#taken.frames * passedMs;
    this.#sums.looksMs += this.#taken.looks * passedMs;
  }

  /** Takes a place for a frame or a look; after it, the place rests. */
  run(kind: 'frames' | 'looks', workMs: number, done: () => void): void {
    const startedMs = this.#queue.nowMs;
    this.#free--;
    this.#passTime();
    this.#taken[kind]++;
    this.#detectorIdleAtMs = Math.max(this.#detectorIdleAtMs, startedMs) + workMs;
    this.#sums.detectorMs += workMs;
    this.#queue.at(this.#detectorIdleAtMs, () => {
      const workedMs = this.#queue.nowMs - startedMs;
      const restMs = workedMs * (1 / this.#plan.share - 1);
      this.#sums[kind]++;
      done();
      this.#queue.after(restMs, () => {
        this.#free++;
        this.#passTime();
        this.#taken[kind]--;
        this.#onFree();
      });
    });
  }

  /** Decoding and encoding what is offered. */
  prepare(workMs: number, done: () => void): void {
    this.#threadIdleAtMs = Math.max(this.#threadIdleAtMs, this.#queue.nowMs) + workMs;
    this.#queue.at(this.#threadIdleAtMs, done);
  }
}
