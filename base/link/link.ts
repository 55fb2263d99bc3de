import type { z } from 'zod';
import { encodePayload, PayloadError } from '../../protocol/codec.js';
import { buildTopic, type Params, type PayloadOf, type Route, routes } from '../../protocol/routes.js';
import type { Clock } from '../clock.js';
import { Counters } from '../counters.js';
import { messageOf, OperationError } from '../errors.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';
import { RateLimitedLog } from '../rate-limited-log.js';
import { type BrokerAddress, describeAddress, OversizedPacketError, type TlsMaterial } from './broker-stream.js';
import { DEFAULT_LINK_LIMITS, type LinkLimits } from './link-limits.js';
import type { MqttSession, SessionEnd } from './mqtt-session.js';
import type { SessionKeeper } from './session-keeper.js';
import { atMost, type Leader, SessionLoop } from './session-loop.js';
import { type LinkCleared, type LinkMessage, SubscriptionTable } from './subscription-table.js';

export type LinkOptions = {
  /** One broker address or several in order of preference, `mqtt://host:port` and the like. */
  readonly url: string | readonly string[];
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string | Buffer;
  readonly tls?: TlsMaterial;
  /** First topic level, `vedette` unless configured. */
  readonly root: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<LinkLimits>;
  /** Another link of the same process: this one is always at its broker, and chooses none of its own. */
  readonly follows?: Leader;
};

/** Why the link is down, and whether the session had been accepted. */
export type LinkDown = {
  readonly byPeer: boolean;
  readonly error: OperationError;
};

const COUNTER_NAMES = [
  'connects',
  'connectFailures',
  'sessionsLost',
  'published',
  'publishFailures',
  'received',
  'badPayloads',
  'handlerFaults',
  'unexpectedTopics',
  'oversizedPackets',
  'subscribesRefused',
] as const;

/**
 * The one MQTT connection of a process. It connects, and connects again, for as long as the process lives: an absent
 * broker or a wrong password is a state to look at (`isUp`, `lastError`), never a reason to end (rule N11 of supervision).
 * Nothing is queued while it is down: what must not be lost is kept by who publishes it.
 */
export class Link {
  readonly root: string;
  readonly clientId: string;
  readonly #options: LinkOptions;
  readonly #limits: LinkLimits;
  readonly #loop: SessionLoop;
  readonly #subscriptions: SubscriptionTable;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #faults: RateLimitedLog;
  readonly #upCallbacks = new Set<() => void>();
  readonly #downCallbacks = new Set<(down: LinkDown) => void>();
  readonly #failureCallbacks = new Set<(error: OperationError) => void>();
  #keeper: SessionKeeper | undefined;
  #session: MqttSession | undefined;
  #isUp = false;
  #lastError: OperationError | undefined;
  #closing: Promise<void> | undefined;
  #subscribing = 0;

  /** @throws OperationError config-invalid for an address that cannot be read. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.root = options.root;
    this.clientId = options.clientId;
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...options.limits };
    const urls = typeof options.url === 'string' ? [options.url] : options.url;
    this.#subscriptions = new SubscriptionTable(options.root);
    this.#faults = new RateLimitedLog(options.log, options.clock);
    this.#loop = new SessionLoop({
      ...options,
      urls,
      username: options.username,
      password: options.password,
      tls: options.tls ?? {},
      limits: this.#limits,
      leader: options.follows,
      keeper: () => this.#keeper,
      onMessage: (topic, payload, retained) => this.#receive(topic, payload, retained),
      onUp: (session) => this.#becomeUp(session),
      onDown: (end) => this.#becomeDown(end),
      onFailed: (error) => this.#noteFailure(error),
    });
    if (this.#loop.hasChoice) this.#heedStops();
  }

  /** Names who makes the will and the birth of every session. Before `open`. */
  useKeeper(keeper: SessionKeeper): void {
    this.#keeper = keeper;
  }

  /** Starts connecting and returns at once; the broker need not be there. */
  open(): void {
    this.#loop.open();
  }

  /**
   * Ends the session with a DISCONNECT (no will) and stops for good. Idempotent.
   * @param last what to say before, for instance a publish; given at most `endTimeoutMs`.
   */
  close(last?: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#close(last);
    return this.#closing;
  }

  /**
   * True from CONNACK until the connection is gone or we begin to end it: what is published then fails at once, and whoever
   * tries again for as long as the link is up would never let the end come.
   */
  get isUp(): boolean {
    return this.#isUp && this.#session?.isOpen === true;
  }

  /** True while the broker has not answered every SUBSCRIBE: what it has retained can only come after that. */
  get isSubscribing(): boolean {
    return this.#subscribing > 0;
  }

  /** Why the last attempt failed or the last session ended; undefined while all is well. */
  get lastError(): OperationError | undefined {
    return this.#lastError;
  }

  /** The broker in use, or the one tried next: `mqtt://host:port`. */
  get brokerUrl(): string {
    return describeAddress(this.#loop.address);
  }

  /** The same, for a link that follows this one. */
  get brokerAddress(): BrokerAddress {
    return this.#loop.address;
  }

  /** Counters since the start and the publishes under way. */
  stats(): { readonly counters: Record<string, number>; readonly inFlight: number; readonly waiting: number } {
    return {
      counters: { ...this.#counters.snapshot(), ...this.#loop.counters() },
      inFlight: this.#session?.inFlight ?? 0,
      waiting: this.#session?.waiting ?? 0,
    };
  }

  /**
   * Publishes with the route's QoS and retain flag; resolves at PUBACK (QoS 1) or when written (QoS 0). PUBACK proves
   * that the broker took it, nothing more.
   * @throws OperationError unreachable while not connected, try-again when the window is full, timeout without PUBACK
   *   (all transient), payload-invalid for what the route does not allow.
   */
  async publish<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Params<P>,
    payload: PayloadOf<Route<P, S>>,
  ): Promise<void> {
    await this.publishEncoded(route, params, this.#encode(route, payload));
  }

  /** As `publish`, with a payload that is encoded already and within the route's limits. */
  async publishEncoded<P extends string>(route: Route<P>, params: Params<P>, payload: Uint8Array): Promise<void> {
    const topic = buildTopic(this.root, route, params);
    const session = this.#session;
    if (session === undefined || !this.#isUp) throw this.#notConnected(topic);
    try {
      await session.publish(topic, payload, route);
      this.#counters.add('published');
    } catch (error) {
      this.#counters.add('publishFailures');
      throw error;
    }
  }

  /** Deletes what the broker has retained on a topic. Errors as `publish`. */
  publishEmpty<P extends string>(route: Route<P>, params: Params<P>): Promise<void> {
    return this.publishEncoded(route, params, new Uint8Array(0));
  }

  /**
   * Listens to a route; params that are left out match everything. Remembered, and subscribed again at each connect.
   * Handlers must be idempotent: overlapping filters and QoS 1 deliver twice. What a handler throws is counted and
   * logged; a payload that fails its check never reaches it.
   * @param onCleared a retained topic was emptied.
   * @returns what ends it.
   */
  subscribe<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Partial<Params<P>>,
    onMessage: (message: LinkMessage<P, z.infer<S>>) => void,
    onCleared?: (cleared: LinkCleared<P>) => void,
  ): () => void {
    const { filter, qos, remove } = this.#subscriptions.add(route, params, onMessage, onCleared);
    if (this.#isUp && this.#session !== undefined) void this.#subscribeOne(this.#session, filter, qos);
    return () => {
      remove();
      if (!this.#subscriptions.has(filter)) this.#session?.unsubscribe(filter);
    };
  }

  /** Calls back after each CONNACK, once birth and subscriptions are on their way; at once if up already. */
  onUp(callback: () => void): () => void {
    this.#upCallbacks.add(callback);
    if (this.#isUp) callback();
    return () => this.#upCallbacks.delete(callback);
  }

  /** Calls back when an accepted session is gone. */
  onDown(callback: (down: LinkDown) => void): () => void {
    this.#downCallbacks.add(callback);
    return () => this.#downCallbacks.delete(callback);
  }

  /** Calls back when an attempt to connect failed. */
  onAttemptFailed(callback: (error: OperationError) => void): () => void {
    this.#failureCallbacks.add(callback);
    return () => this.#failureCallbacks.delete(callback);
  }

  /** Ends the current session cleanly and connects anew, not before `delayMs`. */
  reconnect(why: string, delayMs = 0): void {
    this.#options.log.info('link reconnects', { why, delayMs });
    this.#loop.reconnect(delayMs);
  }

  /** No attempt to connect before `delayMs` from now. */
  holdOff(delayMs: number): void {
    this.#loop.holdOff(delayMs);
  }

  async #close(last: (() => Promise<void>) | undefined): Promise<void> {
    const { clock, log } = this.#options;
    if (last !== undefined && this.#isUp) {
      const failed = (error: unknown) => log.warn('last publish failed', { error: messageOf(error) });
      await atMost(clock, this.#limits.endTimeoutMs, last().catch(failed));
    }
    await this.#loop.close();
  }

  // What a broker had retained when we came is of no use here: while it stops it takes nobody.
  #heedStops(): void {
    this.subscribe(routes.brokerEpoch, {}, ({ payload, retained }) => {
      if (!retained && payload.state === 'stopping') this.#loop.brokerStops();
    });
  }

  #becomeUp(session: MqttSession): void {
    this.#session = session;
    this.#isUp = true;
    this.#lastError = undefined;
    this.#counters.add('connects');
    this.#options.log.info('link up', { broker: this.brokerUrl });
    this.#keeper?.begin();
    // One filter per SUBSCRIBE: a broker that denies one filter of a packet stores none of it.
    for (const [filter, qos] of this.#subscriptions.filters()) void this.#subscribeOne(session, filter, qos);
    for (const callback of [...this.#upCallbacks]) callback();
  }

  #becomeDown(end: SessionEnd): void {
    this.#session = undefined;
    this.#isUp = false;
    this.#lastError = end.byPeer ? end.error : undefined;
    if (end.byPeer) this.#counters.add('sessionsLost');
    if (end.error.cause instanceof OversizedPacketError) this.#counters.add('oversizedPackets');
    // What a connection says while it is ended on purpose (a write after its end, a reset) is no fault.
    if (end.byPeer) this.#options.log.info('link down', { broker: this.brokerUrl, error: end.error.message });
    else this.#options.log.info('link ended', { broker: this.brokerUrl });
    for (const callback of [...this.#downCallbacks]) callback(end);
  }

  #noteFailure(error: OperationError): void {
    this.#lastError = error;
    this.#counters.add('connectFailures');
    this.#faults.warn('broker not reached', { broker: this.brokerUrl, error: error.message, hint: error.hint });
    for (const callback of [...this.#failureCallbacks]) callback(error);
  }

  async #subscribeOne(session: MqttSession, filter: string, qos: 0 | 1): Promise<void> {
    this.#subscribing++;
    try {
      if (await session.subscribe(filter, qos)) return;
      this.#counters.add('subscribesRefused');
      this.#options.log.error('broker refused a subscription', {
        filter,
        hint: `give ${this.clientId} the right to read it`,
      });
    } catch (error) {
      // The session ended under the SUBSCRIBE: the next one subscribes again.
      this.#options.log.debug('subscription cut off', { filter, error: messageOf(error) });
    } finally {
      this.#subscribing--;
    }
  }

  #receive(topic: string, payload: Uint8Array, retained: boolean): void {
    const receivedMonoMs = this.#options.clock.monoMs();
    const handlers = this.#subscriptions.deliver(topic, payload, retained, receivedMonoMs, (error) => {
      this.#counters.add(error instanceof PayloadError ? 'badPayloads' : 'handlerFaults');
      this.#faults.warn('message not taken', { topic, bytes: payload.byteLength, error: messageOf(error) });
    });
    if (handlers > 0) this.#counters.add('received');
    // A broker may send what nobody asked for, and messages still arrive after an UNSUBSCRIBE.
    else this.#counters.add('unexpectedTopics');
  }

  #encode<R extends Route>(route: R, payload: PayloadOf<R>): Uint8Array {
    try {
      return encodePayload(route, payload);
    } catch (error) {
      throw new OperationError({
        code: 'payload-invalid',
        op: 'publish',
        subject: route.pattern,
        message: messageOf(error),
        cause: error,
      });
    }
  }

  #notConnected(topic: string): OperationError {
    return new OperationError({
      code: 'unreachable',
      op: 'publish',
      subject: topic,
      message: 'not connected to a broker',
      transient: true,
      cause: this.#lastError,
    });
  }
}
