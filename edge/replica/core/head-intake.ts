import { isDeepStrictEqual } from 'node:util';
import type { Head } from '../../../protocol/record.js';
import type { AskPlan } from './ask-plan.js';
import type { Copies } from './copies.js';
import type { Copy, LogEntry } from './copy.js';
import type { Custody } from './custody.js';
import type { Expiry } from './expiry.js';
import { logKey } from './frontiers.js';
import type { Intake } from './intake.js';
import type { KeptHeads } from './kept-heads.js';
import type { Peers } from './peers.js';
import type { ReplicaLimits } from './replica-limits.js';
import type { Turn } from './turn.js';

export type HeadIntakeOptions = {
  readonly node: string;
  readonly publicKey: string;
  readonly isHeadSigned: (head: Head, publicKey: string) => boolean;
  readonly turn: Turn;
  readonly copies: Copies;
  readonly peers: Peers;
  readonly heads: KeptHeads;
  readonly asks: AskPlan;
  readonly intake: Intake;
  readonly expiry: Expiry;
  readonly custody: Custody;
  readonly limits: ReplicaLimits;
};

/** Takes in what writers sign of their logs, from themselves or from who keeps it for them. */
export class HeadIntake {
  readonly #options: HeadIntakeOptions;
  /** Live epochs under our own name that are not ours, with the length first heard. */
  readonly #aliens = new Map<string, number>();
  /** Logs of which it was told already that their writer forgot some. */
  readonly #amnesia = new Set<string>();

  constructor(options: HeadIntakeOptions) {
    this.#options = options;
  }

  take(head: Head, keeper?: string): void {
    const { node: self, publicKey: ownKey, turn, peers, heads, custody, expiry } = this.#options;
    if (keeper === self) custody.noteFoundHead(head.node);
    const publicKey = head.key ?? (head.node === self ? ownKey : peers.key(head.node));
    if (publicKey === undefined || !peers.note(head.node, turn.monoMs)) return;
    const known = heads.of(head.node).find((kept) => kept.publicKey === publicKey);
    const isKnown = isDeepStrictEqual(known?.head, head);
    if (!isKnown && !this.#isSigned(head, publicKey)) return;
    // Not before: whoever shows what nobody signed must not keep the others from showing what is.
    if (keeper !== undefined) custody.noteKeeper(keeper, { head, publicKey });
    if (isKnown) return;
    turn.counters.add('heads');
    if (head.node === self) this.#lookForClone(head);
    if (!peers.isHolder(head.node)) return;
    const { isNewer, commits } = heads.take(head, publicKey);
    const isOwnCurrent = head.node === self && publicKey === ownKey;
    if (isNewer && commits && !isOwnCurrent) turn.emit({ type: 'saveHead', head: { head, publicKey } });
    for (const entry of head.logs) {
      if (isOwnCurrent) expiry.recallOwn(head.node, entry);
      this.takeEntry(head.node, entry, publicKey);
    }
  }

  /** What a signed head says of one log. */
  takeEntry(node: string, entry: LogEntry, publicKey: string): void {
    const { turn, copies, asks, intake, expiry } = this.#options;
    const copy = copies.make(node, entry.e);
    if (copy === undefined || copy.own !== undefined) return;
    const before = copy.known;
    const taken = copy.takeEntry(entry, publicKey);
    if (taken === 'foreign-key') {
      turn.counters.add('keysRefused');
      turn.tell('key', node, entry.e, 'a head by another key than the one that began this epoch');
      return;
    }
    if (taken === 'fork') {
      turn.counters.add('forks');
      turn.tell('fork', node, entry.e, `two signed heads differ at segment ${entry.seg - 1}`);
      return;
    }
    if (entry.first > copy.first) expiry.raiseFirst(copy, entry.first);
    if (entry.st === 'closed' && copy.known > entry.seq && before > entry.seq) this.#noteAmnesia(copy, entry);
    intake.save(copy.releasePending());
    intake.close(copy);
    if (copy.known > before) asks.nudge(copy);
  }

  #isSigned(head: Head, publicKey: string): boolean {
    const { turn, isHeadSigned } = this.#options;
    if (isHeadSigned(head, publicKey)) return true;
    turn.counters.add('headsRefused');
    turn.tell('refused', head.node, '', 'a head whose signature does not fit');
    return false;
  }

  // The writer's disk forgot what it had published. The records were seen: they are kept.
  #noteAmnesia(copy: Copy, entry: LogEntry): void {
    const { turn } = this.#options;
    const key = logKey(copy.node, copy.epoch);
    if (this.#amnesia.has(key)) return;
    this.#amnesia.add(key);
    turn.counters.add('amnesiaRecords', copy.known - entry.seq);
    turn.tell('amnesia', copy.node, copy.epoch, `its writer has ${entry.seq} of ${copy.known} records`);
  }

  // A retained head of our own that is older than this disk is no clone; one that grows while we live is.
  #lookForClone(head: Head): void {
    const { turn, copies, limits } = this.#options;
    for (const { e, st, seq } of head.logs) {
      if (st !== 'live' || copies.get(head.node, e)?.own !== undefined) continue;
      const before = this.#aliens.get(e);
      if (before === undefined) {
        if (this.#aliens.size < limits.headsMax) this.#aliens.set(e, seq);
      } else if (seq > before) {
        this.#aliens.set(e, seq);
        turn.counters.add('clones');
        turn.tell('clone', head.node, e, 'somebody else writes under this name');
      }
    }
  }
}
