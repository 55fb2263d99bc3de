import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.js';
import type { Link } from '../../base/link/link.js';
import type { RetainedDocuments } from '../../base/link/retained-documents.js';
import { routes } from '../../protocol/routes.js';
import type { Claims } from '../../protocol/sharing.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import { type Peer, PeerBook } from './peer-book.js';

/** What this node says of itself, apart from what never changes. */
export type OwnClaims = Omit<Claims, 'v' | 'site' | 'beatMs' | 'shares'>;

export type ClaimsBoardOptions = {
  readonly node: string;
  readonly site: string;
  readonly shares: Claims['shares'];
  readonly beatMs: number;
  readonly link: Link;
  readonly documents: RetainedDocuments;
  readonly clock: Clock;
  /** Somebody's claims, or whether they hold, may have changed. Must not throw. */
  readonly onPeers: () => void;
};

/** Claims are told again this often although nothing changed: whoever missed them, or their end, would never know. */
const RETELL_MS = 30_000;
/** Capacity changes with every frame: it is told no more often than this. */
const NUMBERS_EVERY_MS = 2_000;
/** Relative change of a capacity that is worth telling. */
const NUMBERS_CHANGE = 0.1;

/**
 * Of so many nodes one says something all the time. What follows from it is then looked at no more often than this: each
 * look is at all of them, and would cost the square of their number.
 */
const MANY_NODES = 64;
const MANY_EVERY_MS = 200;

/** Shows what this node does for others, and hears the same of them. A node that shares nothing has none. */
export class ClaimsBoard {
  readonly #options: ClaimsBoardOptions;
  readonly #book: PeerBook;
  readonly #ends: (() => void)[] = [];
  #own: OwnClaims = {
    ...{ state: 'active', model: null, capacityFps: 0, spareFps: 0 },
    ...{ sources: [], heard: [], doubts: [] },
  };
  /** As those who measure it say. */
  #load: OwnClaims['state'] = 'active';
  #isLeaving = false;
  #told: OwnClaims | undefined;
  #toldMonoMs = Number.NEGATIVE_INFINITY;
  #cancelTell: (() => void) | undefined;
  #cancelSilence: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(options: ClaimsBoardOptions) {
    this.#options = options;
    this.#book = new PeerBook(options.node);
  }

  open(): void {
    const { link, clock } = this.#options;
    this.#ends.push(
      link.subscribe(
        routes.claims,
        {},
        ({ params, payload }) => this.#hear(() => this.#book.applyClaims(params.node, payload, clock.monoMs())),
        ({ params }) => this.#hear(() => this.#book.forget(params.node)),
      ),
      link.subscribe(
        routes.status,
        {},
        ({ params, payload }) => this.#hear(() => this.#book.applyStatus(params.node, payload, clock.monoMs())),
        ({ params }) => this.#hear(() => this.#book.forget(params.node)),
      ),
      link.subscribe(routes.beat, {}, ({ params, payload }) => {
        const wasSilent = this.#book.isSilent(params.node, clock.monoMs());
        this.#book.applyBeat(params.node, payload, clock.monoMs());
        if (wasSilent) this.#hear(() => {});
      }),
      link.onUp(() => this.#hear(() => this.#book.reconnected(clock.monoMs()))),
      clock.every(RETELL_MS, () => this.#tell()),
    );
    this.#tell();
  }

  /** The others that share, by name. */
  peers(): readonly Peer[] {
    return this.#book.peers(this.#options.clock.monoMs());
  }

  /** What another one claims, be it active or not. */
  claimsOf(node: string): Claims | undefined {
    return this.#book.claimsOf(node);
  }

  /** The own claims as the others know them; undefined before they are told. */
  get told(): OwnClaims | undefined {
    return this.#told;
  }

  get own(): OwnClaims {
    return this.#own;
  }

  /** Replaces parts of the own claims. Sources, state, model and doubts are told at once, numbers now and then. */
  set(part: Partial<OwnClaims>): void {
    this.#load = part.state ?? this.#load;
    this.#own = { ...this.#own, ...part, state: this.#isLeaving ? 'leaving' : this.#load };
    if (isToldAtOnce(this.#told, this.#own)) {
      this.#tell();
      return;
    }
    if (this.#cancelTell !== undefined || !isWorthTelling(this.#told, this.#own)) return;
    const waitMs = Math.max(0, this.#toldMonoMs + NUMBERS_EVERY_MS - this.#options.clock.monoMs());
    this.#cancelTell = this.#options.clock.after(waitMs, () => this.#tell());
  }

  /** Sent away by an operator, whatever its load; or that is over. */
  setLeaving(isLeaving: boolean): void {
    this.#isLeaving = isLeaving;
    this.set({});
  }

  counters(): Record<string, number> {
    return { 'sharing-peers-refused': this.#book.refused };
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#cancelTell?.();
    this.#cancelSilence?.();
    this.#cancelLook?.();
  }

  #tell(): void {
    const { node, site, shares, beatMs, documents, clock } = this.#options;
    this.#cancelTell?.();
    this.#cancelTell = undefined;
    this.#told = this.#own;
    this.#toldMonoMs = clock.monoMs();
    documents.set(routes.claims, { node }, { v: SCHEMA_MINOR, site, shares, beatMs, ...rounded(this.#own) });
  }

  #hear(apply: () => void): void {
    apply();
    if (this.#book.size < MANY_NODES) this.#look();
    else this.#cancelLook ??= this.#options.clock.after(MANY_EVERY_MS, () => this.#look());
  }

  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    this.#watchSilence();
    this.#options.onPeers();
  }

  // Silence makes no sound: whoever stops beating is noticed when its lease is over.
  #watchSilence(): void {
    const { clock } = this.#options;
    this.#cancelSilence?.();
    this.#cancelSilence = undefined;
    const atMonoMs = this.#book.nextSilenceMonoMs(clock.monoMs());
    if (!Number.isFinite(atMonoMs)) return;
    this.#cancelSilence = clock.after(Math.max(1, atMonoMs - clock.monoMs()), () => this.#hear(() => {}));
  }
}

function isToldAtOnce(told: OwnClaims | undefined, own: OwnClaims): boolean {
  if (told === undefined) return true;
  const urgent = ({ state, model, sources, heard, doubts }: OwnClaims) => ({ state, model, sources, heard, doubts });
  return !isDeepStrictEqual(urgent(told), urgent(own));
}

function isWorthTelling(told: OwnClaims | undefined, own: OwnClaims): boolean {
  if (told === undefined || !isDeepStrictEqual(told.audits, own.audits)) return true;
  const isFar = (a: number, b: number) => Math.abs(a - b) > NUMBERS_CHANGE * Math.max(a, b, 1);
  return isFar(told.capacityFps, own.capacityFps) || isFar(told.spareFps, own.spareFps);
}

function rounded(own: OwnClaims): OwnClaims {
  const round = (fps: number) => Math.round(fps * 10) / 10;
  return { ...own, capacityFps: round(own.capacityFps), spareFps: round(own.spareFps) };
}
