import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import type { Link } from '../base/link/link.js';
import type { RetainedDocuments } from '../base/link/retained-documents.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import { routes } from '../protocol/routes.js';
import type { EdgeConfig } from './config.js';
import type { LookReport, OfferReport, TickReport, VisionCommand } from './process/vision-message.js';
import { ClaimsBoard } from './sharing/claims-board.js';
import { LookCaller } from './sharing/look-caller.js';
import { OfferWork } from './sharing/offers/offer-work.js';
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
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Work a node does for others and others for it. Off as a whole where its configuration shares nothing. */
export class NodeSharing {
  readonly #options: NodeSharingOptions;
  readonly #isOn: boolean;
  readonly #claims: ClaimsBoard;
  readonly #looks: LookCaller;
  readonly #offers: OfferWork | undefined;

  constructor(options: NodeSharingOptions) {
    const { config, site, link, documents, share, clock, random, log, tellVision } = options;
    const { sources, offers, audits } = config.sharing;
    this.#options = options;
    this.#isOn = sources || offers || audits;
    this.#looks = new LookCaller({ clock, tellVision });
    this.#claims = new ClaimsBoard({
      ...{ node: config.node, site, beatMs: config.timing.beatMs, link, documents, clock },
      shares: { sources, offers, audits },
      onPeers: () => this.#offers?.onPeers(),
    });
    const { node } = config;
    const { otherSites, offersMax } = config.sharing;
    const parts = { node, site, otherSites, offersMax, link, tellVision, share, clock, random, log };
    this.#offers = offers ? new OfferWork({ ...parts, claims: this.#claims, looks: this.#looks }) : undefined;
  }

  open(): void {
    const { config, documents } = this.#options;
    if (this.#isOn) this.#claims.open();
    // What an earlier configuration claimed holds no more.
    else documents.clear(routes.claims, { node: config.node });
    this.#offers?.open();
  }

  /** The vision process is ready. */
  onModel(model: NodeModel): void {
    const { id, sha256 } = model;
    if (this.#isOn) this.#claims.set({ model: { id, sha256 } });
    this.#offers?.onModel(model);
  }

  onTick(tick: TickReport): void {
    this.#offers?.onTick(tick);
  }

  onOffer(report: OfferReport): void {
    this.#offers?.onOffer(report);
  }

  onLooked(report: LookReport): void {
    this.#looks.onLooked(report);
  }

  onVisionLost(): void {
    this.#looks.onVisionLost();
    this.#offers?.onVisionLost();
    if (this.#isOn) this.#claims.set({ model: null });
  }

  /** What was dropped or refused since the start, by cause. */
  drops(): Record<string, number> {
    return this.#isOn ? { ...this.#claims.counters(), ...this.#offers?.counters() } : {};
  }

  close(): void {
    if (!this.#isOn) return;
    this.#offers?.close();
    this.#claims.set({ state: 'leaving', sources: [] });
    this.#claims.close();
  }
}
