import type { Random } from '../../../base/random.js';
import type { ConnectRequest, SessionOwner } from './broker-manners.js';
import { matchesFilter, type Qos, type SimulatedMessage } from './mqtt-message.js';

/** A broker's side of one connection: subscriptions, deliveries, keep alive. */
export class BrokerSession {
  readonly request: ConnectRequest;
  readonly #broker: SessionOwner;
  readonly #random: Random;
  readonly #filters = new Map<string, Qos>();
  readonly #qosByTopic = new Map<string, Qos | undefined>();
  #heardMs: number;
  #isOpen = true;

  constructor(broker: SessionOwner, request: ConnectRequest, random: Random) {
    this.#broker = broker;
    this.request = request;
    this.#random = random;
    this.#heardMs = broker.queue.nowMs;
  }

  begin(): void {
    this.request.down.send('', this.request.onConnack);
    this.#broker.queue.every(Math.max(1, this.request.keepAliveMs / 4), () => this.#checkKeepAlive());
  }

  /** Subscribes and replays what is retained [MQTT-3.8.4-3]; a filter that was there before is replaced. */
  subscribe(filter: string, qos: Qos, onSuback: () => void): void {
    if (!this.#isOpen) return;
    this.#filters.set(filter, qos);
    this.#qosByTopic.clear();
    this.#broker.subscriptionsChanged();
    this.request.down.send('', onSuback);
    const { replayMax } = this.#broker.manners;
    const retained = this.#broker.retainedUnder(filter);
    this.#broker.counts.replayCut += Math.max(0, retained.length - replayMax);
    for (const message of retained.slice(0, replayMax)) this.#replay(message, qos);
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
    this.#qosByTopic.clear();
    this.#broker.subscriptionsChanged();
  }

  /** The greatest QoS it asked for a topic with; undefined: it did not. */
  qosFor(topic: string): Qos | undefined {
    if (this.#qosByTopic.has(topic)) return this.#qosByTopic.get(topic);
    let best: Qos | undefined;
    for (const [filter, qos] of this.#filters) {
      if (best !== 1 && matchesFilter(filter, topic)) best = qos;
    }
    this.#qosByTopic.set(topic, best);
    return best;
  }

  /** Sends a live message, or does what the broker's manners allow instead. */
  deliver(message: SimulatedMessage, publisher: string): void {
    const qos = Math.min(message.qos, this.qosFor(message.topic) ?? 0) === 1 ? 1 : 0;
    const { manners, counts } = this.#broker;
    const loss = qos === 1 ? manners.lossQos1 : manners.lossQos0;
    if (loss > 0 && this.#random.chance(loss)) {
      counts.lost++;
      return;
    }
    const live: SimulatedMessage = message.retain || qos !== message.qos ? { ...message, qos, retain: false } : message;
    // Order holds per publisher and topic [MQTT-4.6.0-6], and for nothing else.
    const stream = `${publisher} ${message.topic}`;
    this.#send(stream, live, false, manners.lingerMs);
    if (qos === 1 && manners.duplicates > 0 && this.#random.chance(manners.duplicates)) {
      counts.duplicated++;
      this.#send(stream, live, true, manners.lingerMs);
    }
  }

  /** The connection is over. @param publishWill it did not end by DISCONNECT. */
  close(publishWill: boolean): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // What is under way to the client is lost; that the connection is closed reaches it if anything does.
    this.request.down.reset(this.request.onClosed);
    this.#broker.sessionEnded(this.request, publishWill);
  }

  #replay(message: SimulatedMessage, qos: Qos): void {
    const effective = Math.min(message.qos, qos) === 1 ? 1 : 0;
    // A stream of its own: a replay may come after newer live messages of its topic (L10).
    this.#send(`retained ${message.topic}`, { ...message, qos: effective }, false, this.#broker.manners.replayLingerMs);
  }

  #send(stream: string, message: SimulatedMessage, dup: boolean, lingerMs: number): void {
    const { counts, manners } = this.#broker;
    if (this.request.down.underWay >= manners.queueMax) {
      counts.overflowed++;
      if (manners.whenFull === 'kick') this.close(true);
      return;
    }
    counts.delivered++;
    counts.bytesOut += message.bytes;
    const extraMs = lingerMs > 0 ? this.#random.int(lingerMs + 1) : 0;
    this.request.down.send(stream, () => this.request.onMessage(message, dup), extraMs);
  }

  #checkKeepAlive(): boolean {
    if (!this.#isOpen) return false;
    const { up, answersPings, keepAliveMs } = this.request;
    const nowMs = this.#broker.queue.nowMs;
    if (this.#broker.isStalled || (up.isOpen && answersPings())) this.#heardMs = nowMs;
    // One and a half times the keep alive [MQTT-3.1.2-24].
    if (nowMs - this.#heardMs >= 1.5 * keepAliveMs) this.close(true);
    return this.#isOpen;
  }
}
