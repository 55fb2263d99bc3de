import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { FolderLock } from '../../base/folder-lock.js';
import type { Link } from '../../base/link/link.js';
import type { SideLinks } from '../../base/link/side-links.js';
import { isHeadSigned } from '../../base/listener/head-signature.js';
import { openLocked } from '../../base/locked-folder.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { RateLimitedLog } from '../../base/rate-limited-log.js';
import type { Cut } from '../../protocol/query.js';
import type { ReplicaState } from '../../protocol/replica.js';
import { routes } from '../../protocol/routes.js';
import { localDisk, type RecordDisk } from '../records/record-disk.js';
import type { RecordLog } from '../records/record-log.js';
import { Answerer } from './answerer.js';
import type { Instant, ReplicaEffect, ReplicaEvent } from './core/effects.js';
import { Overload } from './core/overload.js';
import { ReplicaCore } from './core/replica-core.js';
import { DEFAULT_REPLICA_LIMITS, type ReplicaLimits } from './core/replica-limits.js';
import { HeadRelay } from './head-relay.js';
import { LogFiles } from './log-files.js';
import { ownExtents } from './own-extents.js';
import { Reach } from './reach.js';
import { ReplicaEars } from './replica-ears.js';
import { ReplicaHands } from './replica-hands.js';
import type { CopyStore } from './store/copy-store.js';
import { DEFAULT_COPY_STORE_LIMITS } from './store/copy-store-limits.js';
import { DiskCopyStore } from './store/disk-copy-store.js';
import { DEFAULT_SCRUB_LIMITS } from './store/scrub-schedule.js';
import { Scrubber } from './store/scrubber.js';

export type ReplicaOptions = {
  readonly node: string;
  /** State folder of the node; the copies get a folder of their own in it. */
  readonly stateDir: string;
  /** Public key of the node, base64 of 32 bytes. */
  readonly publicKey: string;
  /** The node's own log, open. */
  readonly records: RecordLog;
  readonly link: Link;
  /** Second connection for segments and fills; the first one unless given. */
  readonly bulk?: Link;
  /** The brokers the node is not at: what it holds is said there too. */
  readonly sides?: SideLinks;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<ReplicaLimits>;
  readonly disk?: RecordDisk;
  /** The state of the replica, on change and at most every few seconds; to be published. */
  readonly onState: (state: ReplicaState) => void;
  /** What is told of others or of itself that a person should know. */
  readonly onTrouble?: (effect: Extract<ReplicaEffect, { type: 'tell' }>) => void;
};

type Parts = {
  readonly lock: FolderLock;
  readonly store: CopyStore;
  readonly core: ReplicaCore;
  readonly files: LogFiles;
  readonly answerer: Answerer;
  readonly ears: ReplicaEars;
  readonly hands: ReplicaHands;
  readonly scrubber: Scrubber;
  readonly reach: Reach;
  readonly relay: HeadRelay;
};

const TICK_MS = 100;
/** The same while nothing waits for time to pass: ten wakings a second are a third of what an idle node costs. */
const REST_TICK_MS = 500;
const STATE_MS = 5_000;
/** Half of how often a growing log gives a head. */
const RELAY_MS = 5_000;
const CATCH_UP_LOOK_MS = 20;
/** 50 parts of 30 kB a second at most: 1.5 MB/s, a third of what a Pi's Wi-Fi carries. */
const FILL_PAUSE_MS = 20;

/**
 * The copies of everybody's logs on this node: hears what others publish, keeps it, asks for what is missing, gives what it
 * has. What survives what: a line is in the inbox file at once, and survives a power cut at the latest `syncRefillMs` later;
 * a closed segment and a head that commits to one are fsynced before they count. Frontiers say only what is durable.
 */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #limits: ReplicaLimits;
  readonly #troubles: RateLimitedLog;
  #parts: Parts | undefined;
  #stops: (() => void)[] = [];
  #shown = '';
  #shownState: ReplicaState['state'] | undefined;
  #isOwnStale = true;
  readonly #overload: Overload;
  #isOverloaded = false;
  #tickDueMonoMs = 0;
  #cancelTick = () => {};
  #isResting = false;
  #isStirred = false;
  #closing: Promise<void> | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_REPLICA_LIMITS, ...options.limits };
    this.#troubles = new RateLimitedLog(options.log, options.clock);
    this.#overload = new Overload(this.#limits);
  }

  /**
   * Locks the folder, reads what earlier lives left, and begins to listen.
   * @throws OperationError state-locked, state-unwritable, disk-full
   */
  async open(): Promise<void> {
    const { stateDir, clock } = this.#options;
    const dir = join(stateDir, 'replica');
    this.#parts = await openLocked(dir, 'replica', (lock) => this.#openParts(dir, lock));
    this.#tick();
    this.#parts.ears.open();
    this.#parts.scrubber.open();
    const { sides } = this.#options;
    const onSide = sides?.onUp(() => this.#hear({ type: 'sideUp' })) ?? (() => {});
    this.#armTick(TICK_MS);
    this.#stops = [
      onSide,
      () => this.#cancelTick(),
      clock.every(STATE_MS, () => this.#showState()),
      clock.every(RELAY_MS, () => this.#tendSides()),
    ];
  }

  /** The own log grew, closed a segment, gave one up or became durable: looked at with the next tick. */
  noteOwn(): void {
    this.#isOwnStale = true;
    this.#wake();
  }

  get core(): ReplicaCore {
    return this.#open().core;
  }

  /** Length of an own epoch with the records that were fetched back; 0 before `open`. */
  ownLength(epoch: string): number {
    return this.#parts?.core.ownLength(epoch) ?? 0;
  }

  /** True if every holder has an own epoch as a whole. */
  isSealed(epoch: string): boolean {
    return this.#parts?.core.isSealed(epoch) ?? false;
  }

  get store(): CopyStore {
    return this.#open().store;
  }

  state(): ReplicaState {
    const { core, store } = this.#open();
    return core.state(this.#now(), store.bytes);
  }

  /** Asks for everything up to a cut at once; resolves when it is held, or when the time is over. */
  async catchUp(cut: Cut, waitMs: number, signal: AbortSignal): Promise<void> {
    const { core } = this.#open();
    const { clock, node: self } = this.#options;
    // A segment of the own log that somebody puts aside just now is missing there before anybody is told.
    if (cut.some(([node]) => node === self)) {
      this.noteOwn();
      this.#tick();
    }
    const untilMonoMs = clock.monoMs() + waitMs;
    const isBehind = () => cut.some(([node, epoch, seq]) => (core.copy(node, epoch)?.answerable ?? 0) < seq);
    if (!isBehind()) return;
    this.#hear({ type: 'want', cut });
    while (isBehind() && clock.monoMs() < untilMonoMs) await clock.sleep(CATCH_UP_LOOK_MS, signal);
  }

  /** A segment was read and is not what was written: it is put aside and fetched again. Resolves when it is put aside. */
  async noteRot(node: string, epoch: string, n: number, reason: string): Promise<void> {
    const { core, hands, files } = this.#open();
    if (core.copy(node, epoch)?.segment(n) === undefined) return;
    if (this.#isOwn(node, epoch, n)) {
      // Read once more: the log puts its rot aside itself, and what it lacks then is asked for.
      await files.readSegment(node, epoch, n);
      this.#tick();
      return;
    }
    hands.putAside(node, epoch, n, reason);
    this.#hear({ type: 'rot', node, epoch, n, reason });
  }

  /** Others answer otherwise: the next poll compares these logs. */
  noteDoubt(cut: Cut): void {
    this.#hear({ type: 'doubt', cut });
  }

  queues(): Record<string, number> {
    const { core, hands, ears } = this.#open();
    return { ...core.queues, copyWrites: hands.writesUnderWay, segmentsOpening: ears.opening };
  }

  counters(): Record<string, number> {
    const { core, hands, ears, answerer, store } = this.#open();
    return { ...core.counters(), ...hands.counters(), ...ears.counters(), ...answerer.counters(), ...store.counters() };
  }

  /** Makes what was taken in durable and stops; the link stays open. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const parts = this.#parts;
    if (parts === undefined) return;
    for (const stop of this.#stops) stop();
    parts.ears.close();
    parts.answerer.close();
    parts.scrubber.close();
    await parts.hands.settle();
    await parts.store.close();
    await parts.lock.release();
  }

  async #openParts(dir: string, lock: FolderLock): Promise<Parts> {
    const { node, publicKey, records, link, sides, clock, random, log, disk = localDisk } = this.#options;
    const bulk = this.#options.bulk ?? link;
    const store = new DiskCopyStore({ dir, disk, clock, log, limits: DEFAULT_COPY_STORE_LIMITS });
    const content = await store.open();
    const core = new ReplicaCore({ node, publicKey, limits: this.#limits, random, isHeadSigned, content });
    const hear = (event: ReplicaEvent) => this.#hear(event);
    const reach = new Reach(link);
    const relay = new HeadRelay();
    const files = new LogFiles({
      ...{ node, core, records, store },
      onRot: (of, epoch, n, reason) => hear({ type: 'rot', node: of, epoch, n, reason }),
      onOwnRot: (epoch, n) => {
        hear({ type: 'rot', node, epoch, n, reason: 'a segment of the own log is rotten' });
        this.noteOwn();
      },
    });
    const linkTo = (to: string) => (reach.linkTo(to) === link ? bulk : reach.linkTo(to));
    const answerer = new Answerer({ node, linkTo, files, clock, log, fillPauseMs: FILL_PAUSE_MS });
    const ears = new ReplicaEars({ node, link, bulk, sides, reach, relay, clock, hear, log });
    const hands = new ReplicaHands({
      ...{ node, link, bulk, sides, reach, store, files, answerer, ears, hear, log },
      tell: (effect) => this.#tell(effect),
      expireOwn: (epoch, first) => records.giveUp(epoch, first).then(() => this.noteOwn()),
    });
    const scrubber = new Scrubber({
      ...{ clock, log, random: random.fork('scrub'), limits: DEFAULT_SCRUB_LIMITS },
      targets: () => store.segments(),
      read: ({ node: of, epoch, n }) => store.readSegment(of, epoch, n),
      onRot: ({ node: of, epoch, n }, reason) => hear({ type: 'rot', node: of, epoch, n, reason }),
    });
    return { lock, store, core, files, answerer, ears, hands, scrubber, reach, relay };
  }

  #open(): Parts {
    if (this.#parts === undefined) throw new Error('the replica is not open');
    return this.#parts;
  }

  #now(): Instant {
    return { monoMs: this.#options.clock.monoMs(), wallMs: this.#options.clock.nowMs() };
  }

  #hear(event: ReplicaEvent): void {
    const parts = this.#parts;
    if (parts === undefined || this.#closing !== undefined) return;
    const effects = parts.core.handle(event, this.#now());
    for (const effect of effects) parts.hands.do(effect);
    if (event.type !== 'tick' || effects.length > 0) this.#wake();
  }

  #armTick(delayMs: number): void {
    const { clock } = this.#options;
    this.#isResting = delayMs > TICK_MS;
    this.#tickDueMonoMs = clock.monoMs() + delayMs;
    this.#cancelTick = clock.after(delayMs, () => this.#onTick());
  }

  // Something happened: what follows from it may be due sooner than the next tick at rest.
  #wake(): void {
    this.#isStirred = true;
    if (!this.#isResting || this.#closing !== undefined) return;
    this.#cancelTick();
    this.#armTick(TICK_MS);
  }

  #onTick(): void {
    const { monoMs } = this.#now();
    const lateMs = monoMs - this.#tickDueMonoMs;
    const { core, hands, ears } = this.#open();
    this.#isResting = false;
    this.#isStirred = false;
    const isOverloaded = this.#overload.note({ lateMs, waiting: hands.writesUnderWay + ears.opening }, monoMs);
    if (isOverloaded !== this.#isOverloaded) this.#hear({ type: 'load', isOverloaded });
    this.#isOverloaded = isOverloaded;
    this.#tick();
    // Who asks the fleet passes over a replica that says it is not ready: that it is now must not wait.
    if (this.#shownState !== 'active' && this.state().state !== this.#shownState) this.#showState();
    this.#armTick(core.isAtRest && !this.#isStirred ? REST_TICK_MS : TICK_MS);
  }

  #tick(): void {
    if (this.#isOwnStale) {
      this.#isOwnStale = false;
      this.#hear({ type: 'own', extents: ownExtents(this.#options.records) });
    }
    this.#hear({ type: 'tick' });
  }

  // Heads are relayed only where somebody is who does not hear them from their writers.
  #tendSides(): void {
    const { sides, node, clock, log } = this.#options;
    const { reach, relay } = this.#open();
    const links = (sides?.up ?? []).filter((link) => reach.hasStrangers(link));
    for (const { link, head } of relay.due(links, clock.monoMs())) {
      link.publish(routes.keptHead, { node, other: head.node }, head).catch((error) => {
        relay.lose(link);
        log.debug('head not relayed', { of: head.node, error: messageOf(error) });
      });
    }
  }

  #isOwn(node: string, epoch: string, n: number): boolean {
    const { node: self, records } = this.#options;
    return node === self && records.segmentsOf(epoch).some((meta) => meta.n === n);
  }

  // Counters and lag move all the time and are no reason to publish; they ride along.
  #showState(): void {
    const state = this.state();
    const { counters: _, lagMs: __, unackedMs: ___, bytes: ____, ...telling } = state;
    const shown = JSON.stringify(telling);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#shownState = state.state;
    this.#options.onState({
      ...state,
      lagMs: state.lagMs === null ? null : Math.round(state.lagMs),
      unackedMs: Math.round(state.unackedMs),
    });
  }

  #tell(effect: Extract<ReplicaEffect, { type: 'tell' }>): void {
    const { trouble, node, epoch, detail } = effect;
    this.#troubles.warn(`replica: ${trouble}`, { node, epoch, detail });
    this.#options.onTrouble?.(effect);
  }
}
