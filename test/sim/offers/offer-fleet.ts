import type { Clock } from '../../../base/clock.js';
import { Random } from '../../../base/random.js';
import type { Offer } from '../../../edge/sharing/offers/offering.js';
import type { OfferPeer } from '../../../edge/sharing/offers/peer-choice.js';
import type { AskedLook } from '../../../edge/sharing/offers/taking.js';
import { EventQueue } from '../kernel/event-queue.js';
import { OfferNetwork } from './offer-network.js';
import type { FleetPlan, NodePlan } from './offer-plan.js';
import { type SharerCounts, type SharerRules, type SharerWorld, SimulatedSharer } from './simulated-sharer.js';

/** A JPEG of a region at the model's input, and boxes. */
const CROP_BYTES = 15_000;
const BOXES_BYTES = 300;
const JUDGE_MS = 1_000;
/** A will comes after the keep alive of a connection, or at once. */
const WILL_MS = 3_000;

type Claims = { readonly spareFps: number; readonly isActive: boolean; readonly atMs: number };
type Member = { readonly plan: NodePlan; sharer: SimulatedSharer | undefined; readonly counts: SharerCounts };

/** A fleet of nodes that share, or do not, on virtual time. */
export class OfferFleet {
  readonly queue = new EventQueue();
  readonly network: OfferNetwork;
  readonly latenciesMs: number[] = [];
  readonly #plan: FleetPlan;
  readonly #rules: SharerRules;
  readonly #random: Random;
  readonly #members = new Map<string, Member>();
  readonly #claims = new Map<string, Claims>();
  readonly #views = new Map<string, { readonly atMs: number; readonly peers: readonly OfferPeer[] }>();
  readonly #world: SharerWorld;
  readonly #isSharing: boolean;

  constructor(seed: string | number, plan: FleetPlan, rules: SharerRules, isSharing: boolean) {
    this.#plan = plan;
    this.#rules = rules;
    this.#isSharing = isSharing;
    this.#random = new Random(`fleet ${seed}`);
    this.network = new OfferNetwork(this.queue, this.#random.fork('network'), plan);
    this.#world = {
      queue: this.queue,
      clock: clockOf(this.queue),
      isRunning: (node) => this.#isRunning(node),
      peersOf: (node) => this.#peersOf(node),
      sendOffer: (from, offer) => this.#sendOffer(from, offer),
      sendAnswer: (from, look, ok) => this.#sendAnswer(from, look, ok),
      onLatency: (ms) => this.latenciesMs.push(ms),
    };
    for (const node of plan.nodes) this.#add(node);
    for (const fault of plan.faults) {
      if (fault.kind !== 'crash') continue;
      for (const node of fault.nodes) {
        this.queue.at(fault.fromMs, () => this.#crash(node));
        this.queue.at(fault.untilMs, () => this.#start(node));
      }
    }
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  #add(plan: NodePlan): void {
    const counts = { taken: 0, lookedHere: 0, lookedElsewhere: 0, dropped: 0, lost: 0, replaced: 0, received: 0 };
    this.#members.set(plan.name, {
      plan,
      sharer: undefined,
      counts: { ...counts, answered: 0, skipped: 0, flips: 0, unheard: 0 },
    });
    this.#start(plan.name);
    plan.cameras.forEach(({ periodMs, phaseMs }, camera) => {
      this.queue.after(phaseMs, () =>
        this.queue.every(periodMs, () => {
          if (this.#isRunning(plan.name)) this.#members.get(plan.name)?.sharer?.frame(camera);
          return true;
        }),
      );
    });
    this.queue.after(this.#random.int(JUDGE_MS), () => this.queue.every(JUDGE_MS, () => this.#judge(plan)));
  }

  #judge({ name, manner }: NodePlan): boolean {
    const sharer = this.#members.get(name)?.sharer;
    if (sharer === undefined || !this.#isRunning(name)) return true;
    sharer.judge();
    const spareFps = sharer.meter.spare?.spareFps ?? 0;
    const claimed = manner === 'boaster' ? 1_000 : manner === 'modest' ? 0 : spareFps;
    this.#claims.set(name, {
      spareFps: claimed,
      isActive: manner === 'boaster' || !sharer.isOverloaded,
      atMs: this.queue.nowMs,
    });
    if (manner === 'flooder') this.#flood(name);
    return true;
  }

  // It gives more than it may, as fast as it can, with deadlines nobody can keep and others that never end.
  #flood(name: string): void {
    for (let i = 0; i < 30; i++) {
      const node = this.#random.pick(this.#plan.nodes).name;
      const deadlineMs = this.#random.pick([1, 100_000]);
      if (node !== name && this.#isSharing)
        this.#sendOffer(name, { id: `f${this.queue.nowMs}.${i}`, node, deadlineMs });
    }
  }

  #crash(name: string): void {
    const member = this.#members.get(name);
    member?.sharer?.crash();
    if (member !== undefined) member.sharer = undefined;
    this.queue.after(WILL_MS, () => {
      if (member?.sharer === undefined) this.#claims.delete(name);
    });
  }

  #start(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined || member.sharer !== undefined || this.network.isDown(name)) return;
    const random = this.#random.fork(`${name} at ${this.queue.nowMs}`);
    member.sharer = new SimulatedSharer(member.plan, this.#rules, this.#world, member.counts, random);
  }

  #isRunning(node: string): boolean {
    return !this.network.isDown(node) && !this.network.isFrozen(node);
  }

  // What a node last heard of the others: once a second, and of those it is cut off from what it knew before.
  #peersOf(node: string): readonly OfferPeer[] {
    if (!this.#isSharing) return [];
    const known = this.#views.get(node);
    const { nowMs } = this.queue;
    if (known !== undefined && nowMs - known.atMs < JUDGE_MS) return known.peers;
    const peers: OfferPeer[] = [];
    for (const [other, { spareFps, isActive }] of this.#claims) {
      if (other === node) continue;
      const isCut = this.#plan.faults.length > 0 && this.network.isCut(node, other);
      const before = isCut ? known?.peers.find((peer) => peer.node === other) : undefined;
      if (isCut ? before !== undefined : isActive && spareFps > 0) peers.push(before ?? { node: other, spareFps });
    }
    this.#views.set(node, { atMs: nowMs, peers });
    return peers;
  }

  #sendOffer(from: string, offer: Offer): void {
    const look: AskedLook = { from, id: offer.id, deadlineMs: offer.deadlineMs };
    this.network.send(from, offer.node, CROP_BYTES, () =>
      this.#whenAwake(offer.node, () => this.#onOffer(offer, look)),
    );
  }

  #onOffer({ node }: Offer, look: AskedLook): void {
    const member = this.#members.get(node);
    if (member?.sharer === undefined || member.plan.manner === 'silent') return;
    member.sharer.onOffer(look);
  }

  #sendAnswer(from: string, look: AskedLook, ok: boolean): void {
    const manner = this.#members.get(from)?.plan.manner;
    const send = () =>
      this.network.send(from, look.from, BOXES_BYTES, () =>
        this.#whenAwake(look.from, () => {
          this.#members.get(look.from)?.sharer?.onAnswer(from, look.id, ok, manner === 'garbler');
        }),
      );
    if (manner === 'laggard') this.queue.after(look.deadlineMs + 500, send);
    else send();
  }

  #whenAwake(node: string, run: () => void): void {
    if (this.network.isDown(node)) return;
    if (this.network.isFrozen(node)) this.queue.after(100, () => this.#whenAwake(node, run));
    else run();
  }
}

function clockOf(queue: EventQueue): Clock {
  const after = (delayMs: number, callback: () => void) => {
    const event = queue.after(delayMs, callback);
    return () => queue.cancel(event);
  };
  return {
    nowMs: () => queue.nowMs,
    monoMs: () => queue.nowMs,
    after,
    every: (periodMs, callback) => {
      let isOn = true;
      queue.every(periodMs, () => {
        if (isOn) callback();
        return isOn;
      });
      return () => {
        isOn = false;
      };
    },
    sleep: (delayMs) => new Promise((resolve) => after(delayMs, resolve)),
  };
}
