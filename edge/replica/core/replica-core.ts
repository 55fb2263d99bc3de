import { Counters } from '../../../base/counters.js';
import type { Interval } from '../../../base/listener/interval-set.js';
import type { Random } from '../../../base/random.js';
import type { Head } from '../../../protocol/record.js';
import type { Frontier, ReplicaState } from '../../../protocol/replica.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { OpenedSegment } from '../../records/segment.js';
import type { CopyLine, CopyStoreContent, KeptHead, SegmentToKeep } from '../store/copy-store.js';
import { Adoption, segmentWindow } from './adoption.js';
import { AskPlan, type Target } from './ask-plan.js';
import { Copy, type LogEntry, type Source } from './copy.js';
import { type Instant, type Line, NO_EFFECTS, type ReplicaEffect, type ReplicaEvent, type Trouble } from './effects.js';
import { Frontiers, logKey, type Position } from './frontiers.js';
import { InboxSync } from './inbox-sync.js';
import { without } from './intervals.js';
import { KeptHeads } from './kept-heads.js';
import { OwnAcks } from './own-acks.js';
import { Pager } from './pager.js';
import { Peers } from './peers.js';
import type { PollRound } from './poll.js';
import { PollSchedule } from './poll-schedule.js';
import { Quarantine } from './quarantine.js';
import type { ReplicaLimits } from './replica-limits.js';
import { planRetention } from './retention.js';
import { Serving } from './serving.js';

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

const COUNTER_NAMES = [
  'records',
  'duplicates',
  'linesRefused',
  'linesDoubted',
  'segmentsClosed',
  'segmentsFetched',
  'segmentsRefused',
  'segmentsPending',
  'heads',
  'headsRefused',
  'keysRefused',
  'forks',
  'clones',
  'amnesiaRecords',
  'gone',
  'rot',
  'mended',
  'expired',
  'polls',
  'pollsInconclusive',
  'pollsLost',
  'votesRefused',
  'logsRefused',
  'diskFailures',
] as const;

const RETENTION_PERIOD_MS = 60_000;
const NODES_MAX = 1_024;
/** Between two holders that could look after the same node: time to hear that the first one does. */
const ADOPT_TURN_MS = 3_000;
/** After a connect: heads and states that are retained need this long to arrive before anything is judged by them. */
const SETTLE_MS = 3_000;
/** A writer away for so long signs nothing soon: twice what a restart under systemd takes. */
const ORPHANED_MS = 10_000;
const ORPHANS_PERIOD_MS = 1_000;
/** After that a broker's new life is no news any more. */
const FRESH_BROKER_MS = 600_000;

/**
 * What a replica decides: which records of which logs it holds, what it asks whom for, what it gives, what it says. It hears
 * events and gives effects, to be carried out in order; it never waits and does no I/O.
 */
export class ReplicaCore {
  readonly #options: ReplicaCoreOptions;
  readonly #limits: ReplicaLimits;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #copies = new Map<string, Copy>();
  readonly #forgotten: Set<string>;
  readonly #peers: Peers;
  readonly #heads: KeptHeads;
  readonly #frontiers: Frontiers;
  readonly #inbox: InboxSync;
  readonly #asks: AskPlan;
  readonly #pager: Pager;
  readonly #serving: Serving;
  readonly #adoption: Adoption;
  readonly #polls: PollSchedule;
  readonly #quarantine: Quarantine;
  readonly #acks = new OwnAcks();
  /** Closed segments found rotten and not replaced yet: `node/epoch/n`. */
  readonly #rotten = new Set<string>();
  /** Live epochs under our own name that are not ours, with the length first heard. */
  readonly #aliens = new Map<string, number>();
  /** Copies whose `first` the disk refused to keep, and when it last did. */
  readonly #unexpired = new Set<Copy>();
  #unexpiredMonoMs = 0;
  readonly #brokers = new Map<string, string>();
  /** Whose head, by which key, others keep in the broker: `node/keeper`. */
  readonly #keepers = new Map<string, string>();
  #effects: ReplicaEffect[] = [];
  #now: Instant = { monoMs: 0, wallMs: 0 };
  #upSinceMonoMs: number | undefined;
  #wholeMonoMs: number | undefined;
  #retentionMonoMs = 0;
  #orphansMonoMs = 0;
  /** When a broker known before was found to begin anew. */
  #freshMonoMs: number | undefined;
  #isOverloaded = false;
  #hashing = 0;
  #idCount = 0;

  constructor(options: ReplicaCoreOptions) {
    const { node, limits, random, content } = options;
    this.#options = options;
    this.#limits = limits;
    this.#peers = new Peers(node, NODES_MAX);
    this.#heads = new KeptHeads(limits.headsMax);
    this.#frontiers = new Frontiers(NODES_MAX);
    this.#inbox = new InboxSync(limits);
    const makeId = () => `${random.int(2 ** 32).toString(36)}-${(this.#idCount++).toString(36)}`;
    this.#asks = new AskPlan(limits, makeId);
    this.#pager = new Pager(limits.pageQuietMs, limits.logsMax);
    this.#serving = new Serving(limits.needsWaiting, limits.needsWaitingPerAsker);
    this.#adoption = new Adoption(limits.keptPauseMs);
    this.#polls = new PollSchedule({ ...limits, random: random.fork('polls'), makeId });
    this.#quarantine = new Quarantine(limits.failuresMax, limits.suspectMs);
    this.#forgotten = new Set(content.forgotten.map(({ node: of, epoch }) => logKey(of, epoch)));
    this.#load(content);
  }

  /** Takes an event in; gives what is to be done for it, in order. */
  handle(event: ReplicaEvent, now: Instant): readonly ReplicaEffect[] {
    this.#now = now;
    // Nothing of this kind is retained: whoever it comes from is there.
    if ('from' in event && this.#peers.heard(event.from, now.monoMs)) this.#onOnline(event.from);
    this.#apply(event);
    if (this.#effects.length === 0) return NO_EFFECTS;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** How far every log is held durably. */
  positions(): Position[] {
    const positions: Position[] = [];
    for (const { node, epoch, frontier: seq, gone } of this.#copies.values()) {
      if (seq > 0) positions.push({ node, epoch, seq, gone: gone.filter(([from]) => from <= seq) });
    }
    return positions;
  }

  copies(): Iterable<Copy> {
    return this.#copies.values();
  }

  copy(node: string, epoch: string): Copy | undefined {
    return this.#copies.get(logKey(node, epoch));
  }

  /** True for a log whose records retention has given up as a whole. */
  isForgotten(node: string, epoch: string): boolean {
    return this.#forgotten.has(logKey(node, epoch));
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
    for (const copy of this.#copies.values()) {
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
      mended: this.#counters.get('mended'),
      counters: this.counters(),
    };
  }

  counters(): Record<string, number> {
    const { sent, timedOut, empty, pages } = this.#asks.counts;
    const { needs, refused } = this.#serving.counts;
    return {
      ...this.#counters.snapshot(),
      asked: sent,
      asksTimedOut: timedOut,
      asksEmpty: empty,
      pages,
      needs,
      needsRefused: refused,
      adopted: this.#adoption.size,
    };
  }

  get queues(): Record<string, number> {
    return { undurable: this.#inbox.undurable, asks: this.#asks.outstanding, needsWaiting: this.#serving.waiting };
  }

  #standing(missing: number, now: Instant): ReplicaState['state'] {
    if (this.#quarantine.standing(now.monoMs) === 'quarantined') return 'quarantined';
    const isSettled = this.#upSinceMonoMs !== undefined && now.monoMs - this.#upSinceMonoMs >= SETTLE_MS;
    if (missing > this.#limits.syncingRecords || (this.#wholeMonoMs === undefined && !isSettled)) return 'syncing';
    return this.#isOverloaded ? 'overloaded' : 'active';
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
        this.#onBroker(event.broker, event.epoch);
        return;
      case 'peer':
        this.#onPeer(event.node, event.state === 'online');
        return;
      case 'peerKey':
        this.#peers.setKey(event.node, event.publicKey, this.#now.monoMs);
        return;
      case 'peerReplica':
        this.#peers.setVoter(event.node, event.isVoter, this.#now.monoMs);
        return;
      case 'own':
        this.#onOwn(event);
        return;
      case 'live':
        this.#onLive(event.node, event.epoch, event.lines);
        return;
      case 'head':
        this.#onHead(event.head, event.keeper);
        return;
      case 'unkept':
        this.#keepers.delete(`${event.node}/${event.keeper}`);
        return;
      case 'keptSegmentFound':
        this.#adoption.noteFoundSegment(event.node, event.epoch, event.n);
        return;
      case 'frontier':
        this.#onFrontier(event);
        return;
      case 'need':
        this.#onNeed(event);
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
        this.#polls.hurry(event.cut.flatMap(([node, epoch]) => this.copy(node, epoch) ?? []));
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
        this.#onPoll(event);
        return;
      case 'vote':
        if (!this.#polls.take(event.from, event.vote)) this.#counters.add('votesRefused');
        return;
      case 'hashed':
        this.#onHashed(event);
        return;
      case 'served':
        this.#serving.served(event.id);
        this.#emit(this.#serving.due((node, epoch) => this.copy(node, epoch)));
        return;
      case 'needFailed':
        this.#asks.failed(event.id, this.#now.monoMs);
        return;
      case 'appendFailed':
        this.#onAppendFailed(event.lines);
        return;
      case 'synced':
        this.#onSynced(event.mark, event.ok);
        return;
      case 'segmentSaved':
        this.#onSegmentSaved(event);
        return;
      case 'segmentFailed':
        this.#counters.add('diskFailures');
        this.copy(event.node, event.epoch)?.segmentFailed(event.n);
        return;
      case 'expireFailed': {
        this.#counters.add('diskFailures');
        const copy = this.copy(event.node, event.epoch);
        if (copy !== undefined) this.#unexpired.add(copy);
        this.#unexpiredMonoMs = this.#now.monoMs;
        return;
      }
      case 'rot':
        this.#onRot(event);
        return;
    }
  }

  #load(content: CopyStoreContent): void {
    for (const disk of content.copies) {
      this.#peers.note(disk.node, 0);
      this.#make(disk.node, disk.epoch)?.load(disk);
    }
    for (const { head, publicKey } of content.heads) {
      this.#peers.note(head.node, 0);
      this.#heads.take(head, publicKey);
      for (const entry of head.logs) this.#takeEntry(head.node, entry, publicKey);
    }
    for (const rot of content.rot) {
      this.#counters.add('rot');
      this.#tell('rot', rot.node, rot.epoch, `${rot.path}: ${rot.reason}`);
      this.#noteFailure(rot.node, rot.epoch);
    }
  }

  // ---- time

  #tick(): void {
    const { monoMs } = this.#now;
    this.#emit(this.#inbox.due(monoMs));
    if (this.#unexpired.size > 0 && monoMs - this.#unexpiredMonoMs >= this.#limits.diskRetryMs) this.#expireAgain();
    let isWhole = true;
    for (const copy of this.#copies.values()) {
      if (copy.isWhole) {
        if (this.#upSinceMonoMs !== undefined) this.#asks.settle(copy);
        continue;
      }
      isWhole = false;
      if (this.#upSinceMonoMs !== undefined) this.#ask(copy);
    }
    if (this.#upSinceMonoMs === undefined) return;
    if (isWhole && monoMs - this.#upSinceMonoMs >= SETTLE_MS) this.#wholeMonoMs = monoMs;
    this.#page();
    this.#emit(this.#serving.due((node, epoch) => this.copy(node, epoch)));
    const { frontierMs, frontierFullMs } = this.#limits;
    for (const frontier of this.#frontiers.due(() => this.positions(), monoMs, frontierMs, frontierFullMs)) {
      this.#emit([{ type: 'frontier', frontier }]);
    }
    this.#adopt();
    this.#poll();
    if (monoMs - this.#orphansMonoMs >= ORPHANS_PERIOD_MS) this.#trustOrphans();
    if (monoMs - this.#retentionMonoMs >= RETENTION_PERIOD_MS) this.#retain();
  }

  #ask(copy: Copy): void {
    if (this.#inbox.isInTrouble(this.#now.monoMs)) return;
    const isNew = copy.records === 0 && copy.missingRecords >= this.#limits.pageFrom;
    for (const step of this.#asks.plan(copy, () => this.#targets(copy, isNew), this.#now.monoMs)) {
      if ('page' in step) this.#pager.add(copy);
      else this.#emit([{ type: 'need', to: step.to, need: step.need }]);
    }
  }

  // The writer, then co-holders by what they say they have, then those that should have it, then the broker's window. A log
  // that is new here begins with the window: it spares the others.
  #targets(copy: Copy, isNew: boolean): Target[] {
    const nodes = this.#onlineHolders(copy);
    return isNew ? ['page', ...nodes] : [...nodes, 'page'];
  }

  #onlineHolders(copy: Copy): Exclude<Target, 'page'>[] {
    const { node } = this.#options;
    const known = this.#frontiers.holdersOf(copy.node, copy.epoch);
    const assigned = this.#peers.holders(copy.node);
    const names = [...new Set([copy.node, ...known, ...assigned])].filter(
      (name) => name !== node && this.#peers.isOnline(name),
    );
    const trusted = names.filter((name) => this.#peers.isVoter(name));
    const others = names.filter((name) => !this.#peers.isVoter(name));
    return [...trusted, ...others].map((name) => ({ node: name }));
  }

  #page(): void {
    const { effects, ended } = this.#pager.due(this.#now.monoMs);
    this.#emit(effects);
    if (ended !== undefined) this.#asks.pageEnded(ended, this.#now.monoMs);
  }

  #adopt(): void {
    const sinceMs = this.#now.monoMs - (this.#upSinceMonoMs ?? 0);
    if (sinceMs < SETTLE_MS || !this.#adoption.isDue(this.#now.monoMs)) return;
    const adopted = new Map<string, KeptHead>();
    for (const node of this.#heads.nodes()) {
      const head = this.#headToAdopt(node);
      if (head !== undefined) adopted.set(node, head);
    }
    const window = segmentWindow(this.#peers.inventory.length);
    const segments = (node: string, head: Head) =>
      head.logs.flatMap(({ e }) => (this.copy(node, e)?.segments ?? []).map((meta) => ({ epoch: e, meta }))).reverse();
    this.#emit(this.#adoption.due({ adopted, segments, window }, this.#now.monoMs));
  }

  // The end of a log that no head covers is signed by its writer within seconds, or never: a writer that is gone, lost its
  // key or no longer lists the log cannot. What co-holders gave of it was acknowledged, and has to be answered from.
  #trustOrphans(): void {
    this.#orphansMonoMs = this.#now.monoMs;
    for (const copy of this.#copies.values()) if (this.#isOrphan(copy)) copy.trustPeers();
  }

  #isOrphan({ node, epoch, own, publicKey }: Copy): boolean {
    if (own !== undefined) return false;
    if (node === this.#options.node) return true;
    if (this.#peers.awayMs(node, this.#now.monoMs) >= ORPHANED_MS) return true;
    const currentKey = this.#peers.key(node);
    if (currentKey === undefined) return false;
    if (publicKey !== undefined && publicKey !== currentKey) return true;
    const newest = this.#heads.of(node).find((kept) => kept.publicKey === currentKey);
    return newest !== undefined && !newest.head.logs.some(({ e }) => e === epoch);
  }

  // The newest head of a node that is away; and heads by keys that it lost, whether it is back or not. The first live holder
  // looks after them; the next ones wait in turn and do so if nobody else does: not everybody has every head.
  #headToAdopt(node: string): KeptHead | undefined {
    const { monoMs } = this.#now;
    const self = this.#options.node;
    const currentKey = node === self ? this.#options.publicKey : this.#peers.key(node);
    const live = this.#peers.holders(node).filter((holder) => holder !== node && this.#peers.isOnline(holder));
    const rank = node === self ? live.length : live.indexOf(self);
    const turnMs = rank * ADOPT_TURN_MS;
    // A broker that begins anew has nothing of those who are away; one that goes on still has their own word.
    const isFresh = this.#freshMonoMs !== undefined && monoMs - this.#freshMonoMs < FRESH_BROKER_MS;
    const afterMs = (isFresh ? Math.min(ORPHANED_MS, this.#limits.adoptAfterMs) : this.#limits.adoptAfterMs) + turnMs;
    const isAway = node !== self && this.#peers.awayMs(node, monoMs) >= afterMs;
    const isSettled = monoMs - (this.#upSinceMonoMs ?? monoMs) >= SETTLE_MS + turnMs;
    return this.#heads.of(node).find(({ publicKey }) => {
      const isLost = currentKey !== undefined && publicKey !== currentKey && isSettled;
      if (!isAway && !isLost) return false;
      return !live.some((holder, i) => i < rank && this.#keepers.get(`${node}/${holder}`) === publicKey);
    });
  }

  #noteKeeper(node: string, keeper: string, publicKey: string): void {
    if (keeper === this.#options.node || this.#keepers.size >= NODES_MAX) return;
    this.#keepers.set(`${node}/${keeper}`, publicKey);
  }

  #poll(): void {
    const round = this.#polls.takeOver(this.#now.monoMs);
    if (round !== undefined) this.#judge(round);
    const votersOf = (of: string) => {
      const assigned = this.#peers.holders(of);
      const voters = assigned.filter((name) => name !== this.#options.node && this.#peers.isOnline(name));
      return { voters: voters.slice(0, this.#limits.pollVoters), assigned: assigned.length };
    };
    const effects = this.#polls.due(this.#copies.values(), votersOf, this.#now.monoMs);
    if (effects.length > 0) this.#counters.add('polls');
    this.#emit(effects);
  }

  #judge(round: PollRound): void {
    const { of, e } = round.poll;
    const copy = this.copy(of, e);
    for (const { n, verdict } of round.verdicts()) {
      if (verdict === 'inconclusive') this.#counters.add('pollsInconclusive');
      if (verdict !== 'outvoted' || copy?.segment(n) === undefined) continue;
      this.#counters.add('pollsLost');
      // Its own hash was checked when it was read; what a signed head confirms too stands against any number of votes.
      if (copy.hashOf(n) === copy.segment(n)?.hash || copy.own?.segments.some((meta) => meta.n === n) === true) {
        this.#tell('poll', of, e, `segment ${n}: most copies differ from what its writer signed`);
        continue;
      }
      this.#emit([{ type: 'putAside', node: of, epoch: e, n, reason: 'most copies differ' }]);
      this.#lose(copy, n);
    }
  }

  #retain(): void {
    this.#retentionMonoMs = this.#now.monoMs;
    const { retentionMs, copiesBytesMax: bytesMax, clockUnsetBeforeMs: unsetBeforeWallMs } = this.#limits;
    const listed = new Set<string>();
    for (const node of this.#heads.nodes()) {
      const isAway = this.#peers.awayMs(node, this.#now.monoMs) > 0;
      const head = this.#heads.of(node).at(-1)?.head;
      if (!isAway) for (const { e } of head?.logs ?? []) listed.add(logKey(node, e));
    }
    const isOrphan = ({ node, epoch }: Copy) => !listed.has(logKey(node, epoch));
    const bounds = { olderThanWallMs: this.#now.wallMs - retentionMs, bytesMax, unsetBeforeWallMs };
    for (const { copy, first, records } of planRetention(this.#copies.values(), isOrphan, bounds)) {
      this.#counters.add('expired', records);
      this.#raiseFirst(copy, first);
    }
    for (const copy of [...this.#copies.values()]) {
      if (copy.own === undefined && copy.isOver && copy.first > copy.known && isOrphan(copy)) this.#forget(copy);
    }
  }

  #forget(copy: Copy): void {
    const key = logKey(copy.node, copy.epoch);
    this.#copies.delete(key);
    this.#unexpired.delete(copy);
    this.#forgotten.add(key);
    this.#asks.forget(copy);
    this.#pager.forget(copy);
    this.#emit([{ type: 'forget', node: copy.node, epoch: copy.epoch }]);
  }

  // ---- link and peers

  #onUp(): void {
    this.#upSinceMonoMs = this.#now.monoMs;
    this.#keepers.clear();
    this.#peers.restartClocks(this.#now.monoMs);
    this.#frontiers.tellAll();
    for (const copy of this.#copies.values()) {
      this.#asks.nudge(copy);
      for (const { node } of this.#onlineHolders(copy)) this.#seek(copy, node);
    }
  }

  #onDown(): void {
    this.#upSinceMonoMs = undefined;
    this.#asks.clear();
    this.#serving.clear();
    this.#adoption.clear();
    this.#emit(this.#pager.clear());
  }

  #onBroker(broker: string, epoch: string): void {
    if (this.#brokers.get(broker) === epoch) return;
    if (this.#brokers.has(broker)) this.#freshMonoMs = this.#now.monoMs;
    if (this.#brokers.size >= NODES_MAX) this.#brokers.clear();
    this.#brokers.set(broker, epoch);
    const spreadMs = this.#options.random.range(0, this.#limits.reseedSpreadMs);
    this.#adoption.restart(this.#now.monoMs + spreadMs);
    this.#keepers.clear();
    this.#frontiers.tellAll();
  }

  #onPeer(node: string, isOnline: boolean): void {
    if (node === this.#options.node) return;
    if (!this.#peers.setState(node, isOnline ? 'online' : 'away', this.#now.monoMs)) return;
    if (isOnline) this.#onOnline(node);
  }

  #onOnline(node: string): void {
    // It may have come with an empty disk: what it holds it says itself, and it has to hear what we hold.
    this.#frontiers.tellAll();
    for (const copy of this.#copies.values()) {
      this.#asks.nudge(copy);
      this.#seek(copy, node);
    }
  }

  #onOwn({ extents }: Extract<ReplicaEvent, { type: 'own' }>): void {
    const { node } = this.#options;
    for (const extent of extents) {
      const copy = this.#make(node, extent.epoch);
      if (copy === undefined) continue;
      if (copy.setOwn(extent)) this.#noteOwnRot(copy);
      copy.publicKey ??= this.#options.publicKey;
      this.#acks.noteOwn(extent.epoch, extent.seq, extent.first, this.#now.monoMs);
      this.#acks.noteFrontier(extent.epoch, this.#frontiers.largestReach(node, extent.epoch, held(copy)));
    }
    const current = new Set(extents.map(({ epoch }) => epoch));
    for (const copy of [...this.#copies.values()]) {
      if (copy.own === undefined || current.has(copy.epoch)) continue;
      this.#acks.forget(copy.epoch);
      this.#forget(copy);
    }
  }

  // A closed segment of the own log that is not there and was not given up: its file was rotten, whoever found that.
  #noteOwnRot(copy: Copy): void {
    for (const n of copy.ownHoles) {
      if (this.#rotten.has(`${logKey(copy.node, copy.epoch)}/${n}`)) continue;
      this.#counters.add('rot');
      this.#tell('rot', copy.node, copy.epoch, `segment ${n} of the own log is not readable`);
      this.#lose(copy, n);
    }
  }

  #onFrontier({ from, frontier }: Extract<ReplicaEvent, { type: 'frontier' }>): void {
    const self = this.#options.node;
    if (from === self || !this.#peers.note(from, this.#now.monoMs)) return;
    const before = this.#claimsOfGone(from, frontier);
    this.#frontiers.hear(from, frontier);
    for (const [copy, claimed] of before) this.#seek(copy, from, claimed);
    for (const [node, epoch, seq] of frontier.f) {
      const copy = this.#heldBy(node, epoch);
      if (node === self && copy !== undefined) {
        this.#acks.noteFrontier(epoch, this.#frontiers.reach(from, node, epoch, held(copy)));
      }
      if (copy === undefined || copy.own?.isLive === true || seq <= copy.known) continue;
      copy.known = seq;
      this.#asks.nudge(copy);
    }
  }

  // What a node said before of what was given up here.
  #claimsOfGone(from: string, { f }: Frontier): Map<Copy, readonly Interval[]> {
    const claims = new Map<Copy, readonly Interval[]>();
    for (const [node, epoch] of f) {
      const copy = this.copy(node, epoch);
      if (copy !== undefined && copy.gone.length > 0) claims.set(copy, this.#claimed(copy, from));
    }
    return claims;
  }

  #claimed(copy: Copy, holder: string): readonly Interval[] {
    return this.#frontiers.claimed(holder, copy.node, copy.epoch, copy.gone);
  }

  // What was given up is asked for again when there is news of somebody who has it: one that was away, or a writer whose
  // name another board went by.
  #seek(copy: Copy, holder: string, known: readonly Interval[] = []): void {
    const { gone } = copy;
    if (gone.length === 0) return;
    if (copy.seek(without(this.#claimed(copy, holder), known))) this.#asks.nudge(copy);
  }

  // ---- records

  #onLive(node: string, epoch: string, lines: readonly Line[]): void {
    const copy = this.#heldBy(node, epoch);
    // Our own live batches come back to us; those of an epoch that is not ours are another's under our name.
    if (copy === undefined || copy.own !== undefined) return;
    this.#takeLines(copy, lines, 'writer');
    this.#close(copy);
  }

  #takeLines(copy: Copy, lines: readonly Line[], source: Source): number {
    if (this.#inbox.isInTrouble(this.#now.monoMs)) {
      const last = lines.at(-1)?.s ?? 0;
      copy.known = Math.max(copy.known, last);
      this.#counters.add('linesRefused', lines.length);
      return 0;
    }
    const { fresh, duplicates, refused, forkAt } = copy.takeLines(lines, source);
    this.#counters.add('records', fresh.length);
    this.#counters.add('duplicates', duplicates);
    this.#counters.add('linesRefused', refused);
    if (forkAt !== undefined) {
      this.#counters.add('forks');
      this.#tell('fork', copy.node, copy.epoch, `two records claim to be number ${forkAt}`);
    }
    if (fresh.length > 0) {
      this.#emit([{ type: 'append', lines: fresh }]);
      this.#inbox.add(fresh, this.#now.monoMs);
    }
    return fresh.length;
  }

  #close(copy: Copy): void {
    const { keep, doubted } = copy.closeSegments();
    this.#counters.add('linesDoubted', doubted);
    this.#counters.add('segmentsClosed', keep.length);
    this.#save(keep);
  }

  #save(segments: readonly SegmentToKeep[]): void {
    for (const segment of segments) this.#emit([{ type: 'saveSegment', segment }]);
  }

  #onHead(head: Head, keeper?: string): void {
    const self = this.#options.node;
    if (keeper === self) this.#emit(this.#adoption.noteFoundHead(head.node, this.#now.monoMs));
    const publicKey = head.key ?? (head.node === self ? this.#options.publicKey : this.#peers.key(head.node));
    if (publicKey === undefined || !this.#peers.note(head.node, this.#now.monoMs)) return;
    if (keeper !== undefined) this.#noteKeeper(head.node, keeper, publicKey);
    const known = this.#heads.of(head.node).find((kept) => kept.publicKey === publicKey);
    if (known?.head.sig === head.sig) return;
    if (!this.#options.isHeadSigned(head, publicKey)) {
      this.#counters.add('headsRefused');
      this.#tell('refused', head.node, '', 'a head whose signature does not fit');
      return;
    }
    this.#counters.add('heads');
    if (head.node === self) this.#lookForClone(head);
    if (!this.#peers.isHolder(head.node)) return;
    const { isNewer, commits } = this.#heads.take(head, publicKey);
    const isOwnCurrent = head.node === self && publicKey === this.#options.publicKey;
    if (isNewer && commits && !isOwnCurrent) this.#emit([{ type: 'saveHead', head: { head, publicKey } }]);
    for (const entry of head.logs) {
      if (isOwnCurrent) this.#recallFirst(head.node, entry);
      this.#takeEntry(head.node, entry, publicKey);
    }
  }

  // Signed with the own key, and this disk does not know of it: it is an older image of itself. What was given up stays so.
  #recallFirst(node: string, { e, first }: LogEntry): void {
    const copy = this.copy(node, e);
    if (copy?.own === undefined || copy.own.isLive || first <= copy.first) return;
    this.#raiseFirst(copy, first);
    this.#emit([{ type: 'expireOwn', epoch: e, first }]);
  }

  #takeEntry(node: string, entry: LogEntry, publicKey: string): void {
    const copy = this.#make(node, entry.e);
    if (copy === undefined || copy.own !== undefined) return;
    const before = copy.known;
    const taken = copy.takeEntry(entry, publicKey);
    if (taken === 'foreign-key') {
      this.#counters.add('keysRefused');
      this.#tell('key', node, entry.e, 'a head by another key than the one that began this epoch');
      return;
    }
    if (taken === 'fork') {
      this.#counters.add('forks');
      this.#tell('fork', node, entry.e, `two signed heads differ at segment ${entry.seg - 1}`);
      return;
    }
    if (entry.first > copy.first) this.#raiseFirst(copy, entry.first);
    if (entry.st === 'closed' && copy.known > entry.seq && before > entry.seq) this.#noteAmnesia(copy, entry);
    this.#save(copy.releasePending());
    this.#close(copy);
    if (copy.known > before) this.#asks.nudge(copy);
  }

  // The writer's disk forgot what it had published. The records were seen: they are kept.
  #noteAmnesia(copy: Copy, entry: LogEntry): void {
    const key = logKey(copy.node, copy.epoch);
    if (this.#amnesia.has(key)) return;
    this.#amnesia.add(key);
    this.#counters.add('amnesiaRecords', copy.known - entry.seq);
    this.#tell('amnesia', copy.node, copy.epoch, `its writer has ${entry.seq} of ${copy.known} records`);
  }

  readonly #amnesia = new Set<string>();

  #raiseFirst(copy: Copy, first: number): void {
    if (!copy.raiseFirst(first)) return;
    this.#emit([{ type: 'expire', node: copy.node, epoch: copy.epoch, first }]);
  }

  // Or the next life would take in, and give, what was given up.
  #expireAgain(): void {
    for (const { node, epoch, first } of this.#unexpired) this.#emit([{ type: 'expire', node, epoch, first }]);
    this.#unexpired.clear();
  }

  // A retained head of our own that is older than this disk is no clone; one that grows while we live is.
  #lookForClone(head: Head): void {
    for (const { e, st, seq } of head.logs) {
      if (st !== 'live' || this.copy(head.node, e)?.own !== undefined) continue;
      const before = this.#aliens.get(e);
      if (before === undefined) {
        if (this.#aliens.size < this.#limits.headsMax) this.#aliens.set(e, seq);
      } else if (seq > before) {
        this.#aliens.set(e, seq);
        this.#counters.add('clones');
        this.#tell('clone', head.node, e, 'somebody else writes under this name');
      }
    }
  }

  #onFill({ from, fill, lines, segment }: Extract<ReplicaEvent, { type: 'fill' }>): void {
    const copy = this.copy(fill.of, fill.e);
    if (copy === undefined) return;
    const isWriter = from === copy.node;
    this.#frontiers.noteFirst(from, fill.of, fill.e, fill.first);
    if (isWriter && copy.own === undefined && fill.first <= copy.known) this.#raiseFirst(copy, fill.first);
    let fresh = this.#takeLines(copy, lines, isWriter ? 'writer' : 'peer') > 0;
    if (segment !== undefined && this.#takeSegment(copy, segment)) fresh = true;
    if (lines.length > 0) this.#close(copy);
    // Of a log under our own name, such as a clone's, we are the writer, and ask because we have nothing.
    const isWriterAsked = isWriter || copy.node === this.#options.node;
    const gone = this.#asks.noteFill(fill, fresh, isWriterAsked, this.#now.monoMs);
    if (gone.length > 0) this.#noteGone(copy, gone);
  }

  // Whoever is there and says to hold it durably may have been unable to read it, or not be the one who answered: two boards
  // can go by one name. Only what is held here one by one, and not to be had as a segment, is not asked for any more.
  #noteGone(copy: Copy, denied: readonly Interval[]): void {
    let lacked: readonly Interval[] = copy.lacked(denied);
    const isHeld = without(denied, lacked);
    for (const { node } of this.#onlineHolders(copy)) {
      lacked = without(lacked, this.#frontiers.claimed(node, copy.node, copy.epoch, lacked));
    }
    const ranges = [...isHeld, ...lacked];
    if (ranges.length === 0) return;
    const records = copy.noteGone(ranges);
    this.#save(copy.releasePending());
    if (records === 0) return;
    this.#counters.add('gone', records);
    this.#tell('gone', copy.node, copy.epoch, `${records} records that neither their writer nor anybody else has`);
  }

  /** True if something of it was new. */
  #takeSegment(copy: Copy, segment: OpenedSegment): boolean {
    if (this.#inbox.isInTrouble(this.#now.monoMs)) return false;
    const { verdict, keep } = copy.takeSegment(segment);
    if (verdict === 'refused') this.#counters.add('segmentsRefused');
    if (verdict === 'unchained') return this.#takeAsLines(copy, segment);
    this.#counters.add('segmentsFetched', keep.length);
    this.#save(keep);
    if (verdict !== 'pending' && verdict !== 'waiting') return verdict === 'kept';
    const isNew = verdict === 'pending';
    if (isNew) this.#counters.add('segmentsPending');
    const { n } = copy.newestAnchor ?? { n: -1 };
    if (segment.header.seg < n) return isNew;
    // No head that is known will ever confirm it: its writer's card forgot it, or died before it signed. Kept as lines that
    // nobody vouches for, so that holders agree on what there is; a pending segment alone would be asked for without end.
    return this.#takeAsLines(copy, segment);
  }

  #takeAsLines(copy: Copy, { header, lines }: OpenedSegment): boolean {
    const single = lines.map((text, i) => ({ s: header.first + i, text }));
    return this.#takeLines(copy, single, 'peer') > 0;
  }

  #onRetained(segment: OpenedSegment): void {
    const copy = this.copy(segment.header.n, segment.header.e);
    if (copy === undefined) return;
    this.#pager.noteArrival(copy, this.#now.monoMs);
    this.#takeSegment(copy, segment);
  }

  #onWant(cut: readonly (readonly [string, string, number])[]): void {
    for (const [node, epoch, seq] of cut) {
      const copy = this.#heldBy(node, epoch);
      if (copy === undefined) continue;
      // Of the log that is being written here nobody knows more; what of it rotted is fetched back.
      if (copy.own?.isLive !== true) copy.known = Math.max(copy.known, seq);
      if (!copy.isWhole) {
        this.#asks.hurry(copy);
        if (this.#upSinceMonoMs !== undefined) this.#ask(copy);
      }
    }
  }

  #onNeed({ from, need }: Extract<ReplicaEvent, { type: 'need' }>): void {
    this.#serving.take(from, need);
    this.#emit(this.#serving.due((node, epoch) => this.copy(node, epoch)));
  }

  // ---- polls

  #onPoll({ from, poll }: Extract<ReplicaEvent, { type: 'poll' }>): void {
    const isBusy = this.#hashing >= this.#limits.needsWaitingPerAsker;
    if (isBusy || this.#quarantine.standing(this.#now.monoMs) === 'quarantined') {
      this.#counters.add('votesRefused');
      return;
    }
    this.#hashing++;
    this.#emit([{ type: 'hash', poll, replyTo: from }]);
  }

  #onHashed({ id, replyTo, h }: Extract<ReplicaEvent, { type: 'hashed' }>): void {
    if (replyTo === undefined) {
      this.#polls.hashed(id, h);
      return;
    }
    this.#hashing--;
    this.#emit([{ type: 'vote', to: replyTo, vote: { v: SCHEMA_MINOR, id, h } }]);
  }

  // ---- the disk

  #onAppendFailed(lines: readonly CopyLine[]): void {
    this.#counters.add('diskFailures');
    this.#inbox.appendFailed(lines, this.#now.monoMs);
    this.#dropLines(lines);
  }

  #onSynced(mark: number, ok: boolean): void {
    const durable = this.#inbox.synced(mark, ok, this.#now.monoMs);
    for (const [copy, seqs] of this.#byCopy(durable)) copy.noteDurable(seqs);
    if (ok) return;
    this.#counters.add('diskFailures');
    this.#dropLines(this.#inbox.takeDropped());
  }

  #dropLines(lines: readonly CopyLine[]): void {
    for (const [copy, seqs] of this.#byCopy(lines)) copy.dropLines(seqs);
  }

  #byCopy(lines: readonly CopyLine[]): Map<Copy, number[]> {
    const byCopy = new Map<Copy, number[]>();
    for (const { node, epoch, s } of lines) {
      const copy = this.copy(node, epoch);
      if (copy === undefined) continue;
      const seqs = byCopy.get(copy);
      if (seqs === undefined) byCopy.set(copy, [s]);
      else seqs.push(s);
    }
    return byCopy;
  }

  #onSegmentSaved({ node, epoch, meta }: Extract<ReplicaEvent, { type: 'segmentSaved' }>): void {
    this.copy(node, epoch)?.segmentSaved(meta);
    if (this.#rotten.delete(`${logKey(node, epoch)}/${meta.n}`)) this.#counters.add('mended');
  }

  #onRot({ node, epoch, n, reason }: Extract<ReplicaEvent, { type: 'rot' }>): void {
    this.#counters.add('rot');
    this.#tell('rot', node, epoch, reason);
    const copy = this.copy(node, epoch);
    if (copy === undefined || n === undefined) this.#noteFailure(node, epoch);
    else this.#lose(copy, n);
  }

  // Out of use at once; asked for as if it had never come.
  #lose(copy: Copy, n: number): void {
    copy.dropSegment(n);
    this.#rotten.add(`${logKey(copy.node, copy.epoch)}/${n}`);
    this.#asks.nudge(copy);
    this.#noteFailure(copy.node, copy.epoch);
  }

  #noteFailure(node: string, epoch: string): void {
    if (!this.#quarantine.noteFailure(this.#now.monoMs)) return;
    this.#tell('quarantine', node, epoch, 'this replica kept rotting: it has no vote for a day');
  }

  // ---- copies

  /** The copy of a log that this node is to hold, made if it is new. */
  #heldBy(node: string, epoch: string): Copy | undefined {
    const known = this.copy(node, epoch);
    if (known !== undefined) return known;
    if (!this.#peers.note(node, this.#now.monoMs) || !this.#peers.isHolder(node)) return undefined;
    return this.#make(node, epoch);
  }

  #make(node: string, epoch: string): Copy | undefined {
    const key = logKey(node, epoch);
    const known = this.#copies.get(key);
    if (known !== undefined) return known;
    if (this.#forgotten.has(key)) return undefined;
    if (this.#copies.size >= this.#limits.logsMax) {
      this.#counters.add('logsRefused');
      return undefined;
    }
    const copy = new Copy(node, epoch, this.#limits);
    this.#copies.set(key, copy);
    return copy;
  }

  #emit(effects: readonly ReplicaEffect[]): void {
    this.#effects.push(...effects);
  }

  #tell(trouble: Trouble, node: string, epoch: string, detail: string): void {
    this.#effects.push({ type: 'tell', trouble, node, epoch, detail });
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
