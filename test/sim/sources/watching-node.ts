import { chooseTurn, type Waiting } from '../../../edge/process/turn-choice.js';
import { PeerBook } from '../../../edge/sharing/peer-book.js';
import { DiscoveryDuty } from '../../../edge/sharing/sources/discovery-duty.js';
import { FrameGate } from '../../../edge/sharing/sources/frame-gate.js';
import { Rendezvous, weightOf } from '../../../edge/sharing/sources/rendezvous.js';
import { KNOWN_MAX } from '../../../edge/sharing/sources/source-limits.js';
import { SourceOwnership, type WatchPlan } from '../../../edge/sharing/sources/source-ownership.js';
import { type Watcher, Watchers } from '../../../edge/sharing/sources/watchers.js';
import type { Claims } from '../../../protocol/sharing.js';
import type { DeliveredMessage } from '../kernel/mqtt-message.js';
import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedLink } from '../kernel/simulated-link.js';
import type { SourceRule } from './source-rules.js';

/** A frame as it travels in the simulator. */
export type SimulatedFrame = { readonly source: string; readonly number: number };
export type SimulatedStatus = { readonly state: 'online' | 'lost'; readonly gen: number };

export type WatchingNodeOptions = {
  readonly brokers: readonly [string, ...string[]];
  readonly without: ReadonlySet<SourceRule>;
  readonly ownedMax: number;
  /** Frames per second it can look at. */
  readonly capacityFps: number;
  /** It begins to watch a source. */
  readonly onTake: (source: string) => void;
};

/** What becomes of the frames of this life: all that came to a source it watched. */
type FrameBook = { came: number; looked: number; replaced: number };

/** A source that is watched, and whether a picture of it waits for its turn. */
type Watched = { readonly gate: FrameGate<SimulatedFrame>; readonly end: () => void; cancelPump: () => void };
type WaitingSource = Waiting & { readonly source: string };

const BEAT_MS = 10_000;
const STEP_MS = 500;
/** Claims are told again this often although nothing changed: a broker may have lost them. */
const RETELL_MS = 30_000;
/** Capacity is told no more often than this. */
const NUMBERS_EVERY_MS = 2_000;
const OVERLOAD_AFTER_MS = 10_000;
const NO_CHECKS = { state: 'active', model: null, shares: { audits: false } } as const;
const MODEL = { id: 'model', sha256: '0'.repeat(64) };
const DAY_MS = 86_400_000;

/** A node as far as it watches sources: the real decisions, over a simulated link. */
export class WatchingNode {
  readonly frames: FrameBook = { came: 0, looked: 0, replaced: 0 };
  /** Frames it looked at, by source. */
  readonly looked = new Map<string, number>();
  /** An operator sends it away. */
  isLeaving = false;
  /** What it says of its capacity is this many times what it has. */
  boast = 1;
  /** Sources it says it heard, which are none. */
  ghosts: readonly string[] = [];
  readonly #env: ProgramEnv;
  readonly #options: WatchingNodeOptions;
  readonly #link: SimulatedLink;
  readonly #book: PeerBook;
  readonly #ownership: SourceOwnership;
  readonly #duty = new DiscoveryDuty();
  readonly #watchers = new Watchers();
  readonly #watched = new Map<string, Watched>();
  readonly #gone: FrameGate<SimulatedFrame>[] = [];
  /** Pictures that wait for the detector, one of a source. */
  readonly #waiting = new Map<string, WaitingSource>();
  readonly #lastEndedMs = new Map<string, number>();
  #isLooking = false;
  readonly #rendezvous = new Rendezvous();
  #endListening: (() => void) | undefined;
  #plan: WatchPlan = { owned: [], claims: [], isOnDuty: false, left: [] };
  #told = '';
  #toldMs = 0;
  #lookedBefore = 0;
  #demandFps = 0;
  #overloadedSinceMs: number | undefined;
  #spareFps: number;
  /** The others order by it; so does this node. */
  #toldSpareFps = 0;
  #gen: number;

  constructor(env: ProgramEnv, options: WatchingNodeOptions) {
    this.#env = env;
    this.#options = options;
    this.#spareFps = options.capacityFps;
    // As the node keeps it: higher with every life and every connect.
    this.#gen = env.lives * 1_000;
    this.#book = new PeerBook(env.node);
    const believes = options.without.has('what sends nothing makes room');
    const relieve = options.without.has('an overloaded owner is relieved of one source at a time');
    this.#ownership = new SourceOwnership({
      ...{ node: env.node, ownedMax: options.ownedMax, knownMax: KNOWN_MAX },
      times: {
        ...(believes ? { proveMs: DAY_MS } : {}),
        ...(relieve ? { relieveMs: 0, regretMs: 0 } : {}),
        ...(options.without.has('the second waits for the first') ? { rankWaitMs: 0 } : {}),
        ...(options.without.has('the second comes after the first') ? { rankWaitMs: DAY_MS } : {}),
      },
    });
    this.#link = env.link({
      clientId: env.node,
      brokers: options.brokers,
      failbackAfterMs: 60_000,
      will: () => {
        const payload: SimulatedStatus = { state: 'lost', gen: ++this.#gen };
        return { topic: `status/${env.node}`, payload, qos: 1, retain: true };
      },
    });
    this.#open();
  }

  get owned(): readonly string[] {
    return this.#plan.owned;
  }

  get broker(): string | undefined {
    return this.#link.isUp ? this.#link.broker : undefined;
  }

  get isOverloaded(): boolean {
    return this.#overloadedSinceMs !== undefined && this.#nowMs - this.#overloadedSinceMs >= OVERLOAD_AFTER_MS;
  }

  get capacityFps(): number {
    return this.#options.capacityFps;
  }

  get ownedMax(): number {
    return this.#options.ownedMax;
  }

  /** Frames that wait now; all that came are looked at, counted as dropped, or wait. */
  balance(): { readonly came: number; readonly accounted: number } {
    const gates = [...[...this.#watched.values()].map(({ gate }) => gate), ...this.#gone];
    const sum = (name: string) => gates.reduce((total, gate) => total + (gate.counters()[name] ?? 0), 0);
    const waiting = gates.reduce((total, gate) => total + gate.waiting, this.#waiting.size);
    const isCounted = !this.#options.without.has('what is dropped is counted');
    const { came, looked, replaced } = this.frames;
    const dropped = isCounted ? replaced + sum('source-replaced') + sum('source-discarded') : 0;
    return { came, accounted: looked + dropped + waiting };
  }

  get #nowMs(): number {
    return this.#env.clock.monoMs();
  }

  #open(): void {
    const { clock, node } = this.#env;
    const link = this.#link;
    link.subscribe('claims/+', 1, (message) => this.#hear(message, () => this.#onClaims(message)));
    link.subscribe('status/+', 1, (message) => this.#hear(message, () => this.#onStatus(message)));
    link.subscribe('beat/+', 0, (message) => this.#onBeat(message));
    link.subscribe('info/+', 1, (message) => this.#hear(message, () => this.#ownership.announced(nameOf(message))));
    link.onUp(() => {
      this.#book.reconnected(this.#nowMs);
      this.#ownership.linkUp(this.#nowMs);
      link.publish(`status/${node}`, { state: 'online', gen: this.#gen } satisfies SimulatedStatus, { retain: true });
      this.#told = '';
      this.#step();
    });
    link.onDown(() => {
      this.#ownership.linkDown();
      this.#step();
    });
    clock.every(BEAT_MS, () => link.publish(`beat/${node}`, { gen: this.#gen }, { qos: 0 }));
    clock.every(STEP_MS, () => {
      this.#measure();
      this.#step();
    });
    link.open();
  }

  #hear(message: DeliveredMessage, apply: () => void): void {
    if (nameOf(message) === this.#env.node) return;
    apply();
    this.#step();
  }

  #onClaims(message: DeliveredMessage): void {
    this.#book.applyClaims(nameOf(message), message.payload as Claims, this.#nowMs);
  }

  #onStatus(message: DeliveredMessage): void {
    const status = message.payload as SimulatedStatus;
    if (status.state === 'lost' && this.#options.without.has('a will ends what was claimed')) return;
    this.#book.applyStatus(nameOf(message), status, this.#nowMs);
  }

  #onBeat(message: DeliveredMessage): void {
    this.#book.applyBeat(nameOf(message), message.payload as { gen: number }, this.#nowMs);
  }

  #step(): void {
    const nowMs = this.#nowMs;
    this.#ownership.setSelf({
      ...{ state: this.#state, spareFps: this.#toldSpareFps, isDoubted: false },
    });
    this.#ownership.setPeers(this.#others());
    const before = new Set(this.#plan.owned);
    this.#plan = this.#withoutRules(this.#ownership.plan(nowMs));
    for (const source of this.#plan.owned) if (!before.has(source)) this.#options.onTake(source);
    this.#listen(nowMs);
    this.#tell(nowMs);
  }

  get #state(): Claims['state'] {
    if (this.isLeaving) return 'leaving';
    return this.isOverloaded ? 'overloaded' : 'active';
  }

  #others(): readonly Watcher[] {
    const { without } = this.#options;
    // Who was online once is taken to be there until a will says otherwise.
    const nowMs = without.has('silence ends what was claimed') ? Number.NEGATIVE_INFINITY : this.#nowMs;
    const peers = this.#book.peers(nowMs);
    const watchers = this.#watchers.of(peers, { node: this.#env.node, claims: { ...NO_CHECKS, doubts: [] } }).others;
    if (without.has('of two that meet one gives way')) return watchers.map((each) => this.#except(each));
    return without.has('an owner stays') ? watchers.map((each) => this.#onlyAsFirst(each, watchers)) : watchers;
  }

  #except(watcher: Watcher): Watcher {
    return { ...watcher, owns: watcher.owns.filter((source) => !this.#plan.owned.includes(source)) };
  }

  #onlyAsFirst(watcher: Watcher, watchers: readonly Watcher[]): Watcher {
    const me = { node: this.#env.node, spareFps: this.#spareFps };
    const candidates = [...watchers, me].map(({ node, spareFps }) => ({ node, weight: weightOf(spareFps) }));
    const owns = watcher.owns.filter((source) => this.#rendezvous.order(source, candidates)[0] === watcher.node);
    return { ...watcher, owns };
  }

  #withoutRules(plan: WatchPlan): WatchPlan {
    const { without } = this.#options;
    if (without.has('somebody listens for what nobody knows')) return { ...plan, isOnDuty: false };
    const isGone = this.isLeaving && without.has('who leaves waits for the next');
    return isGone ? { ...plan, owned: [], claims: [] } : plan;
  }

  #listen(nowMs: number): void {
    for (const source of this.#plan.owned) if (!this.#watched.has(source)) this.#watch(source);
    for (const source of this.#watched.keys()) if (!this.#plan.owned.includes(source)) this.#unwatch(source);
    const listens = this.#duty.isListening(this.#plan.isOnDuty && this.#link.isUp, nowMs);
    if (listens && this.#endListening === undefined) {
      this.#endListening = this.#link.subscribe('frame/+', 0, (message) => {
        this.#duty.heard();
        this.#ownership.heardFrame(nameOf(message), this.#nowMs);
      });
    } else if (!listens) {
      this.#endListening?.();
      this.#endListening = undefined;
    }
  }

  #watch(source: string): void {
    const gate = new FrameGate<SimulatedFrame>();
    const end = this.#link.subscribe(`frame/${source}`, 0, ({ payload }) => {
      this.frames.came++;
      this.#ownership.heardFrame(source, this.#nowMs);
      gate.offer(payload as SimulatedFrame);
      this.#pump(source);
    });
    this.#watched.set(source, { gate, end, cancelPump: () => {} });
  }

  #unwatch(source: string): void {
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    watched.end();
    watched.cancelPump();
    watched.gate.discard();
    this.#gone.push(watched.gate);
    this.#watched.delete(source);
    if (this.#waiting.delete(source)) this.frames.replaced++;
  }

  // As the desk gives it to the vision process, and the source's loop keeps the newest until its turn.
  #pump(source: string): void {
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    watched.cancelPump();
    const { gate } = watched;
    if (gate.next(this.#nowMs) !== undefined) {
      gate.taken();
      if (this.#waiting.has(source)) this.frames.replaced++;
      else this.#wait(source);
    }
    const waitMs = gate.dueMs(this.#nowMs) - this.#nowMs;
    if (Number.isFinite(waitMs)) watched.cancelPump = this.#env.clock.after(waitMs, () => this.#pump(source));
    this.#lookAtNext();
  }

  #wait(source: string): void {
    const lastEndedMonoMs = this.#lastEndedMs.get(source) ?? Number.NEGATIVE_INFINITY;
    this.#waiting.set(source, { source, isUrgent: false, sinceMonoMs: this.#nowMs, lastEndedMonoMs });
  }

  // One detector, which takes its time.
  #lookAtNext(): void {
    if (this.#isLooking) return;
    const waiting = [...this.#waiting.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
    const isFair = !this.#options.without.has('who has waited longest is next');
    const next = isFair ? chooseTurn(waiting, this.#nowMs) : waiting[0];
    if (next === undefined) return;
    const { source } = next;
    this.#waiting.delete(source);
    this.frames.looked++;
    this.looked.set(source, (this.looked.get(source) ?? 0) + 1);
    this.#isLooking = true;
    this.#env.clock.after(1_000 / this.#options.capacityFps, () => {
      this.#isLooking = false;
      this.#lastEndedMs.set(source, this.#nowMs);
      this.#lookAtNext();
    });
  }

  #measure(): void {
    const fps = (this.frames.came - this.#lookedBefore) / (STEP_MS / 1_000);
    this.#lookedBefore = this.frames.came;
    this.#demandFps += (fps - this.#demandFps) / 10;
    const { capacityFps } = this.#options;
    this.#spareFps = Math.max(0, capacityFps - this.#demandFps);
    if (this.#demandFps > 1.2 * capacityFps) this.#overloadedSinceMs ??= this.#nowMs;
    else if (this.#demandFps < 0.8 * capacityFps) this.#overloadedSinceMs = undefined;
  }

  #spareToTell(nowMs: number): number {
    return nowMs - this.#toldMs < NUMBERS_EVERY_MS ? this.#toldSpareFps : weightOf(this.#spareFps * this.boast);
  }

  #tell(nowMs: number): void {
    const { node } = this.#env;
    const claims: Claims = {
      ...{ v: 0, site: 'site', state: this.#state, beatMs: BEAT_MS, model: MODEL, doubts: [] },
      shares: { sources: true, offers: false, audits: false },
      capacityFps: this.#options.capacityFps,
      spareFps: this.#spareToTell(nowMs),
      sources: [...this.#plan.claims],
      heard: [...this.ghosts, ...this.#ownership.heard(nowMs)],
    };
    this.#toldSpareFps = claims.spareFps;
    const text = JSON.stringify(claims);
    if (text === this.#told && nowMs - this.#toldMs < RETELL_MS) return;
    if (!this.#link.publish(`claims/${node}`, claims, { retain: true })) return;
    this.#told = text;
    this.#toldMs = nowMs;
  }
}

function nameOf({ topic }: DeliveredMessage): string {
  return topic.split('/')[1] ?? '';
}
