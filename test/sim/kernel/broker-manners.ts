import type { EventQueue } from './event-queue.js';
import type { SimulatedMessage, SimulatedWill } from './mqtt-message.js';
import type { Pipe } from './simulated-network.js';

/** How far a broker goes in what MQTT 3.1.1 allows it, and beyond where brokers were seen to. */
export type BrokerManners = {
  /** Share of QoS 0 deliveries that are dropped. */
  readonly lossQos0: number;
  /** Share of QoS 1 deliveries to a clean session that are dropped although acknowledged (Aedes 1.2.0 on slow stores). */
  readonly lossQos1: number;
  /** Share of QoS 1 deliveries made twice inside a session. */
  readonly duplicates: number;
  /** A delivery may take this much longer than the network does; the order of one publisher and topic is kept. */
  readonly lingerMs: number;
  /** Retained messages are replayed up to this much later than live ones of the same topic (L10). */
  readonly replayLingerMs: number;
  /** Retained messages one SUBSCRIBE replays at most; the others are dropped without a word (mosquitto 2.0: 1,020). */
  readonly replayMax: number;
  /** Messages under way to one subscriber at most. */
  readonly queueMax: number;
  /** What happens to a subscriber beyond: the message is dropped, or the connection. */
  readonly whenFull: 'drop' | 'kick';
  /** Whether a graceful stop publishes the wills of those it closes. */
  readonly willsAtStop: boolean;
};

export const PLAIN_MANNERS: BrokerManners = {
  lossQos0: 0,
  lossQos1: 0,
  duplicates: 0,
  lingerMs: 0,
  replayLingerMs: 0,
  replayMax: Number.POSITIVE_INFINITY,
  queueMax: 1_000,
  whenFull: 'drop',
  willsAtStop: false,
};

export type ConnectRequest = {
  readonly clientId: string;
  readonly keepAliveMs: number;
  readonly will: SimulatedWill | undefined;
  /** Broker to client. */
  readonly down: Pipe;
  /** Client to broker: open means that pings arrive. */
  readonly up: Pipe;
  readonly onConnack: () => void;
  readonly onMessage: (message: SimulatedMessage, dup: boolean) => void;
  /** The connection is gone; told over `down`. */
  readonly onClosed: () => void;
  /** True while the client's process answers pings. */
  readonly answersPings: () => boolean;
};

export type BrokerCounts = {
  published: number;
  delivered: number;
  /** Dropped by the broker's manners. */
  lost: number;
  duplicated: number;
  /** Dropped, or connections ended, because a subscriber took too slowly. */
  overflowed: number;
  /** Retained messages that a replay left out. */
  replayCut: number;
  wills: number;
  bytesOut: number;
};

/** What a session needs of its broker. */
export interface SessionOwner {
  readonly queue: EventQueue;
  readonly manners: BrokerManners;
  readonly counts: BrokerCounts;
  readonly isStalled: boolean;
  retainedUnder(filter: string): readonly SimulatedMessage[];
  subscriptionsChanged(): void;
  /** @param publishWill the connection did not end by DISCONNECT. */
  sessionEnded(request: ConnectRequest, publishWill: boolean): void;
}
