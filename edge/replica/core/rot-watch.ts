import type { AskPlan } from './ask-plan.js';
import type { Copies } from './copies.js';
import type { Copy } from './copy.js';
import type { ReplicaEvent } from './effects.js';
import { logKey } from './frontiers.js';
import { Quarantine, type Standing } from './quarantine.js';
import type { ReplicaLimits } from './replica-limits.js';
import type { Turn } from './turn.js';

export type RotWatchOptions = {
  readonly turn: Turn;
  readonly copies: Copies;
  readonly asks: AskPlan;
  readonly limits: ReplicaLimits;
};

/** Segments found rotten or outvoted: out of use, asked for anew, and held against this replica. */
export class RotWatch {
  readonly #options: RotWatchOptions;
  readonly #quarantine: Quarantine;
  /** Closed segments that were not replaced yet: `node/epoch/n`. */
  readonly #rotten = new Set<string>();

  constructor(options: RotWatchOptions) {
    this.#options = options;
    this.#quarantine = new Quarantine(options.limits.failuresMax, options.limits.suspectMs);
  }

  standing(nowMonoMs: number): Standing {
    return this.#quarantine.standing(nowMonoMs);
  }

  onRot({ node, epoch, n, reason }: Extract<ReplicaEvent, { type: 'rot' }>): void {
    const copy = this.#options.copies.get(node, epoch);
    if (copy === undefined || n === undefined) {
      this.noteUnread(node, epoch, reason);
      return;
    }
    // Several may read one at a time: it rotted once, and one more failure would be quarantine.
    if (this.#rotten.has(keyOf(copy, n))) return;
    this.#tell(node, epoch, reason);
    this.lose(copy, n);
  }

  /** Something on the disk was not what was written, of which no copy knew. */
  noteUnread(node: string, epoch: string, reason: string): void {
    this.#tell(node, epoch, reason);
    this.#noteFailure(node, epoch);
  }

  /** A closed segment of the own log that is not there and was not given up: its file was rotten, whoever found that. */
  lookAtOwn(copy: Copy): void {
    for (const n of copy.ownHoles) {
      if (this.#rotten.has(keyOf(copy, n))) continue;
      this.#tell(copy.node, copy.epoch, `segment ${n} of the own log is not readable`);
      this.lose(copy, n);
    }
  }

  /** Out of use at once; asked for as if it had never come. */
  lose(copy: Copy, n: number): void {
    copy.dropSegment(n);
    this.#rotten.add(keyOf(copy, n));
    this.#options.asks.nudge(copy);
    this.#noteFailure(copy.node, copy.epoch);
  }

  noteSaved(node: string, epoch: string, n: number): void {
    if (this.#rotten.delete(keyOf({ node, epoch }, n))) this.#options.turn.counters.add('mended');
  }

  #tell(node: string, epoch: string, reason: string): void {
    const { turn } = this.#options;
    turn.counters.add('rot');
    turn.tell('rot', node, epoch, reason);
  }

  #noteFailure(node: string, epoch: string): void {
    const { turn } = this.#options;
    if (!this.#quarantine.noteFailure(turn.monoMs)) return;
    turn.tell('quarantine', node, epoch, 'this replica kept rotting: it has no vote for a day');
  }
}

function keyOf({ node, epoch }: Pick<Copy, 'node' | 'epoch'>, n: number): string {
  return `${logKey(node, epoch)}/${n}`;
}
