import type { AskPlan } from './ask-plan.js';
import type { Copies } from './copies.js';
import type { Copy, LogEntry } from './copy.js';
import type { ReplicaEvent } from './effects.js';
import { logKey } from './frontiers.js';
import type { KeptHeads } from './kept-heads.js';
import type { Pager } from './pager.js';
import type { Peers } from './peers.js';
import type { ReplicaLimits } from './replica-limits.js';
import { planRetention } from './retention.js';
import type { Turn } from './turn.js';

export type ExpiryOptions = {
  readonly turn: Turn;
  readonly copies: Copies;
  readonly peers: Peers;
  readonly heads: KeptHeads;
  readonly asks: AskPlan;
  readonly pager: Pager;
  readonly limits: ReplicaLimits;
};

const PERIOD_MS = 60_000;

/** Gives up what its writer or retention has given up: `first` rises, on the disk too, and never falls. */
export class Expiry {
  readonly #options: ExpiryOptions;
  /** Copies whose `first` the disk refused to keep, and when it last did. */
  readonly #refused = new Set<Copy>();
  #refusedMonoMs = 0;
  #retainedMonoMs = 0;

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  raiseFirst(copy: Copy, first: number): void {
    if (!copy.raiseFirst(first)) return;
    this.#options.turn.emit({ type: 'expire', node: copy.node, epoch: copy.epoch, first });
  }

  /**
   * An entry of a head that is signed with the own key, of which this disk does not know: it is an older image of itself.
   * What was given up stays so.
   */
  recallOwn(node: string, { e, first }: LogEntry): void {
    const { turn, copies } = this.#options;
    const copy = copies.get(node, e);
    if (copy?.own === undefined || copy.own.isLive || first <= copy.first) return;
    this.raiseFirst(copy, first);
    turn.emit({ type: 'expireOwn', epoch: e, first });
  }

  onExpireFailed({ node, epoch }: Extract<ReplicaEvent, { type: 'expireFailed' }>): void {
    const { turn, copies } = this.#options;
    turn.counters.add('diskFailures');
    const copy = copies.get(node, epoch);
    if (copy !== undefined) this.#refused.add(copy);
    this.#refusedMonoMs = turn.monoMs;
  }

  /** Writes again what the disk refused, or the next life would take in, and give, what was given up. */
  repeat(): void {
    const { turn, limits } = this.#options;
    if (this.#refused.size === 0 || turn.monoMs - this.#refusedMonoMs < limits.diskRetryMs) return;
    for (const { node, epoch, first } of this.#refused) turn.emit({ type: 'expire', node, epoch, first });
    this.#refused.clear();
  }

  forget(copy: Copy): void {
    const { turn, copies, asks, pager } = this.#options;
    copies.forget(copy);
    this.#refused.delete(copy);
    asks.forget(copy);
    pager.forget(copy);
    turn.emit({ type: 'forget', node: copy.node, epoch: copy.epoch });
  }

  /** Retention of copies, now and then. */
  tick(): void {
    const { turn, copies, limits } = this.#options;
    if (turn.monoMs - this.#retainedMonoMs < PERIOD_MS) return;
    this.#retainedMonoMs = turn.monoMs;
    const listed = this.#listed();
    const isOrphan = ({ node, epoch }: Copy) => !listed.has(logKey(node, epoch));
    const { retentionMs, copiesBytesMax: bytesMax, clockUnsetBeforeMs: unsetBeforeWallMs } = limits;
    const bounds = { olderThanWallMs: turn.wallMs - retentionMs, bytesMax, unsetBeforeWallMs };
    for (const { copy, first, records } of planRetention(copies.all(), isOrphan, bounds)) {
      turn.counters.add('expired', records);
      this.raiseFirst(copy, first);
    }
    for (const copy of [...copies.all()]) {
      if (copy.own === undefined && copy.isOver && copy.first > copy.known && isOrphan(copy)) this.forget(copy);
    }
  }

  // Logs that a writer who is there speaks for.
  #listed(): Set<string> {
    const { turn, peers, heads } = this.#options;
    const listed = new Set<string>();
    for (const node of heads.nodes()) {
      if (peers.awayMs(node, turn.monoMs) > 0) continue;
      for (const { e } of heads.of(node).at(-1)?.head.logs ?? []) listed.add(logKey(node, e));
    }
    return listed;
  }
}
