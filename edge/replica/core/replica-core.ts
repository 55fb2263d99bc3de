import type { Interval } from '../../../base/listener/interval-set.js';
import type { Random } from '../../../base/random.js';
import type { Head } from '../../../protocol/record.js';
import type { ReplicaState } from '../../../protocol/replica.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { OpenedSegment } from '../../records/segment.js';
import type { CopyStoreContent } from '../store/copy-store.js';
import { AskPlan } from './ask-plan.js';
import { Asking } from './asking.js';
import { Copies } from './copies.js';
import type { Copy } from './copy.js';
import { Custody } from './custody.js';
import type { Instant, Line, ReplicaEffect, ReplicaEvent } from './effects.js';
import { Expiry } from './expiry.js';
import { Frontiers, type Position } from './frontiers.js';
import { HeadIntake } from './head-intake.js';
import { InboxSync } from './inbox-sync.js';
import { Intake } from './intake.js';
import { KeptHeads } from './kept-heads.js';
import { OwnAcks } from './own-acks.js';
import { Pager } from './pager.js';
import { Peers } from './peers.js';
import { Polling } from './polling.js';
import type { ReplicaLimits } from './replica-limits.js';
import { RotWatch } from './rot-watch.js';
import { Serving } from './serving.js';
import { Turn } from './turn.js';

export type ReplicaCoreOptions = {
  readonly node: string;
  readonly publicKey: string;
  readonly limits: ReplicaLimits;
  readonly random: Random;
  /** True if the head was signed by the owner of the key. */
  readonly isHeadSigned: (head: Head, publicKey: string) => boolean;
  /** What the disk holds of the logs of others. */
  readonly content: CopyStoreContent;
};

const NODES_MAX = 1_024;
/** After a connect: heads and states that are retained need this long to arrive before anything is judged by them. */
const SETTLE_MS = 3_000;
/** Whoever is there says now and then all that it holds. Who left that out so often is not there, whatever its status says. */
const SILENT_FRONTIERS = 3;

/**
 * What a replica decides: which records of which logs it holds, what it asks whom for, what it gives, what it says. It hears
 * events and gives effects, to be carried out in order; it never waits and does no I/O.
 */
export class ReplicaCore {
  readonly #options: ReplicaCoreOptions;
  readonly #turn = new Turn();
  readonly #peers: Peers;
  readonly #heads: KeptHeads;
  readonly #frontiers = new Frontiers(NODES_MAX);
  readonly #inbox: InboxSync;
  readonly #asks: AskPlan;
  readonly #pager: Pager;
  readonly #serving: Serving;
  readonly #acks = new OwnAcks();
  readonly #copies: Copies;
  readonly #rot: RotWatch;
  readonly #intake: Intake;
  readonly #expiry: Expiry;
  readonly #custody: Custody;
  readonly #headIntake: HeadIntake;
  readonly #asking: Asking;
  readonly #polling: Polling;
  #upSinceMonoMs: number | undefined;
  #wholeMonoMs: number | undefined;
  #isWhole = false;
  #isOverloaded = false;
  #idCount = 0;

  constructor(options: ReplicaCoreOptions) {
    const { node, publicKey, limits, random, isHeadSigned, content } = options;
    this.#options = options;
    const makeId = () => `${random.int(2 ** 32).toString(36)}-${(this.#idCount++).toString(36)}`;
    const turn = this.#turn;
    const peers = new Peers(node, NODES_MAX, SILENT_FRONTIERS * limits.frontierFullMs);
    const heads = new KeptHeads(limits.headsMax);
    const inbox = new InboxSync(limits);
    const asks = new AskPlan(limits, makeId);
    const pager = new Pager(limits.pageQuietMs, limits.logsMax);
    const copies = new Copies({ turn, peers, limits, forgotten: content.forgotten });
    const rot = new RotWatch({ turn, copies, asks, limits });
    const intake = new Intake({ turn, copies, inbox });
    const expiry = new Expiry({ turn, copies, peers, heads, asks, pager, limits });
    const custody = new Custody({ node, publicKey, turn, copies, peers, heads, limits, random });
    this.#headIntake = new HeadIntake({
      ...{ node, publicKey, isHeadSigned, turn, copies, peers, heads, asks, intake, expiry, custody, limits },
    });
    this.#asking = new Asking({
      ...{ node, turn, copies, peers, frontiers: this.#frontiers, asks, pager, inbox, intake, limits },
    });
    this.#polling = new Polling({ node, turn, copies, peers, rot, limits, random: random.fork('polls'), makeId });
    this.#serving = new Serving(limits.needsWaiting, limits.needsWaitingPerAsker);
    this.#peers = peers;
    this.#heads = heads;
    this.#inbox = inbox;
    this.#asks = asks;
    this.#pager = pager;
    this.#copies = copies;
    this.#rot = rot;
    this.#intake = intake;
    this.#expiry = expiry;
    this.#custody = custody;
    this.#load(content);
  }

  /** Takes an event in; gives what is to be done for it, in order. */
  handle(event: ReplicaEvent, now: Instant): readonly ReplicaEffect[] {
    this.#turn.begin(now);
    // Nothing of this kind is retained: whoever it comes from is there.
    if ('from' in event && this.#peers.heard(event.from, now.monoMs)) this.#onOnline(event.from);
    this.#apply(event);
    return this.#turn.end();
  }

  /** How far every log is held durably. */
  positions(): Position[] {
    return this.#copies.positions();
  }

  copies(): Iterable<Copy> {
    return this.#copies.all();
  }

  copy(node: string, epoch: string): Copy | undefined {
    return this.#copies.get(node, epoch);
  }

  /** True for a log whose records retention has given up as a whole. */
  isForgotten(node: string, epoch: string): boolean {
    return this.#copies.isForgotten(node, epoch);
  }

  /** Largest seq of an own epoch that another node holds durably too. */
  acked(epoch: string): number {
    return this.#acks.acked(epoch);
  }

  /** Length of an own epoch with what was fetched back from others; its own head may say so. */
  ownLength(epoch: string): number {
    return this.copy(this.#options.node, epoch)?.frontier ?? 0;
  }

  /** True if other holders have an own epoch as a whole: nobody needs to be told of it any more. */
  isSealed(epoch: string): boolean {
    const { node } = this.#options;
    const copy = this.copy(node, epoch);
    if (copy === undefined || !copy.isOver) return false;
    const others = this.#peers.holders(node).slice(1);
    const hasAll = (holder: string) => this.#frontiers.reach(holder, node, epoch, held(copy)) >= copy.headSeq;
    return others.length > 0 && others.every(hasAll);
  }

  state(now: Instant, storeBytes: number): ReplicaState {
    let records = 0;
    let missing = 0;
    for (const copy of this.#copies.all()) {
      records += copy.records;
      missing += copy.missingRecords;
    }
    const lagMs =
      this.#wholeMonoMs === undefined ? null : missing === 0 ? 0 : Math.max(0, now.monoMs - this.#wholeMonoMs);
    return {
      v: SCHEMA_MINOR,
      state: this.#standing(missing, now),
      logs: this.#copies.size,
      records,
      bytes: storeBytes,
      missing,
      lagMs,
      unacked: this.#acks.unacked,
      unackedMs: this.#acks.unackedMs(now.monoMs),
      mended: this.#turn.counters.get('mended'),
      counters: this.counters(),
    };
  }

  counters(): Record<string, number> {
    const { sent, timedOut, empty, pages } = this.#asks.counts;
    const { needs, refused } = this.#serving.counts;
    return {
      ...this.#turn.counters.snapshot(),
      asked: sent,
      asksTimedOut: timedOut,
      asksEmpty: empty,
      pages,
      needs,
      needsRefused: refused,
      adopted: this.#custody.size,
    };
  }

  /** True while nothing is missing, asked for or to be given: nothing is due within the next half second. */
  get isAtRest(): boolean {
    return this.#isWhole && this.#asks.outstanding === 0 && this.#serving.waiting === 0;
  }

  get queues(): Record<string, number> {
    return { undurable: this.#inbox.undurable, asks: this.#asks.outstanding, needsWaiting: this.#serving.waiting };
  }

  #standing(missing: number, now: Instant): ReplicaState['state'] {
    if (this.#rot.standing(now.monoMs) === 'quarantined') return 'quarantined';
    const isSettled = this.#upSinceMonoMs !== undefined && now.monoMs - this.#upSinceMonoMs >= SETTLE_MS;
    const { syncingRecords } = this.#options.limits;
    if (missing > syncingRecords || (this.#wholeMonoMs === undefined && !isSettled)) return 'syncing';
    return this.#isOverloaded ? 'overloaded' : 'active';
  }

  #load(content: CopyStoreContent): void {
    for (const disk of content.copies) {
      this.#peers.note(disk.node, 0);
      this.#copies.make(disk.node, disk.epoch)?.load(disk);
    }
    for (const { head, publicKey } of content.heads) {
      this.#peers.note(head.node, 0);
      this.#heads.take(head, publicKey);
      for (const entry of head.logs) this.#headIntake.takeEntry(head.node, entry, publicKey);
    }
    for (const { node, epoch, path, reason } of content.rot) this.#rot.noteUnread(node, epoch, `${path}: ${reason}`);
  }

  #apply(event: ReplicaEvent): void {
    switch (event.type) {
      case 'tick':
        this.#tick();
        return;
      case 'up':
        this.#onUp();
        return;
      case 'down':
        this.#onDown();
        return;
      case 'sideUp':
        this.#frontiers.tellAll();
        return;
      case 'broker':
        if (this.#custody.onBroker(event.broker, event.epoch)) this.#frontiers.tellAll();
        return;
      case 'peer':
        this.#onPeer(event.node, event.state === 'online');
        this.#peers.setAside(event.node, event.isAside === true);
        return;
      case 'peerKey':
        this.#peers.setKey(event.node, event.publicKey, this.#turn.monoMs);
        return;
      case 'peerReplica':
        this.#peers.setVoter(event.node, event.isVoter, this.#turn.monoMs);
        return;
      case 'own':
        this.#onOwn(event);
        return;
      case 'live':
        this.#onLive(event.node, event.epoch, event.lines);
        return;
      case 'head':
        this.#headIntake.take(event.head, event.keeper);
        return;
      case 'unkept':
        this.#custody.noteUnkept(event.node, event.keeper);
        return;
      case 'keptSegmentFound':
        this.#custody.noteFoundSegment(event.node, event.epoch, event.n);
        return;
      case 'frontier':
        this.#onFrontier(event);
        return;
      case 'need':
        this.#serving.take(event.from, event.need);
        this.#serve();
        return;
      case 'fill':
        this.#onFill(event);
        return;
      case 'retained':
        this.#onRetained(event.segment);
        return;
      case 'want':
        this.#onWant(event.cut);
        return;
      case 'doubt':
        this.#polling.hurry(event.cut);
        return;
      case 'load':
        this.#isOverloaded = event.isOverloaded;
        return;
      default:
        this.#applyResult(event);
        return;
    }
  }

  #applyResult(event: Extract<ReplicaEvent, { type: ResultType }>): void {
    switch (event.type) {
      case 'poll':
        this.#polling.onPoll(event);
        return;
      case 'vote':
        this.#polling.onVote(event);
        return;
      case 'hashed':
        this.#polling.onHashed(event);
        return;
      case 'served':
        this.#serving.served(event.id);
        this.#serve();
        return;
      case 'needFailed':
        this.#asks.failed(event.id, this.#turn.monoMs);
        return;
      case 'appendFailed':
        this.#intake.onAppendFailed(event.lines);
        return;
      case 'synced':
        this.#intake.onSynced(event.mark, event.ok);
        return;
      case 'segmentSaved':
        this.copy(event.node, event.epoch)?.segmentSaved(event.meta);
        this.#rot.noteSaved(event.node, event.epoch, event.meta.n);
        return;
      case 'segmentFailed':
        this.#turn.counters.add('diskFailures');
        this.copy(event.node, event.epoch)?.segmentFailed(event.n);
        return;
      case 'expireFailed':
        this.#expiry.onExpireFailed(event);
        return;
      case 'rot':
        this.#rot.onRot(event);
        return;
    }
  }

  // ---- time

  #tick(): void {
    const { monoMs } = this.#turn;
    const upSinceMonoMs = this.#upSinceMonoMs;
    this.#turn.emit(...this.#inbox.due(monoMs));
    this.#expiry.repeat();
    let isWhole = true;
    for (const copy of this.#copies.all()) {
      if (copy.isWhole) {
        if (upSinceMonoMs !== undefined) this.#asks.settle(copy);
        continue;
      }
      isWhole = false;
      if (upSinceMonoMs !== undefined) this.#asking.ask(copy);
    }
    // Without a link there is nobody to be asked.
    this.#isWhole = isWhole || upSinceMonoMs === undefined;
    if (upSinceMonoMs === undefined) return;
    if (isWhole && monoMs - upSinceMonoMs >= SETTLE_MS) this.#wholeMonoMs = monoMs;
    this.#asking.page();
    this.#serve();
    const { frontierMs, frontierFullMs } = this.#options.limits;
    for (const frontier of this.#frontiers.due(() => this.positions(), monoMs, frontierMs, frontierFullMs)) {
      this.#turn.emit({ type: 'frontier', frontier });
    }
    this.#custody.adopt(upSinceMonoMs, SETTLE_MS);
    this.#polling.tick();
    this.#custody.trustOrphans();
    this.#expiry.tick();
  }

  #serve(): void {
    this.#turn.emit(...this.#serving.due((node, epoch) => this.copy(node, epoch)));
  }

  // ---- link and peers

  #onUp(): void {
    const { monoMs } = this.#turn;
    this.#upSinceMonoMs = monoMs;
    this.#custody.onUp();
    this.#peers.restartClocks(monoMs);
    this.#frontiers.tellAll();
    this.#asking.nudgeAll();
  }

  #onDown(): void {
    this.#upSinceMonoMs = undefined;
    this.#asks.clear();
    this.#serving.clear();
    this.#custody.onDown();
    this.#turn.emit(...this.#pager.clear());
  }

  #onPeer(node: string, isOnline: boolean): void {
    if (node === this.#options.node) return;
    if (!this.#peers.setState(node, isOnline ? 'online' : 'away', this.#turn.monoMs)) return;
    if (isOnline) this.#onOnline(node);
  }

  #onOnline(node: string): void {
    // It may have come with an empty disk: what it holds it says itself, and it has to hear what we hold.
    this.#frontiers.tellAll();
    this.#asking.nudgeFor(node);
  }

  #onOwn({ extents }: Extract<ReplicaEvent, { type: 'own' }>): void {
    const { node, publicKey } = this.#options;
    for (const extent of extents) {
      const copy = this.#copies.make(node, extent.epoch);
      if (copy === undefined) continue;
      if (copy.setOwn(extent)) this.#rot.lookAtOwn(copy);
      copy.publicKey ??= publicKey;
      this.#acks.noteOwn(extent.epoch, extent.seq, extent.first, this.#turn.monoMs);
      this.#acks.noteFrontier(extent.epoch, this.#frontiers.largestReach(node, extent.epoch, held(copy)));
    }
    const current = new Set(extents.map(({ epoch }) => epoch));
    for (const copy of [...this.#copies.all()]) {
      if (copy.own === undefined || current.has(copy.epoch)) continue;
      this.#acks.forget(copy.epoch);
      this.#expiry.forget(copy);
    }
  }

  #onFrontier({ from, frontier }: Extract<ReplicaEvent, { type: 'frontier' }>): void {
    const self = this.#options.node;
    if (from === self || !this.#peers.note(from, this.#turn.monoMs)) return;
    this.#asking.hearFrontier(from, frontier);
    for (const [node, epoch, seq] of frontier.f) {
      const copy = this.#copies.heldBy(node, epoch);
      if (node === self && copy !== undefined) {
        this.#acks.noteFrontier(epoch, this.#frontiers.reach(from, node, epoch, held(copy)));
      }
      if (copy === undefined || copy.own?.isLive === true || seq <= copy.known) continue;
      copy.known = seq;
      this.#asks.nudge(copy);
    }
  }

  // ---- records

  #onLive(node: string, epoch: string, lines: readonly Line[]): void {
    const copy = this.#copies.heldBy(node, epoch);
    // Our own live batches come back to us; those of an epoch that is not ours are another's under our name.
    if (copy === undefined || copy.own !== undefined) return;
    this.#intake.takeLines(copy, lines, 'writer');
    this.#intake.close(copy);
  }

  #onFill({ from, fill, lines, segment }: Extract<ReplicaEvent, { type: 'fill' }>): void {
    const copy = this.copy(fill.of, fill.e);
    if (copy === undefined) return;
    const isWriter = from === copy.node;
    this.#frontiers.noteFirst(from, fill.of, fill.e, fill.first);
    if (isWriter && copy.own === undefined && fill.first <= copy.known) this.#expiry.raiseFirst(copy, fill.first);
    let fresh = this.#intake.takeLines(copy, lines, isWriter ? 'writer' : 'peer') > 0;
    if (segment !== undefined && this.#intake.takeSegment(copy, segment)) fresh = true;
    if (lines.length > 0) this.#intake.close(copy);
    const deniedOf = (ranges: readonly Interval[]) => this.#asking.deniedBy(copy, from, ranges);
    const gone = this.#asks.noteFill(fill, fresh, deniedOf, this.#turn.monoMs);
    if (gone.length > 0) this.#asking.giveUp(copy, gone);
  }

  #onRetained(segment: OpenedSegment): void {
    const copy = this.copy(segment.header.n, segment.header.e);
    if (copy === undefined) return;
    this.#pager.noteArrival(copy, this.#turn.monoMs);
    this.#intake.takeSegment(copy, segment);
  }

  #onWant(cut: readonly (readonly [string, string, number])[]): void {
    for (const [node, epoch, seq] of cut) {
      const copy = this.#copies.heldBy(node, epoch);
      if (copy === undefined) continue;
      // Of the log that is being written here nobody knows more; what of it rotted is fetched back.
      if (copy.own?.isLive !== true) copy.known = Math.max(copy.known, seq);
      if (!copy.isWhole) {
        this.#asks.hurry(copy);
        if (this.#upSinceMonoMs !== undefined) this.#asking.ask(copy);
      }
    }
  }
}

function held(copy: Copy): (from: number, to: number) => readonly Interval[] {
  return (from, to) => copy.held(from, to);
}

type ResultType =
  | 'poll'
  | 'vote'
  | 'hashed'
  | 'served'
  | 'needFailed'
  | 'appendFailed'
  | 'synced'
  | 'segmentSaved'
  | 'segmentFailed'
  | 'expireFailed'
  | 'rot';
