import type { Interval } from '../../../base/listener/interval-set.js';
import type { Frontier } from '../../../protocol/replica.js';
import type { AskPlan, Target } from './ask-plan.js';
import type { Copies } from './copies.js';
import type { Copy } from './copy.js';
import type { Frontiers } from './frontiers.js';
import type { InboxSync } from './inbox-sync.js';
import type { Intake } from './intake.js';
import { common, without } from './intervals.js';
import type { Pager } from './pager.js';
import type { Peers } from './peers.js';
import type { ReplicaLimits } from './replica-limits.js';
import type { Turn } from './turn.js';

export type AskingOptions = {
  readonly node: string;
  readonly turn: Turn;
  readonly copies: Copies;
  readonly peers: Peers;
  readonly frontiers: Frontiers;
  readonly asks: AskPlan;
  readonly pager: Pager;
  readonly inbox: InboxSync;
  readonly intake: Intake;
  readonly limits: ReplicaLimits;
};

/** Asks others for what is missing, gives up what nobody has, and asks again when somebody does. */
export class Asking {
  readonly #options: AskingOptions;

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  ask(copy: Copy): void {
    const { turn, asks, pager, inbox, limits } = this.#options;
    if (inbox.isInTrouble(turn.monoMs)) return;
    const isNew = copy.records === 0 && copy.missingRecords >= limits.pageFrom;
    for (const step of asks.plan(copy, () => this.#targets(copy, isNew), turn.monoMs)) {
      if ('page' in step) pager.add(copy);
      else turn.emit({ type: 'need', to: step.to, need: step.need });
    }
  }

  /** Goes on with the retained segments that are being read. */
  page(): void {
    const { turn, asks, pager } = this.#options;
    const { effects, ended } = pager.due(turn.monoMs);
    turn.emit(...effects);
    if (ended !== undefined) asks.pageEnded(ended, turn.monoMs);
  }

  /**
   * The writer had none of these ranges, nor had anybody else. Whoever is there and says to hold it durably may have been
   * unable to read it, or not be the one who answered: two boards can go by one name. Only what is held here one by one, and
   * not to be had as a segment, is not asked for any more.
   */
  giveUp(copy: Copy, denied: readonly Interval[]): void {
    const { turn, frontiers, intake } = this.#options;
    let lacked: readonly Interval[] = copy.lacked(denied);
    const isHeld = without(denied, lacked);
    for (const holder of this.#holdersThere(copy)) {
      lacked = without(lacked, frontiers.claimed(holder, copy.node, copy.epoch, lacked));
    }
    const ranges = [...isHeld, ...lacked];
    if (ranges.length === 0) return;
    const records = copy.noteGone(ranges);
    intake.save(copy.releasePending());
    if (records === 0) return;
    turn.counters.add('gone', records);
    turn.tell('gone', copy.node, copy.epoch, `${records} records that neither their writer nor anybody else has`);
  }

  /**
   * What of some ranges is gone, if the one who answered has nothing of it: for its writer all of it. Of a log whose writer
   * is not there to be asked, what others were told when it was: they name it as given up. Of a log under our own name,
   * such as a clone's, we are the writer, and ask because we have nothing.
   */
  deniedBy(copy: Copy, from: string, ranges: readonly Interval[]): readonly Interval[] {
    const { node, frontiers } = this.#options;
    if (from === copy.node || copy.node === node) return ranges;
    return this.#isThere(copy.node) ? [] : common(ranges, frontiers.goneOf(from, copy.node, copy.epoch));
  }

  /** Everybody may have come with something: the link is up. */
  nudgeAll(): void {
    const { copies, asks } = this.#options;
    for (const copy of copies.all()) {
      asks.nudge(copy);
      for (const holder of this.#holdersThere(copy)) this.#seek(copy, holder);
    }
  }

  /** A node may have come with something. */
  nudgeFor(holder: string): void {
    const { copies, asks } = this.#options;
    for (const copy of copies.all()) {
      asks.nudge(copy);
      this.#seek(copy, holder);
    }
  }

  /** Takes in what a node says it holds. */
  hearFrontier(from: string, frontier: Frontier): void {
    const before = this.#claimsOfGone(from, frontier);
    this.#options.frontiers.hear(from, frontier);
    for (const [copy, claimed] of before) this.#seek(copy, from, claimed);
  }

  // What a node said before of what was given up here.
  #claimsOfGone(from: string, { f }: Frontier): Map<Copy, readonly Interval[]> {
    const claims = new Map<Copy, readonly Interval[]>();
    for (const [node, epoch] of f) {
      const copy = this.#options.copies.get(node, epoch);
      if (copy !== undefined && copy.gone.length > 0) claims.set(copy, this.#claimed(copy, from));
    }
    return claims;
  }

  #claimed(copy: Copy, holder: string): readonly Interval[] {
    return this.#options.frontiers.claimed(holder, copy.node, copy.epoch, copy.gone);
  }

  // What was given up is asked for again when there is news of somebody who has it: one that was away, or a writer whose
  // name another board went by.
  #seek(copy: Copy, holder: string, known: readonly Interval[] = []): void {
    if (copy.gone.length === 0) return;
    if (copy.seek(without(this.#claimed(copy, holder), known))) this.#options.asks.nudge(copy);
  }

  // The writer, then co-holders by what they say they have, then those that should have it, then the broker's window. A log
  // that is new here begins with the window: it spares the others.
  #targets(copy: Copy, isNew: boolean): Target[] {
    const nodes = this.#holdersThere(copy).map((node): Target => ({ node }));
    return isNew ? ['page', ...nodes] : [...nodes, 'page'];
  }

  #holdersThere(copy: Copy): string[] {
    const { node, peers, frontiers } = this.#options;
    const known = frontiers.holdersOf(copy.node, copy.epoch);
    const assigned = peers.holders(copy.node);
    const names = [...new Set([copy.node, ...known, ...assigned])].filter(
      (name) => name !== node && this.#isThere(name),
    );
    const trusted = names.filter((name) => peers.isVoter(name));
    return [...trusted, ...names.filter((name) => !peers.isVoter(name))];
  }

  // Whoever never answers would keep every round from counting: nothing could be given up any more.
  #isThere(name: string): boolean {
    const { turn, peers } = this.#options;
    return peers.isOnline(name) && !peers.isSilent(name, turn.monoMs);
  }
}
