import { backoffDelayMs } from '../../../base/backoff.js';
import type { Random } from '../../../base/random.js';
import { Connection } from './connection.js';
import { type DeliveredMessage, matchesFilter, type Qos, type SimulatedWill } from './mqtt-message.js';
import type { ProcessLife } from './process-life.js';
import type { SimulatedBroker } from './simulated-broker.js';
import type { SimulatedNetwork } from './simulated-network.js';

export type PublishOptions = {
  /** 1 unless told otherwise. */
  readonly qos?: Qos;
  readonly retain?: boolean;
  /** What it would take on the wire, for the counters. */
  readonly bytes?: number;
  /** Called once: true at PUBACK, false when the session ended without it. Proves nothing about who else has it. */
  readonly onAck?: (isAcked: boolean) => void;
};

export type LinkSettings = {
  readonly clientId: string;
  /** Brokers in order of preference, by name. */
  readonly brokers: readonly [string, ...string[]];
  readonly keepAliveMs?: number;
  /** Asked before every CONNECT. */
  readonly will?: () => SimulatedWill | undefined;
  /** On a broker that is not the first: how long the first must have been there before it goes back; absent: it stays. */
  readonly failbackAfterMs?: number;
};

type Handler = { readonly filter: string; readonly qos: Qos; readonly onMessage: (message: DeliveredMessage) => void };

// As base/link does it by default.
const CONNECT_TIMEOUT_MS = 5_000;
const BACKOFF = { firstMs: 500, maxMs: 10_000, factor: 2 };
const KEEP_ALIVE_MS = 10_000;

/**
 * One MQTT connection of a program, as `base/link` behaves: it connects again for as long as the process lives, walks its
 * brokers in order, remembers subscriptions, and queues nothing while it is down.
 */
export class SimulatedLink {
  readonly clientId: string;
  readonly #settings: LinkSettings;
  readonly #endpoint: string;
  readonly #network: SimulatedNetwork;
  readonly #brokers: ReadonlyMap<string, SimulatedBroker>;
  readonly #life: ProcessLife;
  readonly #random: Random;
  readonly #handlers = new Set<Handler>();
  readonly #matching = new Map<string, readonly Handler[]>();
  readonly #upCallbacks: (() => void)[] = [];
  readonly #downCallbacks: (() => void)[] = [];
  #connection: Connection | undefined;
  #isUp = false;
  #isClosed = false;
  #brokerIndex = 0;
  #attempt = 0;
  #firstThereSinceMs: number | undefined;

  constructor(
    settings: LinkSettings,
    endpoint: string,
    network: SimulatedNetwork,
    brokers: ReadonlyMap<string, SimulatedBroker>,
    life: ProcessLife,
    random: Random,
  ) {
    this.clientId = settings.clientId;
    this.#settings = settings;
    this.#endpoint = endpoint;
    this.#network = network;
    this.#brokers = brokers;
    this.#life = life;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The broker in use, or the one tried next. */
  get broker(): string {
    return this.#settings.brokers[this.#brokerIndex] ?? this.#settings.brokers[0];
  }

  /** Starts connecting; callbacks set after it hear of the first connection too. */
  open(): void {
    this.#later(0);
    if (this.#settings.failbackAfterMs !== undefined) this.#network.queue.every(1_000, () => this.#checkFailback());
  }

  /** Ends with DISCONNECT: no will. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.disconnect();
  }

  /** @returns false when the link is down: nothing was sent and nothing will be. */
  publish(topic: string, payload: unknown, options: PublishOptions = {}): boolean {
    if (!this.#isUp || this.#connection === undefined) return false;
    const { qos = 1, retain = false, bytes = 0, onAck } = options;
    this.#connection.publish({ topic, payload, qos, retain, bytes }, onAck);
    return true;
  }

  /** Listens to a filter now and after every connect. @returns what ends it. */
  subscribe(filter: string, qos: Qos, onMessage: (message: DeliveredMessage) => void): () => void {
    const handler = { filter, qos, onMessage };
    this.#handlers.add(handler);
    this.#matching.clear();
    if (this.#isUp) this.#connection?.subscribe(filter, qos);
    return () => {
      this.#handlers.delete(handler);
      this.#matching.clear();
      if (![...this.#handlers].some((other) => other.filter === filter)) this.#connection?.unsubscribe(filter);
    };
  }

  /** Calls back after each CONNACK, when subscriptions are on their way. */
  onUp(callback: () => void): void {
    this.#upCallbacks.push(callback);
  }

  onDown(callback: () => void): void {
    this.#downCallbacks.push(callback);
  }

  /** Ends the session cleanly and connects anew. */
  reconnect(): void {
    this.#connection?.disconnect();
  }

  #connect(): void {
    if (this.#isClosed || !this.#life.isAlive || this.#connection !== undefined) return;
    const broker = this.#brokers.get(this.broker);
    if (broker === undefined) throw new RangeError(`no broker named ${this.broker}`);
    const connection = new Connection(this.#network, this.#endpoint, broker, this.#life, {
      clientId: this.clientId,
      keepAliveMs: this.#settings.keepAliveMs ?? KEEP_ALIVE_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      will: this.#settings.will?.(),
      onUp: () => this.#onConnack(),
      onMessage: (message) => this.#dispatch(message),
      onEnd: () => this.#onEnd(),
    });
    this.#connection = connection;
    connection.open();
  }

  #onConnack(): void {
    this.#isUp = true;
    this.#attempt = 0;
    this.#firstThereSinceMs = undefined;
    const wanted = new Map([...this.#handlers].map(({ filter, qos }) => [filter, qos]));
    for (const [filter, qos] of wanted) this.#connection?.subscribe(filter, qos);
    for (const callback of [...this.#upCallbacks]) callback();
  }

  #onEnd(): void {
    const wasUp = this.#isUp;
    this.#isUp = false;
    this.#connection = undefined;
    // A lost session is tried again from the best broker on; a failed attempt goes to the next.
    this.#brokerIndex = wasUp ? 0 : (this.#brokerIndex + 1) % this.#settings.brokers.length;
    this.#later(backoffDelayMs(this.#attempt++, BACKOFF, this.#random.next()));
    if (wasUp) for (const callback of [...this.#downCallbacks]) callback();
  }

  #later(delayMs: number): void {
    this.#network.queue.after(delayMs, () => this.#life.enter(() => this.#connect()));
  }

  #dispatch(message: DeliveredMessage): void {
    let handlers = this.#matching.get(message.topic);
    if (handlers === undefined) {
      handlers = [...this.#handlers].filter(({ filter }) => matchesFilter(filter, message.topic));
      this.#matching.set(message.topic, handlers);
    }
    for (const { onMessage } of handlers) onMessage(message);
  }

  #checkFailback(): boolean {
    if (this.#isClosed || !this.#life.isAlive) return false;
    const first = this.#settings.brokers[0];
    const isThere =
      this.#isUp &&
      this.#brokerIndex > 0 &&
      this.#brokers.get(first)?.isUp === true &&
      this.#network.isOpen(this.#endpoint, first) &&
      this.#network.isOpen(first, this.#endpoint);
    const nowMs = this.#network.queue.nowMs;
    this.#firstThereSinceMs = isThere ? (this.#firstThereSinceMs ?? nowMs) : undefined;
    const sinceMs = this.#firstThereSinceMs;
    if (sinceMs !== undefined && nowMs - sinceMs >= (this.#settings.failbackAfterMs ?? 0)) {
      this.#life.enter(() => this.reconnect());
    }
    return true;
  }
}
