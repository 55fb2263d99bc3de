import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import type { Link } from '../base/link/link.js';
import type { RetainedDocuments } from '../base/link/retained-documents.js';
import type { Log } from '../base/log.js';
import { routes } from '../protocol/routes.js';
import type { EdgeConfig } from './config.js';
import type { LookReport, TickReport, VisionCommand } from './process/vision-message.js';
import { ClaimsBoard } from './sharing/claims-board.js';
import { LookCaller } from './sharing/look-caller.js';
import type { NodeModel } from './state/node-info.js';

export type NodeSharingOptions = {
  readonly config: DeepReadonly<EdgeConfig>;
  /** `site.name`. */
  readonly site: string;
  readonly link: Link;
  readonly documents: RetainedDocuments;
  /** Tells the vision process; false while there is none. */
  readonly tellVision: (command: VisionCommand) => boolean;
  readonly clock: Clock;
  readonly log: Log;
};

/** Work a node does for others and others for it. Off as a whole where its configuration shares nothing. */
export class NodeSharing {
  readonly #options: NodeSharingOptions;
  readonly #isOn: boolean;
  readonly #claims: ClaimsBoard;
  readonly #looks: LookCaller;

  constructor(options: NodeSharingOptions) {
    const { config, site, link, documents, clock, tellVision } = options;
    const { sources, offers, audits } = config.sharing;
    this.#options = options;
    this.#isOn = sources || offers || audits;
    this.#looks = new LookCaller({ clock, tellVision });
    this.#claims = new ClaimsBoard({
      ...{ node: config.node, site, beatMs: config.timing.beatMs, link, documents, clock },
      shares: { sources, offers, audits },
      onPeers: () => {},
    });
  }

  open(): void {
    const { config, documents } = this.#options;
    if (this.#isOn) this.#claims.open();
    // What an earlier configuration claimed holds no more.
    else documents.clear(routes.claims, { node: config.node });
  }

  /** The vision process is ready. */
  onModel({ id, sha256 }: NodeModel): void {
    if (this.#isOn) this.#claims.set({ model: { id, sha256 } });
  }

  onTick(_tick: TickReport): void {}

  onLooked(report: LookReport): void {
    this.#looks.onLooked(report);
  }

  onVisionLost(): void {
    this.#looks.onVisionLost();
    if (this.#isOn) this.#claims.set({ model: null });
  }

  /** What was dropped or refused since the start, by cause. */
  drops(): Record<string, number> {
    return this.#isOn ? this.#claims.counters() : {};
  }

  close(): void {
    if (!this.#isOn) return;
    this.#claims.set({ state: 'leaving', sources: [] });
    this.#claims.close();
  }
}
