import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import type { Link } from '../base/link/link.js';
import type { RetainedDocuments } from '../base/link/retained-documents.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import type { LogRecord } from '../protocol/record.js';
import type { EdgeConfig } from './config.js';
import type {
  CandidateReport,
  LookReport,
  OfferReport,
  TickReport,
  VisionCommand,
  WatchSource,
} from './process/vision-message.js';
import type { LogReader } from './query/log-reader.js';
import { AuditDesk } from './sharing/audits/audit-desk.js';
import type { AuditRecordFields } from './sharing/audits/audit-effects.js';
import { ClaimsBoard } from './sharing/claims-board.js';
import { LoadClaims } from './sharing/load-claims.js';
import { LookCaller } from './sharing/look-caller.js';
import { MaintenanceEar } from './sharing/maintenance-ear.js';
import { OfferWork } from './sharing/offers/offer-work.js';
import { SourceDesk } from './sharing/sources/source-desk.js';
import type { CameraBoard } from './state/camera-board.js';
import type { NodeModel } from './state/node-info.js';

export type NodeSharingOptions = {
  readonly config: DeepReadonly<EdgeConfig>;
  /** `site.name`. */
  readonly site: string;
  readonly link: Link;
  readonly documents: RetainedDocuments;
  /** Tells the vision process; false while there is none. */
  readonly tellVision: (command: VisionCommand) => boolean;
  /** Share of the time the detectors may work, 0..1. */
  readonly share: () => number;
  /** Adds a record to the own log. */
  readonly append: (fields: AuditRecordFields) => Promise<LogRecord>;
  /** All logs held here; undefined until they are open. */
  readonly logs: () => LogReader | undefined;
  /** First track number of a source that is free in this epoch. */
  readonly firstTrackId: (source: string) => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Work a node does for others and others for it. */
export class NodeSharing {
  readonly #options: NodeSharingOptions;
  readonly #claims: ClaimsBoard;
  readonly #looks: LookCaller;
  /** Absent where what it has unused is nothing to others. */
  readonly #load: LoadClaims | undefined;
  readonly #offers: OfferWork | undefined;
  readonly #audits: AuditDesk | undefined;
  readonly #maintenance: MaintenanceEar;
  readonly #sources: SourceDesk | undefined;

  constructor(options: NodeSharingOptions) {
    const { config, site, link, documents, share, clock, random, log, tellVision, firstTrackId } = options;
    const { sources, offers, audits } = config.sharing;
    this.#options = options;
    this.#looks = new LookCaller({ clock, tellVision });
    this.#claims = new ClaimsBoard({
      ...{ node: config.node, site, beatMs: config.timing.beatMs, link, documents, clock },
      shares: { sources, offers, audits },
      onPeers: () => {
        this.#offers?.onPeers();
        this.#audits?.onPeers();
        this.#sources?.step();
      },
    });
    const { node } = config;
    const { otherSites, offersMax } = config.sharing;
    const load = new LoadClaims({ claims: this.#claims, share, clock });
    this.#load = sources || offers ? load : undefined;
    const parts = { node, site, otherSites, offersMax, link, tellVision, load: load.watch, clock, random, log };
    this.#offers = offers ? new OfferWork({ ...parts, claims: this.#claims, looks: this.#looks }) : undefined;
    this.#audits = audits ? this.#makeAudits() : undefined;
    this.#maintenance = new MaintenanceEar({
      ...{ node, link, clock },
      onChange: (isHeld) => {
        this.#claims.setLeaving(isHeld);
        this.#sources?.step();
      },
    });
    if (sources) {
      this.#sources = new SourceDesk({
        ...{ node, config: config.sharing, cameras: Object.keys(config.cameras) },
        ...{ link, claims: this.#claims, documents, tellVision, firstTrackId, clock, log },
      });
    }
  }

  open(): void {
    this.#claims.open();
    this.#offers?.open();
    this.#audits?.open();
    this.#maintenance.open();
    this.#sources?.open();
  }

  /** The vision process is ready. */
  onModel(model: NodeModel): void {
    const { id, sha256 } = model;
    this.#claims.set({ model: { id, sha256 } });
    this.#offers?.onModel(model);
    this.#audits?.onModel(sha256);
    this.#sources?.step();
  }

  /** Sources this node watches, for a vision process that starts. */
  watched(): Omit<WatchSource, 'type'>[] {
    return this.#sources?.watched() ?? [];
  }

  /** The topics of a source this node watches. */
  boardOf(source: string): CameraBoard | undefined {
    return this.#sources?.boardOf(source);
  }

  onTaken(source: string): void {
    this.#sources?.onTaken(source);
  }

  onTick(tick: TickReport): void {
    if (this.#load?.note(tick) === true) this.#offers?.onLoad();
    this.#offers?.onTick();
  }

  onOffer(report: OfferReport): void {
    this.#offers?.onOffer(report);
  }

  onLooked(report: LookReport): void {
    this.#looks.onLooked(report);
  }

  onVisionLost(cause: string): void {
    this.#looks.onVisionLost();
    this.#load?.watch.reset();
    this.#offers?.onVisionLost();
    this.#claims.set({ model: null });
    this.#audits?.onVisionLost();
    this.#sources?.onVisionLost(cause);
  }

  /** The picture of records that come next. */
  onCandidate(report: CandidateReport): void {
    this.#audits?.onCandidate(report);
  }

  /** A record of a camera or source is in the log. */
  onRecorded(camera: string, record: LogRecord, epoch: string): void {
    this.#audits?.onRecorded(camera, record, epoch);
  }

  /** What was dropped or refused since the start, by cause. */
  drops(): Record<string, number> {
    const work = { ...this.#offers?.counters(), ...this.#audits?.drops(), ...this.#sources?.counters() };
    return { ...this.#claims.counters(), ...work };
  }

  close(): void {
    this.#offers?.close();
    this.#maintenance.close();
    this.#sources?.close();
    this.#claims.set({ state: 'leaving', sources: [] });
    this.#audits?.close();
    this.#claims.close();
  }

  #makeAudits(): AuditDesk {
    const { config, site, link, append, logs, clock, log } = this.#options;
    return new AuditDesk({
      ...{ node: config.node, site, otherSites: config.sharing.otherSites, link, looks: this.#looks },
      ...{ append, logs, clock, log },
      peers: () => this.#claims.peers(),
      onClaims: (claims) => this.#claims.set(claims),
    });
  }
}
