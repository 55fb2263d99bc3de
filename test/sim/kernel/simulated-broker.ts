import type { Random } from '../../../base/random.js';
import { type BrokerManners, type ConnectRequest, PLAIN_MANNERS, type SessionOwner } from './broker-manners.js';
import { BrokerSession } from './broker-session.js';
import type { EventQueue } from './event-queue.js';
import { matchesFilter, type SimulatedMessage } from './mqtt-message.js';
import type { SimulatedNetwork } from './simulated-network.js';

/** One broker: clean sessions, subscriptions, retained messages, wills. No persistent sessions, as nobody here asks for any. */
export class SimulatedBroker implements SessionOwner {
  readonly name: string;
  readonly queue: EventQueue;
  readonly network: SimulatedNetwork;
  /** Everybody who wants to know what passes, once per publish, whatever becomes of it. */
  readonly taps: ((message: SimulatedMessage, publisher: string) => void)[] = [];
  readonly counts: SessionOwner['counts'];
  #ownManners: BrokerManners;
  readonly #changes = new Set<Partial<BrokerManners>>();
  #manners: BrokerManners;
  readonly #random: Random;
  readonly #onStart: (broker: SimulatedBroker) => void;
  readonly #retained = new Map<string, SimulatedMessage>();
  readonly #sessions = new Map<string, BrokerSession>();
  readonly #routes = new Map<string, BrokerSession[]>();
  #isUp = false;
  #lives = 0;
  #stalledUntilMs = 0;
  #stalled: (() => void)[] = [];

  /** @param onStart called at every start, to publish what this kind of broker says of itself. */
  constructor(
    name: string,
    network: SimulatedNetwork,
    random: Random,
    manners: BrokerManners = PLAIN_MANNERS,
    onStart: (broker: SimulatedBroker) => void = () => {},
  ) {
    this.name = name;
    this.network = network;
    this.queue = network.queue;
    this.#random = random;
    this.#ownManners = manners;
    this.#manners = manners;
    this.#onStart = onStart;
    this.counts = {
      published: 0,
      delivered: 0,
      lost: 0,
      duplicated: 0,
      overflowed: 0,
      replayCut: 0,
      wills: 0,
      bytesOut: 0,
    };
    this.start();
  }

  get manners(): BrokerManners {
    return this.#manners;
  }

  /** Its manners while nothing changes them. */
  get ownManners(): BrokerManners {
    return this.#ownManners;
  }

  set ownManners(manners: BrokerManners) {
    this.#ownManners = manners;
    this.#mixManners();
  }

  /** Changes manners for a time: until what is returned is called. Of several changes at a time the youngest counts. */
  changeManners(change: Partial<BrokerManners>): () => void {
    const own = { ...change };
    this.#changes.add(own);
    this.#mixManners();
    return () => {
      this.#changes.delete(own);
      this.#mixManners();
    };
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get isStalled(): boolean {
    return this.queue.nowMs < this.#stalledUntilMs;
  }

  /** Which life of the broker this is, from 1. */
  get life(): number {
    return this.#lives;
  }

  get retained(): ReadonlyMap<string, SimulatedMessage> {
    return this.#retained;
  }

  isConnected(clientId: string): boolean {
    return this.#sessions.has(clientId);
  }

  // ---- its life

  start(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#lives++;
    this.#onStart(this);
  }

  /** Ends as told to: closes every connection. */
  stop(): void {
    this.#end(this.manners.willsAtStop);
  }

  /** Ends at once: no will is ever published for the sessions it had. */
  crash(): void {
    this.#end(false);
  }

  wipe(): void {
    this.#retained.clear();
  }

  /** An image of what is retained. */
  image(): ReadonlyMap<string, SimulatedMessage> {
    return new Map(this.#retained);
  }

  /** Comes to hold an earlier image, or a part of one. For a broker that is down. */
  restore(image: ReadonlyMap<string, SimulatedMessage>): void {
    this.#retained.clear();
    for (const [topic, message] of image) this.#retained.set(topic, message);
  }

  /** Takes and gives nothing for a time; connections stay. */
  stall(forMs: number): void {
    const wasStalled = this.isStalled;
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.queue.nowMs + forMs);
    if (!wasStalled) this.#awaitEndOfStall();
  }

  // ---- what clients do; called when their packets arrive

  /** A CONNECT arrives: a session begins, and one of the same client identifier ends. */
  connect(request: ConnectRequest): void {
    this.take(() => {
      if (!this.#isUp) return request.down.send('', request.onClosed);
      // Takeover [MQTT-3.1.4-2].
      this.#sessions.get(request.clientId)?.close(true);
      const session = new BrokerSession(this, request, this.#random);
      this.#sessions.set(request.clientId, session);
      session.begin();
    });
  }

  /** The session a connection has, while it lasts. */
  sessionOf(request: ConnectRequest): BrokerSession | undefined {
    const session = this.#sessions.get(request.clientId);
    return session?.request === request ? session : undefined;
  }

  /** Runs what a packet asks for: at once, after a stall, or not at all. */
  take(work: () => void): void {
    if (this.isStalled) this.#stalled.push(work);
    else work();
  }

  /** Stores and routes a message; also how a broker speaks for itself. */
  publish(message: SimulatedMessage, publisher: string): void {
    if (!this.#isUp) return;
    this.counts.published++;
    for (const tap of this.taps) tap(message, publisher);
    if (message.retain) this.#retain(message);
    for (const session of this.#route(message.topic)) session.deliver(message, publisher);
  }

  subscriptionsChanged(): void {
    this.#routes.clear();
  }

  /** The retained messages under a filter, in the order their topics were first retained. */
  retainedUnder(filter: string): SimulatedMessage[] {
    const exact = this.#retained.get(filter);
    if (exact !== undefined) return [exact];
    if (!filter.includes('+') && !filter.endsWith('#')) return [];
    return [...this.#retained.values()].filter((message) => matchesFilter(filter, message.topic));
  }

  /** A session ended; called by the session. */
  sessionEnded(request: ConnectRequest, publishWill: boolean): void {
    const { will, clientId } = request;
    if (this.#sessions.get(clientId)?.request === request) this.#sessions.delete(clientId);
    this.subscriptionsChanged();
    if (!publishWill || will === undefined) return;
    this.counts.wills++;
    this.publish({ ...will, bytes: 0 }, clientId);
  }

  #mixManners(): void {
    this.#manners = this.#ownManners;
    for (const change of this.#changes) this.#manners = { ...this.#manners, ...change };
  }

  #end(withWills: boolean): void {
    if (!this.#isUp) return;
    for (const session of [...this.#sessions.values()]) session.close(withWills);
    this.#isUp = false;
    this.#stalled = [];
    this.#stalledUntilMs = 0;
  }

  #retain(message: SimulatedMessage): void {
    if (message.payload === undefined) this.#retained.delete(message.topic);
    else this.#retained.set(message.topic, message);
  }

  #route(topic: string): readonly BrokerSession[] {
    const known = this.#routes.get(topic);
    if (known !== undefined) return known;
    const sessions = [...this.#sessions.values()].filter((session) => session.qosFor(topic) !== undefined);
    this.#routes.set(topic, sessions);
    return sessions;
  }

  #awaitEndOfStall(): void {
    this.queue.at(this.#stalledUntilMs, () => {
      if (this.isStalled) return this.#awaitEndOfStall();
      const stalled = this.#stalled;
      this.#stalled = [];
      for (const work of stalled) work();
    });
  }
}
