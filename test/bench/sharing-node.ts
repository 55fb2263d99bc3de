import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RetainedDocuments } from '../../base/link/retained-documents.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { VisionHost } from '../../edge/process/vision-host.js';
import type { StartVision, TickReport, VisionReport } from '../../edge/process/vision-message.js';
import { ClaimsBoard } from '../../edge/sharing/claims-board.js';
import { LoadClaims } from '../../edge/sharing/load-claims.js';
import { LookCaller } from '../../edge/sharing/look-caller.js';
import { OFFER_LIMITS } from '../../edge/sharing/offers/offer-limits.js';
import { OfferWork } from '../../edge/sharing/offers/offer-work.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';

export type SharingNodeOptions = {
  readonly name: string;
  readonly url: string;
  readonly password: string;
  /** Camera configurations by id. */
  readonly cameras: Readonly<Record<string, unknown>>;
  /** Share of the time its detectors may work: how slow the board is. */
  readonly share: number;
  readonly isSharing: boolean;
  /** It has as many places as one that shares, for what a centre hands it. */
  readonly isWorker: boolean;
  readonly clock: Clock;
};

const MODEL = resolve('edge/models/vedette-sim.onnx');
const BEAT_MS = 1_000;
const LIMITS = { frameDeadlineMs: 30_000, startDeadlineMs: 120_000, memoryMaxMiB: 1_000 };

/** A node of the bench: the real vision process and the real sharing, without records. */
export class SharingNode {
  readonly name: string;
  readonly link: Link;
  readonly looks: LookCaller;
  /** From the capture of a frame to its track events, ms. */
  readonly latenciesMs: number[] = [];
  readonly #options: SharingNodeOptions;
  readonly #host: VisionHost;
  readonly #documents: RetainedDocuments;
  readonly #claims: ClaimsBoard;
  readonly #load: LoadClaims;
  readonly #offers: OfferWork | undefined;
  readonly #stop = new AbortController();
  readonly #ends: (() => void)[] = [];
  #running: Promise<void> = Promise.resolve();
  #isReady = false;
  #tick: TickReport | undefined;

  constructor(options: SharingNodeOptions) {
    const { name, url, password, share, isSharing, clock } = options;
    this.#options = options;
    this.name = name;
    const random = new Random(`bench ${name}`);
    const parts = { clock, random, log: silentLog };
    this.link = new Link({ ...parts, url, root: 'vedette', clientId: name, username: name, password });
    this.#documents = new RetainedDocuments(this.link, clock, silentLog);
    this.#host = new VisionHost({
      ...parts,
      limits: LIMITS,
      buildStart: () => this.#start(),
      onReport: (report) => this.#onReport(report),
      onLost: () => {
        this.#load.watch.reset();
        this.#offers?.onVisionLost();
      },
    });
    const tellVision: VisionHost['send'] = (command) => this.#host.send(command);
    this.looks = new LookCaller({ clock, tellVision });
    this.#claims = new ClaimsBoard({
      ...{ node: name, site: 'bench', beatMs: BEAT_MS, link: this.link, documents: this.#documents, clock },
      shares: { sources: false, offers: isSharing, audits: false },
      onPeers: () => this.#offers?.onPeers(),
    });
    this.#load = new LoadClaims({ claims: this.#claims, share: () => share, clock });
    const { offersMax } = OFFER_LIMITS;
    const work = { node: name, site: 'bench', otherSites: false, offersMax, load: this.#load.watch };
    this.#offers = isSharing
      ? new OfferWork({ ...parts, ...work, link: this.link, claims: this.#claims, looks: this.looks, tellVision })
      : undefined;
  }

  /** Resolves when it is at the broker and its model is loaded. */
  async open(): Promise<void> {
    const { clock, isSharing } = this.#options;
    const documents = this.#documents;
    const inv = randomUUID();
    const status = { v: SCHEMA_MINOR, gen: 1, sid: inv, inv, boot: inv, version: 'bench' };
    documents.set(routes.status, { node: this.name }, { ...status, state: 'online' });
    this.link.open();
    if (isSharing) this.#claims.open();
    this.#offers?.open();
    let seq = 0;
    this.#ends.push(
      clock.every(BEAT_MS, () => {
        const beat = { v: SCHEMA_MINOR, gen: 1, inv, seq: ++seq, upS: seq, loopLagMs: 0, cameras: {} };
        this.link.publish(routes.beat, { node: this.name }, beat).catch(() => {});
      }),
    );
    this.#running = this.#host.run(this.#stop.signal);
    const untilMs = clock.monoMs() + LIMITS.startDeadlineMs;
    while (!this.#isReady || !this.link.isUp) {
      if (clock.monoMs() > untilMs) throw new Error(`${this.name} did not start`);
      await clock.sleep(100);
    }
  }

  /** Frames looked at since its start, by camera. */
  looked(): ReadonlyMap<string, number> {
    const cameras = Object.entries(this.#tick?.cameras ?? {});
    return new Map(cameras.map(([camera, { counters }]) => [camera, counters.looked ?? 0]));
  }

  /** Frames its detector has looked at since its start, of its own cameras and of others'. */
  worked(): number {
    const cameras = Object.values(this.#tick?.cameras ?? {});
    const own = cameras.reduce((sum, { counters }) => sum + (counters.looked ?? 0) - (counters['looked-away'] ?? 0), 0);
    const { 'take-done': done = 0, 'take-lateDone': late = 0 } = this.counters();
    return own + done + late;
  }

  /** What its offers came to since its start. */
  counters(): Readonly<Record<string, number>> {
    return this.#offers?.counters() ?? {};
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    this.#offers?.close();
    this.#claims.close();
    this.#stop.abort();
    await this.#running;
    this.#documents.clear(routes.claims, { node: this.name });
    await this.#options.clock.sleep(50);
    this.#documents.close();
    await this.link.close();
  }

  #start(): StartVision {
    const { name, cameras, share, isSharing, isWorker } = this.#options;
    return {
      ...{ type: 'start', node: name, modelPath: MODEL, threads: 1, instances: 1, share },
      offers: isSharing || isWorker,
      tellsWork: isSharing,
      ...{ frameDeadlineMs: LIMITS.frameDeadlineMs, simCommand: [], tickMs: 250, logLevel: 'silent', adjustments: {} },
      ...{ audits: false, sources: [] },
      cameras: { ...cameras },
      firstTrackIds: {},
    };
  }

  #onReport(report: VisionReport): void {
    if (report.type === 'ready') {
      this.#isReady = true;
      this.#claims.set({ model: report.model });
      this.#offers?.onModel({ ...report.model, labels: report.labels });
    } else if (report.type === 'tick') {
      this.#tick = report;
      if (this.#offers !== undefined && this.#load.note(report)) this.#offers.onLoad();
      this.#offers?.onTick();
    } else if (report.type === 'offer') this.#offers?.onOffer(report);
    else if (report.type === 'looked') this.looks.onLooked(report);
    else if (report.type === 'track' && report.ev !== 'end') {
      this.latenciesMs.push(this.#options.clock.nowMs() - report.capturedAtMs);
    }
  }
}
