import type { AedesPublishPacket, Client, ConnectPacket, PublishPacket, Subscription } from 'aedes';
import type { Clock } from '../base/clock.js';
import type { Counters } from '../base/counters.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { RateLimitedLog } from '../base/rate-limited-log.js';
import { judgePublish, type PublishFacts } from './admission.js';
import type { AskedFilter, ClientState, ClientStates } from './client-state.js';
import type { BrokerLimits } from './config.js';
import type { BrokerCounter } from './counter-names.js';
import type { HeldPublishes } from './held-publishes.js';
import { type Login, publishFactsOf } from './login.js';
import type { Report } from './own-messages.js';
import type { RetainedKeeper } from './retained-keeper.js';
import type { RetainedStore } from './retained-store.js';
import type { Rights } from './rights.js';
import { malformedText, overLimit } from './topic-filter.js';

/** How long a client that broke its rights has to take the last PUBACK before its connection is cut. */
const FAREWELL_MS = 1000;

type Done = (error?: Error | null) => void;

export type HooksOptions = {
  readonly states: ClientStates;
  readonly login: Login;
  readonly keeper: RetainedKeeper;
  readonly held: HeldPublishes;
  readonly retained: RetainedStore;
  readonly limits: Pick<BrokerLimits, 'subscriptionsPerClient'>;
  readonly counters: Counters<BrokerCounter>;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: (clientId: string, message: PublishFacts, reason: string) => Report;
  /** Publishes a report that has no message to take the place of. */
  readonly tell: (report: Report) => void;
};

/**
 * What Aedes asks on the way of every message. Each hook is wrapped: a throw is counted and refuses the one thing it was
 * about, where Aedes would let it end the process.
 */
export class Hooks {
  readonly #options: HooksOptions;
  readonly #warn: RateLimitedLog;

  constructor(options: HooksOptions) {
    this.#options = options;
    this.#warn = new RateLimitedLog(options.log, options.clock);
  }

  readonly preConnect = (
    client: Client,
    packet: ConnectPacket,
    callback: (error: Error | null, success: boolean) => void,
  ): void => {
    const state = this.#options.states.get(client);
    if (state !== undefined) state.connect = packet;
    callback(null, state !== undefined);
  };

  readonly authenticate = (
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: (Error & { returnCode: number }) | null, success: boolean | null) => void,
  ): void => {
    const state = this.#options.states.get(client);
    const refuse = (returnCode: number, reason: string) =>
      done(Object.assign(new Error(reason), { returnCode }), false);
    if (state === undefined) {
      refuse(3, 'no such connection');
      return;
    }
    this.#options.login.decide(client, state, username, password).then(
      (refusal) => (refusal === undefined ? done(null, true) : refuse(refusal.returnCode, refusal.reason)),
      (error: unknown) => {
        this.#failed('authenticate', error);
        refuse(3, 'failed');
      },
    );
  };

  readonly authorizePublish = (client: Client | null, packet: PublishPacket, callback: Done): void => {
    try {
      this.#admit(client, packet, callback);
    } catch (error) {
      this.#failed('authorizePublish', error);
      callback(new Error('admission failed'));
    }
  };

  readonly authorizeSubscribe = (client: Client, subscription: Subscription, answer: AskedFilter['answer']): void => {
    const state = this.#options.states.get(client);
    if (state === undefined) {
      answer(null, null);
      return;
    }
    state.asked.push({ subscription, answer });
    // Aedes asks filter by filter, all those of one SUBSCRIBE in one go (the guard sees to that it is only one): the
    // answer comes when the last has been asked.
    if (state.asked.length === 1) queueMicrotask(() => this.#answerFilters(client, state));
  };

  readonly authorizeForward = (client: Client, packet: AedesPublishPacket): AedesPublishPacket | null => {
    try {
      return this.#forward(client, packet);
    } catch (error) {
      this.#failed('authorizeForward', error);
      return null;
    }
  };

  #admit(client: Client | null, packet: PublishPacket, callback: Done): void {
    const { states, counters, keeper, held } = this.#options;
    const state = client === null ? undefined : states.get(client);
    if (client === null || state?.writer === undefined) {
      callback(new Error('not logged in'));
      return;
    }
    // Neither acknowledged nor refused: the sender keeps it and sends it again when it is back.
    if (state.closing) return;
    const isWill = packet === state.connect?.will;
    const message = publishFactsOf(packet);
    const verdict = judgePublish(state.writer, message);
    switch (verdict.kind) {
      case 'malformed':
        counters.add('malformed');
        this.#warn.warn('malformed packet, connection closed', { clientId: client.id, reason: verdict.reason });
        callback(new Error(verdict.reason));
        return;
      case 'violation':
        counters.add('violations');
        this.#divert(client, packet, message, verdict.reason);
        callback();
        if (!isWill) this.#bidFarewell(client, state);
        return;
      case 'divert':
        counters.add('diverted');
        this.#divert(client, packet, message, verdict.reason);
        callback();
        return;
      case 'take':
        break;
    }
    counters.add('published');
    if (!message.retain) {
      callback();
      return;
    }
    const retained = { topic: message.topic, payload: message.payload, qos: message.qos === 0 ? 0 : 1 } as const;
    let isSafe = false;
    let release = () => {};
    const change = keeper.keep(verdict.matched, retained, (error) => {
      isSafe = true;
      release();
      if (isWill) return;
      // A take-over's will may have been passed on meanwhile; what it overtook must not follow it.
      callback(error ?? (client.closed ? new Error('connection closed') : null));
    });
    if (change === 'full-broker' || change === 'full-writer') {
      counters.add('retained-full');
      this.#divert(client, packet, message, change === 'full-writer' ? 'too many retained messages' : 'broker is full');
      callback();
    } else if (isWill) {
      // A will waits for no disk: the new session's birth would be told before the old one's death.
      callback();
    } else if (!isSafe) release = held.add(client);
  }

  // The PUBACK goes out as if nothing had happened. Without it MQTT.js sends the same message at every reconnect, before
  // anything else, for ever; whoever listens to the quarantine topic learns what became of it.
  #divert(client: Client, packet: PublishPacket, message: PublishFacts, reason: string): void {
    const report = this.#options.report(client.id, message, reason);
    this.#warn.warn('message diverted', { clientId: client.id, topic: message.topic.slice(0, 128), reason });
    packet.topic = report.topic;
    packet.payload = report.payload;
    packet.retain = false;
  }

  #bidFarewell(client: Client, state: ClientState): void {
    state.closing = true;
    const { conn } = client;
    // Two turns: Aedes writes the PUBACK in this one, the guard hands it to the system in the next.
    setImmediate(() => setImmediate(() => conn.end()));
    this.#options.clock.after(FAREWELL_MS, () => conn.destroy());
  }

  #answerFilters(client: Client, state: ClientState): void {
    const asked = state.asked;
    state.asked = [];
    try {
      this.#decideFilters(client, state, asked);
    } catch (error) {
      this.#failed('authorizeSubscribe', error);
      for (const { answer } of asked) answer(null, null);
    }
  }

  #decideFilters(client: Client, state: ClientState, asked: readonly AskedFilter[]): void {
    const { counters, limits, report, tell } = this.#options;
    const malformed = asked.map(({ subscription }) => malformedText(subscription.topic)).find(Boolean);
    if (malformed !== undefined) {
      counters.add('malformed');
      for (const { answer } of asked) answer(new Error(`topic filter ${malformed}`));
      return;
    }
    const newFilters = new Set(asked.map(({ subscription }) => subscription.topic));
    for (const filter of newFilters) if (state.filters.has(filter)) newFilters.delete(filter);
    const full = state.filters.size + newFilters.size > limits.subscriptionsPerClient;
    const reasons = asked.map(({ subscription }) =>
      full ? 'too many subscriptions' : refusedFilter(state.writer?.rights, subscription.topic),
    );
    const denied = reasons.findIndex((reason) => reason !== undefined);
    if (denied < 0) {
      for (const { subscription, answer } of asked) {
        state.filters.add(subscription.topic);
        answer(null, subscription);
      }
      return;
    }
    // One denied filter denies all: Aedes stores every filter of the packet, the denied one too, for the next session.
    const filter = asked[denied]?.subscription.topic ?? '';
    counters.add('subscribes-refused');
    this.#warn.warn('subscription refused', { clientId: client.id, filter: filter.slice(0, 128) });
    const facts = { topic: filter, payload: new Uint8Array(), qos: 0, retain: false };
    tell(report(client.id, facts, `subscribe: ${reasons[denied]}`));
    for (const { answer } of asked) answer(null, null);
  }

  #forward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const { states, counters, retained } = this.#options;
    const state = states.get(client);
    if (state === undefined || !state.mayReceive(packet.topic)) {
      counters.add('forwards-refused');
      return null;
    }
    counters.add('delivered');
    // A replay of a retained message carries no broker id. It may have waited behind others while its topic went on:
    // sent as it is now, it can never arrive after a newer live copy.
    if (!packet.retain || packet.brokerId) return packet;
    const current = retained.get(packet.topic);
    return current === undefined ? null : Object.assign(packet, { payload: current.payload, qos: current.qos });
  }

  #failed(hook: string, error: unknown): void {
    this.#options.counters.add('hook-failures');
    this.#options.log.error('hook failed', { hook, cause: messageOf(error) });
  }
}

function refusedFilter(rights: Rights | undefined, filter: string): string | undefined {
  const over = overLimit(filter);
  if (over !== undefined) return `filter ${over}`;
  return rights?.read(filter).allowed === true ? undefined : 'not allowed';
}
