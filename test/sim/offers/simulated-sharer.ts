import type { Clock } from '../../../base/clock.js';
import type { Random } from '../../../base/random.js';
import { awayRoom } from '../../../edge/sharing/offers/away-room.js';
import { OfferDesk } from '../../../edge/sharing/offers/offer-desk.js';
import type { OfferLimits } from '../../../edge/sharing/offers/offer-limits.js';
import { type Offer, Offering } from '../../../edge/sharing/offers/offering.js';
import { judgeOverload, NOT_OVERLOADED, type OverloadBounds } from '../../../edge/sharing/offers/overload-judge.js';
import type { OfferPeer } from '../../../edge/sharing/offers/peer-choice.js';
import { SpareMeter } from '../../../edge/sharing/offers/spare-meter.js';
import { type AskedLook, Taking } from '../../../edge/sharing/offers/taking.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { NodePlan } from './offer-plan.js';
import { SimulatedWork } from './simulated-work.js';

/** Rules of the product and of the model that a run leaves out, to show what they hold up. */
export type SharerRules = {
  readonly limits: OfferLimits;
  readonly bounds: OverloadBounds;
  /** Looks for others wait for own cameras. */
  readonly isOwnFirst: boolean;
  /** A peer takes no more than it said it has unused. */
  readonly isBudgeted: boolean;
  /** Only so many cameras are away that the others keep all own places at work. */
  readonly isHomeKept: boolean;
  /** A frame that is this old is not looked at any more, ms. */
  readonly frameAgeMaxMs: number;
};

/** What one node of a history came to. */
export type SharerCounts = {
  taken: number;
  lookedHere: number;
  lookedElsewhere: number;
  dropped: number;
  lost: number;
  replaced: number;
  received: number;
  answered: number;
  skipped: number;
  flips: number;
  /** Looks taken that a crash ended. */
  unheard: number;
};

/** What a taker without a budget says it has. */
const UNBOUNDED_FPS = 10_000;

type Camera = {
  readonly id: number;
  takenAtMs: number;
  waitingSinceMs: number | undefined;
  isTaken: boolean;
  lastEndedMs: number;
};
/** A frame offered to others; `prepareMs` of own work went into it. */
type Look = { readonly camera: Camera; readonly capturedMs: number; beganMs: number };

export type SharerWorld = {
  readonly queue: EventQueue;
  readonly clock: Clock;
  readonly isRunning: (node: string) => boolean;
  readonly peersOf: (node: string) => readonly OfferPeer[];
  readonly sendOffer: (from: string, offer: Offer) => void;
  readonly sendAnswer: (from: string, look: AskedLook, ok: boolean) => void;
  readonly onLatency: (ms: number) => void;
};

/** The cameras and the detector of one node, and the real decisions of giving and taking. One life, from start to crash. */
export class SimulatedSharer {
  readonly plan: NodePlan;
  readonly counts: SharerCounts;
  readonly taking: Taking;
  readonly offering: Offering;
  readonly meter = new SpareMeter();
  readonly #rules: SharerRules;
  readonly #world: SharerWorld;
  readonly #desk: OfferDesk<Look, true>;
  readonly #work: SimulatedWork;
  readonly #cameras: Camera[];
  /** Looks nobody did, waiting for a place here. */
  readonly #helpless: Look[] = [];
  readonly #askedLooks: AskedLook[] = [];
  readonly #askedMs = new WeakMap<AskedLook, number>();
  /** What it said it has unused, in looks, since its start; and the looks it accepted. */
  readonly budget = { promised: 0, accepted: 0 };
  #away = 0;
  #judged = NOT_OVERLOADED;
  #sample = { looked: 0, waited: 0, offered: 0 };
  #promisedFps = 0;
  #isOver = false;

  constructor(plan: NodePlan, rules: SharerRules, world: SharerWorld, counts: SharerCounts, random: Random) {
    this.plan = plan;
    this.counts = counts;
    this.#rules = rules;
    this.#world = world;
    this.taking = new Taking(rules.limits);
    this.offering = new Offering(rules.limits, random);
    this.#work = new SimulatedWork(world.queue, plan, () => this.#grant());
    this.meter.setFirstLook(plan.workMs, { places: plan.places, detectors: 1, share: plan.share });
    this.#cameras = plan.cameras.map((_, id) => ({
      id,
      takenAtMs: 0,
      waitingSinceMs: undefined,
      isTaken: false,
      lastEndedMs: Number.NEGATIVE_INFINITY,
    }));
    this.#desk = new OfferDesk<Look, true>({
      offering: this.offering,
      clock: world.clock,
      peers: () => world.peersOf(plan.name),
      send: (offer) => world.sendOffer(plan.name, offer),
      settle: (look, boxes) => this.#onSettled(look, boxes),
    });
  }

  get isOverloaded(): boolean {
    return this.#judged.isOverloaded;
  }

  /** Frames now in hand: neither looked at nor counted. */
  get inHand(): number {
    return this.#cameras.filter(({ isTaken }) => isTaken).length;
  }

  /** Cameras whose frame was taken before a time and that are not done with it. */
  stuck(beforeMs: number): number[] {
    return this.#cameras.filter(({ isTaken, takenAtMs }) => isTaken && takenAtMs < beforeMs).map(({ id }) => id);
  }

  /** Frames/s it says it has unused. */
  get promisedFps(): number {
    return this.#promisedFps;
  }

  /** The process ends with all it had: frames in hand are lost, and counted so. */
  crash(): void {
    this.counts.lost += this.inHand;
    this.counts.unheard += this.taking.underWay;
    this.#isOver = true;
    this.#desk.dropAll();
  }

  frame(id: number): void {
    const camera = this.#cameras[id];
    if (camera === undefined || this.#isOver) return;
    if (camera.waitingSinceMs !== undefined) {
      this.counts.replaced++;
      if (!camera.isTaken) this.#sample.waited++;
    }
    camera.waitingSinceMs = this.#world.queue.nowMs;
    this.#grant();
  }

  /** Once a second. */
  judge(): void {
    const before = this.#judged.isOverloaded;
    this.#judged = judgeOverload(this.#judged, this.#sample, this.#rules.bounds);
    if (before !== this.#judged.isOverloaded) this.counts.flips++;
    const { nowMs } = this.#world.queue;
    this.meter.note(this.#work.counts, this.#judged.isOverloaded || this.#sample.waited > 0, nowMs);
    this.#sample = { looked: 0, waited: 0, offered: 0 };
    const ownFps = this.meter.ownFps;
    this.offering.setHome(ownFps > 0 ? (1_000 * this.#cameras.length) / ownFps : Number.POSITIVE_INFINITY);
    this.budget.promised += this.#promisedFps;
    const spareFps = this.#judged.isOverloaded ? 0 : (this.meter.spare?.spareFps ?? 0);
    this.#promisedFps = spareFps;
    this.taking.setSpare(this.#rules.isBudgeted ? spareFps : UNBOUNDED_FPS, nowMs);
    this.#grant();
  }

  onOffer(look: AskedLook): void {
    this.counts.received++;
    const decision = this.taking.ask(look, this.#world.queue.nowMs);
    if (decision === 'ignore') this.counts.received--;
    if (decision === 'busy') this.#answer(look, false);
    if (decision !== 'take') return;
    this.budget.accepted++;
    this.#askedLooks.push(look);
    this.#askedMs.set(look, this.#world.queue.nowMs);
    this.#grant();
  }

  onAnswer(from: string, id: string, ok: boolean, isGarbage: boolean): void {
    const verdict = ok ? (isGarbage ? 'bad' : 'done') : 'busy';
    this.#desk.answer(from, id, verdict, true);
  }

  #grant(): void {
    if (this.#isOver) return;
    while (this.#grantOne());
  }

  #grantOne(): boolean {
    const asked = this.#rules.isOwnFirst ? undefined : this.#askedLooks[0];
    if (this.#work.hasFree) {
      if (asked !== undefined) return this.#lookForOther();
      if (this.#helpless.length > 0) return this.#helpItself();
      const camera = this.#next();
      if (camera !== undefined) return this.#lookHere(camera);
      return this.#askedLooks.length > 0 && this.#lookForOther();
    }
    const camera = this.#judged.isOverloaded && this.#mayGoAway() ? this.#next() : undefined;
    if (camera === undefined) return false;
    this.#lookElsewhere(camera);
    return true;
  }

  // As many cameras as there are places stay: a place must not be free while all frames are elsewhere.
  #mayGoAway(): boolean {
    const { offering, plan } = this;
    const peers = this.#world.peersOf(plan.name);
    const { length } = this.#cameras;
    const frameFps = plan.cameras.reduce((sum, { periodMs }) => sum + 1_000 / periodMs, 0);
    const room = this.#rules.isHomeKept ? awayRoom(frameFps, length, this.meter.spare?.capacityFps ?? 0) : length;
    return this.#away < Math.min(length - plan.places, room, offering.places(peers, this.#world.queue.nowMs));
  }

  #next(): Camera | undefined {
    let best: Camera | undefined;
    for (const camera of this.#cameras) {
      if (camera.isTaken || camera.waitingSinceMs === undefined) continue;
      if (best === undefined || camera.lastEndedMs < best.lastEndedMs) best = camera;
    }
    return best;
  }

  #take(camera: Camera): Look {
    const capturedMs = camera.waitingSinceMs ?? this.#world.queue.nowMs;
    camera.waitingSinceMs = undefined;
    camera.isTaken = true;
    camera.takenAtMs = this.#world.queue.nowMs;
    this.counts.taken++;
    return { camera, capturedMs, beganMs: 0 };
  }

  #lookHere(camera: Camera): true {
    const look = this.#take(camera);
    this.#work.run('frames', this.plan.workMs, () => this.#looked(look, 'lookedHere'));
    return true;
  }

  #helpItself(): true {
    const look = this.#helpless.shift();
    if (look === undefined) return true;
    if (this.#world.queue.nowMs - look.capturedMs > this.#rules.frameAgeMaxMs) this.#drop(look);
    else this.#work.run('frames', this.plan.workMs, () => this.#looked(look, 'lookedHere'));
    return true;
  }

  #lookElsewhere(camera: Camera): void {
    const look = this.#take(camera);
    this.#away++;
    this.#work.prepare(this.plan.prepareMs, () => {
      look.beganMs = this.#world.queue.nowMs;
      if (!this.#isOver) this.#desk.begin(look);
    });
  }

  #onSettled(look: Look, boxes: true | undefined): void {
    if (this.#isOver) return;
    const { nowMs } = this.#world.queue;
    const restMs = this.plan.prepareMs * (1 / this.plan.share - 1) - (nowMs - look.beganMs);
    this.#world.queue.after(Math.max(0, restMs), () => {
      this.#away--;
      this.#grant();
    });
    if (boxes === true) {
      this.#sample.offered++;
      this.#looked(look, 'lookedElsewhere');
    } else {
      this.#helpless.push(look);
      // What has grown too old by the time it would have a place is dropped then, and counted.
      const leftMs = this.#rules.frameAgeMaxMs - (this.#world.queue.nowMs - look.capturedMs);
      if (Number.isFinite(leftMs)) this.#world.queue.after(Math.max(0, leftMs) + 1, () => this.#dropIfWaiting(look));
    }
  }

  #dropIfWaiting(look: Look): void {
    const at = this.#helpless.indexOf(look);
    if (at === -1 || this.#isOver) return;
    this.#helpless.splice(at, 1);
    this.#drop(look);
    this.#grant();
  }

  #lookForOther(): boolean {
    const look = this.#askedLooks.shift();
    if (look === undefined) return false;
    const askedMs = this.#askedMs.get(look) ?? 0;
    if (this.#world.queue.nowMs - askedMs >= look.deadlineMs) {
      if (!this.taking.end(look, 'skipped', this.#world.queue.nowMs)) return true;
      this.counts.skipped++;
      this.#world.sendAnswer(this.plan.name, look, false);
      return true;
    }
    this.#work.run('looks', this.plan.workMs, () => {
      if (this.#isOver) return;
      if (this.taking.end(look, 'done', this.#world.queue.nowMs)) this.#answer(look, true);
    });
    return true;
  }

  #answer(look: AskedLook, ok: boolean): void {
    this.counts.answered++;
    this.#world.sendAnswer(this.plan.name, look, ok);
  }

  #looked({ camera, capturedMs }: Look, where: 'lookedHere' | 'lookedElsewhere'): void {
    if (this.#isOver) return;
    this.counts[where]++;
    this.#sample.looked++;
    this.#world.onLatency(this.#world.queue.nowMs - capturedMs);
    this.#free(camera);
  }

  #drop({ camera }: Look): void {
    this.counts.dropped++;
    this.#free(camera);
  }

  #free(camera: Camera): void {
    camera.isTaken = false;
    camera.lastEndedMs = this.#world.queue.nowMs;
  }
}
