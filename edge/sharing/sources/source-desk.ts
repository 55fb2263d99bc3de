import { createHash } from 'node:crypto';
import type { Clock } from '../../../base/clock.js';
import type { DeepReadonly } from '../../../base/config.js';
import { Counters } from '../../../base/counters.js';
import type { Link } from '../../../base/link/link.js';
import type { RetainedDocuments } from '../../../base/link/retained-documents.js';
import type { Log } from '../../../base/log.js';
import { RateLimitedLog } from '../../../base/rate-limited-log.js';
import { routes } from '../../../protocol/routes.js';
import type { SourceInfo } from '../../../protocol/sharing.js';
import { pictureFormatOf } from '../../capture/picture-format.js';
import type { PushedPicture } from '../../capture/pushed/pushed-source.js';
import type { VisionCommand, WatchSource } from '../../process/vision-message.js';
import { CameraBoard } from '../../state/camera-board.js';
import type { ClaimsBoard } from '../claims-board.js';
import { type SharingConfig, settingsOf } from '../config.js';
import { DiscoveryDuty } from './discovery-duty.js';
import { FrameGate } from './frame-gate.js';
import { KNOWN_MAX } from './source-limits.js';
import { SourceOwnership, type WatchPlan } from './source-ownership.js';
import { Watchers } from './watchers.js';

export type SourceDeskOptions = {
  readonly node: string;
  readonly config: DeepReadonly<SharingConfig>;
  /** Names of the own cameras. */
  readonly cameras: readonly string[];
  readonly link: Link;
  readonly claims: ClaimsBoard;
  readonly documents: RetainedDocuments;
  /** Tells the vision process; false while there is none. */
  readonly tellVision: (command: VisionCommand) => boolean;
  /** First track number of a source that is free in this epoch. */
  readonly firstTrackId: (source: string) => number;
  readonly clock: Clock;
  readonly log: Log;
};

type Watched = {
  readonly gate: FrameGate<PushedPicture>;
  readonly board: CameraBoard;
  readonly endHearing: () => void;
  cancelPump: (() => void) | undefined;
  /** Digest of the last frame, and when it came: a broker may deliver one twice. */
  last: { readonly digest: string; readonly atMonoMs: number } | undefined;
};

/** How often the plan is looked at where nothing happens: whoever waits for his turn waits in seconds. */
const STEP_MS = 500;
/** Sources named in a line of the log. */
const NAMED_MAX = 16;
/** The same picture again within this is the same message. */
const REPEAT_MS = 50;

const COUNTERS = [
  ...['source-frames', 'source-given', 'source-replaced', 'source-discarded'],
  ...['source-not-jpeg', 'source-retained', 'source-repeated', 'source-content-type', 'source-name-taken'],
  'source-unseen',
] as const;

/** Hears sources, decides with the others which of them this node watches, and gives their frames to the vision process. */
export class SourceDesk {
  readonly #options: SourceDeskOptions;
  readonly #ownership: SourceOwnership;
  readonly #watchers = new Watchers();
  readonly #duty = new DiscoveryDuty();
  readonly #watched = new Map<string, Watched>();
  readonly #counters = new Counters<string>(COUNTERS);
  readonly #faults: RateLimitedLog;
  readonly #ends: (() => void)[] = [];
  #endListening: (() => void) | undefined;
  #left: readonly string[] = [];

  constructor(options: SourceDeskOptions) {
    const { node, config, cameras, clock, log } = options;
    this.#options = options;
    this.#faults = new RateLimitedLog(log, clock);
    this.#ownership = new SourceOwnership({
      ...{ node, ownedMax: config.sourcesMax, knownMax: KNOWN_MAX, except: cameras },
    });
  }

  open(): void {
    const { link, clock } = this.#options;
    this.#ends.push(
      link.subscribe(
        routes.sourceInfo,
        {},
        ({ params, payload }) => this.#onInfo(params.source, payload),
        ({ params }) => this.#ownership.withdrawn(params.source),
      ),
      link.onUp(() => {
        this.#ownership.linkUp(clock.monoMs());
        this.step();
      }),
      link.onDown(() => {
        this.#ownership.linkDown();
        this.step();
      }),
      clock.every(STEP_MS, () => this.step()),
    );
  }

  /** Looks again at what to watch: others, or this node itself, changed. */
  step(): void {
    const { node, config, claims, clock } = this.#options;
    const nowMonoMs = clock.monoMs();
    const { state, model } = claims.own;
    const self = { node, claims: { ...claims.own, shares: { audits: config.audits } } };
    const { others, isDoubted } = this.#watchers.of(claims.peers(), self);
    this.#ownership.setPeers(others);
    const spareFps = claims.told?.spareFps ?? 0;
    this.#ownership.setSelf({ state: model === null ? 'leaving' : state, spareFps, isDoubted });
    const plan = this.#ownership.plan(nowMonoMs);
    this.#apply(plan, nowMonoMs);
    claims.set({ sources: [...plan.claims], heard: [...this.#ownership.heard(nowMonoMs)] });
  }

  /** Sources that are watched now, for a vision process that starts. */
  watched(): Omit<WatchSource, 'type'>[] {
    return [...this.#watched.keys()].map((source) => this.#watchOf(source));
  }

  /** The topics of a source this node watches. */
  boardOf(source: string): CameraBoard | undefined {
    return this.#watched.get(source)?.board;
  }

  /** The vision process took the last frame of a source. */
  onTaken(source: string): void {
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    watched.gate.taken();
    this.#pump(source, watched);
  }

  onVisionLost(cause: string): void {
    const { clock } = this.#options;
    for (const { gate, board } of this.#watched.values()) {
      gate.discard();
      board.clear('detector', `the vision process ended (${cause})`, clock.nowMs(), clock.monoMs());
    }
    this.step();
  }

  /** Since the start; what was given on is no loss. */
  counters(): Record<string, number> {
    const sums = { ...this.#counters.snapshot(), ...this.#ownership.counters(), 'sources-left': this.#left.length };
    for (const { gate } of this.#watched.values()) addAll(sums, gate.counters());
    return sums;
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#endListening?.();
    for (const source of [...this.#watched.keys()]) this.#unwatch(source);
  }

  #apply({ owned, isOnDuty, left }: WatchPlan, nowMonoMs: number): void {
    const { link, log } = this.#options;
    const wanted = new Set(owned);
    for (const source of [...this.#watched.keys()]) if (!wanted.has(source)) this.#unwatch(source);
    for (const source of owned) if (!this.#watched.has(source)) this.#watch(source);
    this.#listen(this.#duty.isListening(isOnDuty && link.isUp, nowMonoMs));
    if (left.length > this.#left.length) {
      const sources = left.slice(0, NAMED_MAX);
      log.warn('sources left to others', { count: left.length, sources, hint: 'raise edge.sharing.sourcesMax' });
    }
    this.#left = left;
  }

  #watch(source: string): void {
    const { node, documents, link, tellVision, clock, log } = this.#options;
    const watched: Watched = {
      ...{ gate: new FrameGate(), board: new CameraBoard(documents, node, source) },
      endHearing: link.subscribe(routes.sourceFrame, { source }, ({ payload, retained }) =>
        this.#onFrame(source, payload, retained),
      ),
      ...{ cancelPump: undefined, last: undefined },
    };
    this.#watched.set(source, watched);
    watched.board.clear('starting', 'no frame yet', clock.nowMs(), clock.monoMs());
    tellVision({ type: 'watch', ...this.#watchOf(source) });
    log.info('source watched', { source });
  }

  #unwatch(source: string): void {
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    this.#watched.delete(source);
    watched.endHearing();
    watched.cancelPump?.();
    watched.gate.discard();
    for (const [name, count] of Object.entries(watched.gate.counters())) this.#counters.add(name, count);
    this.#options.tellVision({ type: 'unwatch', source });
    watched.board.withdraw();
    this.#options.log.info('source no longer watched', { source });
  }

  #watchOf(source: string): Omit<WatchSource, 'type'> {
    const { config, firstTrackId } = this.#options;
    return { source, settings: settingsOf(config, source), firstTrackId: firstTrackId(source) };
  }

  #listen(isListening: boolean): void {
    if (!isListening) {
      this.#endListening?.();
      this.#endListening = undefined;
      return;
    }
    this.#endListening ??= this.#options.link.subscribe(routes.sourceFrame, {}, ({ params, retained }) => {
      this.#duty.heard();
      if (!retained) this.#hear(params.source);
    });
  }

  #onInfo(source: string, { contentType }: SourceInfo): void {
    if (this.#isNameTaken(source)) return;
    if (contentType !== undefined && contentType !== 'image/jpeg') {
      this.#counters.add('source-content-type');
      this.#faults.warn('source announces what is not looked at', { source, contentType, hint: 'send image/jpeg' });
    }
    // Taken up at the next look: a device that says it all the time costs no more than one that says it once.
    this.#ownership.announced(source);
  }

  #hear(source: string): void {
    if (!this.#isNameTaken(source)) this.#ownership.heardFrame(source, this.#options.clock.monoMs());
  }

  #isNameTaken(source: string): boolean {
    if (!this.#options.cameras.includes(source)) return false;
    this.#counters.add('source-name-taken');
    this.#faults.warn('source is called as a camera of this node', { source, hint: 'give it a name of its own' });
    return true;
  }

  #onFrame(source: string, jpeg: Uint8Array, retained: boolean): void {
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    if (!retained) this.#hear(source);
    // What was retained is of any age; a frame is of now.
    if (retained || pictureFormatOf(jpeg) !== 'jpeg') {
      this.#refuse(source, retained ? 'source-retained' : 'source-not-jpeg', jpeg);
      return;
    }
    const { clock } = this.#options;
    const digest = createHash('sha256').update(jpeg).digest('hex').slice(0, 16);
    const { last } = watched;
    const atMonoMs = clock.monoMs();
    watched.last = { digest, atMonoMs };
    if (last?.digest === digest && atMonoMs - last.atMonoMs < REPEAT_MS) {
      this.#counters.add('source-repeated');
      return;
    }
    watched.gate.offer({ jpeg: new Uint8Array(jpeg), digest, capturedAtMs: clock.nowMs() });
    this.#pump(source, watched);
  }

  #refuse(source: string, why: string, payload: Uint8Array): void {
    this.#counters.add(why);
    this.#faults.warn('frame not taken', { source, why, bytes: payload.byteLength });
  }

  #pump(source: string, watched: Watched): void {
    const { clock, tellVision } = this.#options;
    const { gate } = watched;
    const nowMonoMs = clock.monoMs();
    watched.cancelPump?.();
    watched.cancelPump = undefined;
    const frame = gate.next(nowMonoMs);
    if (frame !== undefined && !tellVision({ type: 'frame', source, ...frame })) {
      this.#counters.add('source-unseen');
      gate.taken();
    }
    const dueMs = gate.dueMs(nowMonoMs);
    if (Number.isFinite(dueMs)) watched.cancelPump = clock.after(dueMs - nowMonoMs, () => this.#pump(source, watched));
  }
}

function addAll(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}
