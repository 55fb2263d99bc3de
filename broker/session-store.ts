import { Readable } from 'node:stream';
import type { AedesPublishPacket, Subscription } from 'aedes';
import type { Counters } from '../base/counters.js';
import type { BrokerLimits } from './config.js';
import type { BrokerCounter } from './counter-names.js';
import { DONE, Immediate, ImmediateFailure } from './immediate.js';
import { RetainedReplay } from './retained-replay.js';
import type { Retained, RetainedStore } from './retained-store.js';
import { SubscriptionTree } from './subscription-tree.js';

type Queued = AedesPublishPacket;
type Held = { readonly clientId: string; readonly topic: string; readonly qos: 0 | 1 | 2 };

type Session = {
  readonly owner: string;
  readonly subscriptions: Map<string, Held>;
  queue: Queued[];
  queuedBytes: number;
};

type HasId = { readonly id: string };
type SessionLimits = Pick<BrokerLimits, 'sessions' | 'sessionMessages' | 'sessionBytes'>;

export type SessionStoreOptions = {
  readonly retained: RetainedStore;
  readonly limits: SessionLimits;
  readonly counters: Counters<BrokerCounter>;
  /** Who a connected client is; sessions belong to an identity, not to whoever knows their name. */
  readonly ownerOf: (clientId: string) => string;
};

/**
 * The store under Aedes: in memory, and every answer immediate (see `Immediate`). Sessions of readers that are away are
 * kept with a bounded queue whose oldest messages give way; they end with the broker. Retained messages are changed by
 * admission, before the PUBACK, and only read here. Wills live in their connections: after a crash of the broker they
 * are lost, which its new epoch tells.
 */
export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #tree = new SubscriptionTree<Held>();
  readonly #incoming = new Map<string, Map<number, Queued>>();

  constructor(options: SessionStoreOptions) {
    this.#options = options;
  }

  // Aedes insists on an async function here, and on this alone.
  async setup(): Promise<void> {}

  /** Who owns the stored session of a client identifier; undefined if there is none. */
  ownerOfSession(clientId: string): string | undefined {
    return this.#sessions.get(clientId)?.owner;
  }

  /** Forgets every session of an identity, with its subscriptions and queued messages. */
  dropSessionsOf(owner: string): void {
    for (const [clientId, session] of this.#sessions) if (session.owner === owner) this.#drop(clientId);
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  storeRetained(): Immediate<undefined> {
    return DONE;
  }

  createRetainedStreamCombi(filters: readonly string[]): RetainedReplay {
    return new RetainedReplay(this.#retainedMessages(filters));
  }

  *#retainedMessages(filters: readonly string[]): Generator<Retained> {
    for (const filter of filters) yield* this.#options.retained.match(filter);
  }

  addSubscriptions({ id }: HasId, subscriptions: readonly Subscription[]): Immediate<undefined> {
    const session = this.#open(id);
    for (const { topic, qos } of subscriptions) {
      const before = session.subscriptions.get(topic);
      if (before !== undefined && before.qos > 0) this.#tree.remove(topic, before);
      const held: Held = { clientId: id, topic, qos };
      session.subscriptions.set(topic, held);
      if (qos > 0) this.#tree.add(topic, held);
    }
    return DONE;
  }

  removeSubscriptions({ id }: HasId, topics: readonly string[]): Immediate<undefined> {
    const session = this.#sessions.get(id);
    for (const topic of topics) {
      const held = session?.subscriptions.get(topic);
      if (held === undefined) continue;
      this.#tree.remove(topic, held);
      session?.subscriptions.delete(topic);
    }
    return DONE;
  }

  subscriptionsByClient({ id }: HasId): Immediate<Held[]> {
    return new Immediate([...(this.#sessions.get(id)?.subscriptions.values() ?? [])]);
  }

  cleanSubscriptions({ id }: HasId): Immediate<undefined> {
    this.#drop(id);
    return DONE;
  }

  subscriptionsByTopic(topic: string): Immediate<Held[]> {
    // One copy per session, however many of its filters match.
    const bySession = new Map<string, Held>();
    if (this.#tree.size > 0) for (const held of this.#tree.match(topic)) bySession.set(held.clientId, held);
    return new Immediate([...bySession.values()]);
  }

  outgoingEnqueue(subscription: { readonly clientId: string }, packet: Queued): Immediate<undefined> {
    const session = this.#sessions.get(subscription.clientId);
    if (session === undefined) return DONE;
    session.queue.push({ ...packet });
    session.queuedBytes += bytesOf(packet);
    const { sessionMessages, sessionBytes } = this.#options.limits;
    while (session.queue.length > sessionMessages || session.queuedBytes > sessionBytes) {
      const oldest = session.queue.shift();
      if (oldest === undefined) break;
      session.queuedBytes -= bytesOf(oldest);
      this.#options.counters.add('session-messages-dropped');
    }
    return DONE;
  }

  outgoingEnqueueCombi(subscriptions: readonly { readonly clientId: string }[], packet: Queued): Immediate<undefined> {
    for (const subscription of subscriptions) this.outgoingEnqueue(subscription, packet);
    return DONE;
  }

  /** Notes the packet identifier a queued message was sent with. A message that gave way is sent all the same. */
  outgoingUpdate({ id }: HasId, packet: Queued): Immediate<undefined> {
    const queued = this.#sessions
      .get(id)
      ?.queue.find((other) => other.brokerId === packet.brokerId && other.brokerCounter === packet.brokerCounter);
    if (queued !== undefined && packet.messageId !== undefined) queued.messageId = packet.messageId;
    return DONE;
  }

  outgoingClearMessageId({ id }: HasId, { messageId }: { readonly messageId?: number | undefined }) {
    const session = this.#sessions.get(id);
    const at = session?.queue.findIndex((queued) => queued.messageId === messageId) ?? -1;
    if (session === undefined || at < 0) return DONE;
    const [removed] = session.queue.splice(at, 1);
    if (removed !== undefined) session.queuedBytes -= bytesOf(removed);
    return new Immediate(removed);
  }

  outgoingStream({ id }: HasId): Readable {
    return Readable.from([...(this.#sessions.get(id)?.queue ?? [])]);
  }

  // QoS 2 is on no route and diverted, but its handshake must still end. Aedes bounds these per client.
  incomingStorePacket({ id }: HasId, packet: Queued): Immediate<undefined> {
    let packets = this.#incoming.get(id);
    if (packets === undefined) {
      packets = new Map();
      this.#incoming.set(id, packets);
    }
    if (packet.messageId !== undefined) packets.set(packet.messageId, packet);
    return DONE;
  }

  incomingGetPacket({ id }: HasId, { messageId }: { readonly messageId?: number }) {
    const packet = this.#incoming.get(id)?.get(messageId ?? -1);
    return packet === undefined ? new ImmediateFailure(new Error('no such packet')) : new Immediate(packet);
  }

  incomingDelPacket({ id }: HasId, { messageId }: { readonly messageId?: number }) {
    const removed = this.#incoming.get(id)?.delete(messageId ?? -1) ?? false;
    return removed ? DONE : new ImmediateFailure(new Error('no such packet'));
  }

  cleanIncoming({ id }: HasId): Immediate<undefined> {
    this.#incoming.delete(id);
    return DONE;
  }

  putWill(): Immediate<undefined> {
    return DONE;
  }

  delWill(): Immediate<undefined> {
    return DONE;
  }

  streamWill(): Readable {
    return Readable.from([]);
  }

  destroy(): Immediate<undefined> {
    this.#sessions.clear();
    this.#incoming.clear();
    return DONE;
  }

  #open(clientId: string): Session {
    const known = this.#sessions.get(clientId);
    if (known !== undefined) return known;
    const { sessions } = this.#options.limits;
    // Map keeps the order of insertion: the session that was opened first gives way.
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size < sessions) break;
      this.#options.counters.add('session-messages-dropped', this.#sessions.get(oldest)?.queue.length ?? 0);
      this.#drop(oldest);
    }
    const session: Session = {
      owner: this.#options.ownerOf(clientId),
      subscriptions: new Map(),
      queue: [],
      queuedBytes: 0,
    };
    this.#sessions.set(clientId, session);
    return session;
  }

  #drop(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    for (const held of session.subscriptions.values()) this.#tree.remove(held.topic, held);
    this.#sessions.delete(clientId);
  }
}

function bytesOf(packet: Queued): number {
  return packet.topic.length + packet.payload.length;
}
