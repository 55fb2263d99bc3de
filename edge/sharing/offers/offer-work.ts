import type { Clock } from '../../../base/clock.js';
import { Counters } from '../../../base/counters.js';
import type { Link } from '../../../base/link/link.js';
import type { Log } from '../../../base/log.js';
import type { Random } from '../../../base/random.js';
import { RateLimitedLog } from '../../../base/rate-limited-log.js';
import { routes } from '../../../protocol/routes.js';
import type { SharedBox } from '../../../protocol/shared-box.js';
import type { Boxes } from '../../../protocol/sharing.js';
import { SCHEMA_MINOR } from '../../../protocol/status.js';
import type { OfferReport, VisionCommand } from '../../process/vision-message.js';
import type { NodeModel } from '../../state/node-info.js';
import type { ClaimsBoard } from '../claims-board.js';
import type { LookCaller } from '../look-caller.js';
import type { Peer } from '../peer-book.js';
import { readBoxes } from './answer-boxes.js';
import type { LoadWatch } from './load-watch.js';
import { OfferDesk } from './offer-desk.js';
import { OFFER_LIMITS } from './offer-limits.js';
import { type Offer, Offering } from './offering.js';
import type { OfferPeer } from './peer-choice.js';
import { TakingDesk } from './taking-desk.js';

export type OfferWorkOptions = {
  readonly node: string;
  readonly site: string;
  readonly otherSites: boolean;
  readonly offersMax: number;
  readonly link: Link;
  readonly claims: ClaimsBoard;
  readonly looks: LookCaller;
  /** What this node has to do, and could do. */
  readonly load: LoadWatch;
  /** Tells the vision process; false while there is none. */
  readonly tellVision: (command: VisionCommand) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Gives looks this node has no time for to others, and takes theirs; the pure parts beside it decide. */
export class OfferWork {
  readonly #options: OfferWorkOptions;
  readonly #load: LoadWatch;
  readonly #offering: Offering;
  readonly #desk: OfferDesk<OfferReport, readonly SharedBox[]>;
  readonly #taking: TakingDesk;
  readonly #counters = new Counters(['offer-unsent', 'offer-unreadable']);
  readonly #faults: RateLimitedLog;
  readonly #ends: (() => void)[] = [];
  /** By the id of the offer: what its boxes must be of. */
  readonly #asked = new Map<string, OfferReport>();
  #model: NodeModel | undefined;
  #labels: ReadonlySet<string> = new Set();
  #peers: readonly OfferPeer[] = [];
  #placesTold = 0;

  constructor(options: OfferWorkOptions) {
    const { offersMax, load, random, clock, log } = options;
    this.#options = options;
    this.#load = load;
    this.#faults = new RateLimitedLog(log, clock);
    const limits = { ...OFFER_LIMITS, offersMax };
    this.#offering = new Offering(limits, random.fork('offers'));
    this.#desk = new OfferDesk({
      ...{ offering: this.#offering, clock },
      peers: () => this.#peers,
      send: (offer, report) => this.#send(offer, report),
      settle: (report, boxes) => this.#settle(report, boxes),
    });
    this.#taking = new TakingDesk({
      ...{ limits, clock, looks: options.looks },
      answer: (to, boxes) => this.#answer(to, boxes),
    });
  }

  open(): void {
    const { link, node } = this.#options;
    this.#ends.push(
      link.subscribe(routes.offer, { recipient: node }, ({ params, payload }) =>
        this.#taking.onOffer(params.sender, payload, this.#whyNot(params.sender, payload.model)),
      ),
      link.subscribe(routes.boxes, { recipient: node }, ({ params, payload }) => this.#onBoxes(params.sender, payload)),
    );
  }

  onModel(model: NodeModel): void {
    this.#model = model;
    this.#labels = new Set(model.labels);
  }

  /** Claims of others have changed. */
  onPeers(): void {
    this.#peers = this.#options.claims.peers().flatMap((peer) => this.#offerPeer(peer) ?? []);
    this.#tellPlaces();
  }

  /** The load was measured. */
  onLoad(): void {
    const { isOverloaded, homeMs, spare } = this.#load;
    this.#offering.setHome(homeMs);
    this.#taking.setSpare(isOverloaded ? 0 : spare.spareFps);
  }

  /** Time passed. */
  onTick(): void {
    this.#tellPlaces();
  }

  /** The vision process wants a region looked at by somebody else. */
  onOffer(report: OfferReport): void {
    this.#desk.begin(report);
    this.#tellPlaces();
  }

  onVisionLost(): void {
    this.#desk.dropAll();
    this.#asked.clear();
    this.#placesTold = 0;
    this.#taking.setSpare(0);
  }

  /** What was given, taken and not, since the start. */
  counters(): Record<string, number> {
    return { ...this.#offering.counters, ...this.#taking.counters, ...this.#counters.snapshot() };
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#desk.dropAll();
  }

  #offerPeer({ node, claims, isActive }: Peer): OfferPeer | undefined {
    const { site, otherSites, claims: board } = this.#options;
    const { state, shares, model, spareFps } = claims;
    if (!isActive || state !== 'active' || !shares.offers || spareFps <= 0) return undefined;
    if (model === null || model.sha256 !== this.#model?.sha256) return undefined;
    if (claims.site !== site && !otherSites) return undefined;
    if (board.own.doubts.some((doubt) => doubt.node === node)) return undefined;
    return { node, spareFps };
  }

  // Only nodes of the site are worked for, by what they say of themselves; a doubted one may ask, it is not believed.
  #whyNot(sender: string, model: string): 'closed' | 'model' | undefined {
    const { site, otherSites, claims } = this.#options;
    const asker = claims.claimsOf(sender);
    if (asker?.shares.offers !== true || claims.own.state === 'leaving') return 'closed';
    if (asker.site !== site && !otherSites) return 'closed';
    return model === this.#model?.sha256 ? undefined : 'model';
  }

  #send({ id, node, deadlineMs }: Offer, report: OfferReport): void {
    const { link, node: me } = this.#options;
    const { jpeg: picture, scoreMin, widthPx, heightPx } = report;
    const model = this.#model?.sha256 ?? '';
    this.#asked.set(id, report);
    const offer = { v: SCHEMA_MINOR, id, model, deadlineMs, scoreMin, widthPx, heightPx, picture };
    link.publish(routes.offer, { recipient: node, sender: me }, offer).catch((error: Error) => {
      this.#counters.add('offer-unsent');
      this.#faults.warn('offer not sent', { node, error: error.message });
      this.#desk.lost(id);
    });
  }

  #settle({ request }: OfferReport, boxes: readonly SharedBox[] | undefined): void {
    const { tellVision } = this.#options;
    tellVision({ type: 'offered', request, ...(boxes === undefined ? {} : { boxes: [...boxes] }) });
    for (const [id, report] of this.#asked) if (report.request === request) this.#asked.delete(id);
    this.#tellPlaces();
  }

  #onBoxes(from: string, { id, ok, boxes }: Boxes): void {
    const asked = this.#asked.get(id);
    if (!ok || asked === undefined) {
      this.#desk.answer(from, id, 'busy');
      return;
    }
    const { widthPx, heightPx } = asked;
    const read = readBoxes(boxes ?? [], { widthPx, heightPx, labels: this.#labels });
    if (read !== undefined) {
      this.#desk.answer(from, id, 'done', read);
      return;
    }
    if (this.#desk.answer(from, id, 'bad') !== 'bad') return;
    this.#counters.add('offer-unreadable');
    this.#faults.warn('a peer answered boxes that cannot be of the picture it was sent', { node: from });
  }

  #answer(to: string, boxes: Omit<Boxes, 'v'>): void {
    const { link, node } = this.#options;
    link.publish(routes.boxes, { recipient: to, sender: node }, { v: SCHEMA_MINOR, ...boxes }).catch((error: Error) => {
      this.#counters.add('offer-unsent');
      this.#faults.warn('boxes not sent', { node: to, error: error.message });
    });
  }

  #tellPlaces(): void {
    const { clock, tellVision, link } = this.#options;
    const isGiving = this.#load.isOverloaded && link.isUp;
    const places = isGiving ? Math.min(this.#load.awayMax, this.#offering.places(this.#peers, clock.monoMs())) : 0;
    if (places === this.#placesTold) return;
    if (tellVision({ type: 'away', places })) this.#placesTold = places;
  }
}
