import { isDeepStrictEqual } from 'node:util';
import { PeerBook } from '../../../edge/sharing/peer-book.js';
import { DiscoveryDuty } from '../../../edge/sharing/sources/discovery-duty.js';
import { KNOWN_MAX } from '../../../edge/sharing/sources/source-limits.js';
import { SourceOwnership, type WatchPlan } from '../../../edge/sharing/sources/source-ownership.js';
import { Watchers } from '../../../edge/sharing/sources/watchers.js';
import type { Claims } from '../../../protocol/sharing.js';

/** What nodes of a fleet hear of each other. */
export type FleetMessage =
  | { readonly kind: 'claims'; readonly claims: Claims }
  | { readonly kind: 'status'; readonly state: 'online' | 'lost'; readonly gen: number }
  | { readonly kind: 'beat'; readonly gen: number };

/** What a node of a fleet can do, and is told. */
export type ScaleWorld = {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, run: () => void) => void;
  readonly publish: (from: string, message: FleetMessage) => void;
  /** Frames per second a source sends. */
  readonly fpsOf: (source: string) => number;
  /** All sources that send now: what the node on duty hears. */
  readonly sending: () => Iterable<string>;
  readonly onTake: (node: string, source: string) => void;
  readonly onDrop: (node: string, source: string) => void;
  /** A number around 0 that changes: how far the load measured is from the real one, relative. */
  readonly noise: () => number;
  /** Time that a look at what to watch took, ms. */
  readonly onLooked: (tookMs: number) => void;
  /** Monotonic ms of the machine. */
  readonly realMs: () => number;
};

// As a node has them: `edge/sharing/claims-board.ts` and `source-desk.ts`.
export const BEAT_MS = 10_000;
const STEP_MS = 500;
const RETELL_MS = 30_000;
const NUMBERS_EVERY_MS = 2_000;
const NUMBERS_CHANGE = 0.1;
const MANY_NODES = 64;
const MANY_EVERY_MS = 200;
const SOURCES_WATCHED_MAX = 16;
const MODEL = { id: 'model', sha256: '0'.repeat(64) };
const SHARES = { sources: true, offers: false, audits: false };
const CLAIMS: Claims = {
  ...{
    v: 1,
    site: 'site',
    state: 'active',
    beatMs: BEAT_MS,
    shares: SHARES,
    model: MODEL,
    capacityFps: 0,
    spareFps: 0,
  },
  ...{ sources: [], heard: [], doubts: [] },
};

/** One life of a node of a large fleet: its real decisions, with a load instead of frames. */
export class ScaleNode {
  readonly #name: string;
  readonly #capacityFps: number;
  readonly #gen: number;
  readonly #world: ScaleWorld;
  readonly #book: PeerBook;
  readonly #watchers = new Watchers();
  readonly #ownership: SourceOwnership;
  readonly #duty = new DiscoveryDuty();
  #plan: WatchPlan = { owned: [], claims: [], isOnDuty: false, left: [] };
  #told: Claims | undefined;
  #toldMs = 0;
  #isLookDue = false;
  #isOver = false;

  constructor(name: string, capacityFps: number, gen: number, world: ScaleWorld) {
    this.#name = name;
    this.#capacityFps = capacityFps;
    this.#gen = gen;
    this.#world = world;
    this.#book = new PeerBook(name);
    this.#ownership = new SourceOwnership({ node: name, ownedMax: SOURCES_WATCHED_MAX, knownMax: KNOWN_MAX });
  }

  get owned(): readonly string[] {
    return this.#plan.owned;
  }

  /** Frames per second of what it watches. */
  get demandFps(): number {
    return this.owned.reduce((sum, source) => sum + this.#world.fpsOf(source), 0);
  }

  /** It has a connection; what is retained comes a moment later. */
  start(): void {
    const { nowMs, publish } = this.#world;
    this.#ownership.linkUp(nowMs());
    publish(this.#name, { kind: 'status', state: 'online', gen: this.#gen });
    this.#repeat(BEAT_MS, () => publish(this.#name, { kind: 'beat', gen: this.#gen }));
    this.#repeat(STEP_MS, () => this.#step());
    this.#repeat(RETELL_MS, () => this.#tell(this.#claims()));
    this.#step();
  }

  /** It is gone, without a word. */
  end(): void {
    this.#isOver = true;
  }

  announced(source: string): void {
    this.#ownership.announced(source);
  }

  hear(from: string, message: FleetMessage): void {
    const nowMs = this.#world.nowMs();
    if (message.kind === 'beat') {
      const wasSilent = this.#book.isSilent(from, nowMs);
      this.#book.applyBeat(from, message, nowMs);
      if (!wasSilent) return;
    } else if (message.kind === 'claims') this.#book.applyClaims(from, message.claims, nowMs);
    else this.#book.applyStatus(from, message, nowMs);
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    this.#world.after(this.#book.size < MANY_NODES ? 0 : MANY_EVERY_MS, () => {
      if (!this.#isOver) this.#step();
    });
  }

  #repeat(everyMs: number, run: () => void): void {
    this.#world.after(everyMs, () => {
      if (this.#isOver) return;
      run();
      this.#repeat(everyMs, run);
    });
  }

  #step(): void {
    const { nowMs, sending, onLooked, realMs } = this.#world;
    this.#isLookDue = false;
    for (const source of this.owned) this.#ownership.heardFrame(source, nowMs());
    if (this.#duty.isListening(this.#plan.isOnDuty, nowMs())) {
      for (const source of sending()) {
        this.#duty.heard();
        this.#ownership.heardFrame(source, nowMs());
      }
    }
    const startMs = realMs();
    this.#look();
    const claims = this.#claims();
    const isUrgent = !isDeepStrictEqual(urgentOf(claims), urgentOf(this.#told));
    onLooked(realMs() - startMs);
    if (isUrgent || this.#isWorthTelling(claims)) this.#tell(claims);
  }

  #look(): void {
    const { nowMs, onTake, onDrop } = this.#world;
    this.#ownership.setPeers(this.#watchers.of(this.#book.peers(nowMs()), { node: this.#name, claims: CLAIMS }).others);
    this.#ownership.setSelf({ state: 'active', spareFps: this.#told?.spareFps ?? 0, isDoubted: false });
    const before = this.#plan;
    this.#plan = this.#ownership.plan(nowMs());
    if (this.#plan === before) return;
    const { owned } = this.#plan;
    for (const source of owned) if (!before.owned.includes(source)) onTake(this.#name, source);
    for (const source of before.owned) if (!owned.includes(source)) onDrop(this.#name, source);
  }

  #claims(): Claims {
    const { noise, nowMs } = this.#world;
    const spareFps = Math.max(0, this.#capacityFps - this.demandFps * (1 + noise()));
    return {
      ...CLAIMS,
      ...{ capacityFps: this.#capacityFps, spareFps: Math.round(spareFps * 10) / 10 },
      sources: [...this.#plan.claims],
      heard: [...this.#ownership.heard(nowMs())],
    };
  }

  #isWorthTelling({ spareFps }: Claims): boolean {
    const told = this.#told?.spareFps ?? 0;
    const isFar = Math.abs(spareFps - told) > NUMBERS_CHANGE * Math.max(spareFps, told, 1);
    return isFar && this.#world.nowMs() - this.#toldMs >= NUMBERS_EVERY_MS;
  }

  #tell(claims: Claims): void {
    this.#told = claims;
    this.#toldMs = this.#world.nowMs();
    this.#world.publish(this.#name, { kind: 'claims', claims });
  }
}

function urgentOf(claims: Claims | undefined) {
  return claims === undefined ? undefined : { sources: claims.sources, heard: claims.heard };
}
