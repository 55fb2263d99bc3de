import type { Aedes } from 'aedes';
import type { Clock } from '../base/clock.js';
import type { Counters } from '../base/counters.js';
import { softwareVersion } from '../base/software-version.js';
import { encodePayload } from '../protocol/codec.js';
import { buildTopic, type PayloadOf, routes } from '../protocol/routes.js';
import { SCHEMA_MINOR } from '../protocol/status.js';
import type { PublishFacts } from './admission.js';
import type { BrokerCounter } from './counter-names.js';
import type { RetainedStore } from './retained-store.js';

/** A message in place of one that was not passed on: topic and payload on the quarantine topic. */
export type Report = { readonly topic: string; readonly payload: Buffer };

type OwnRoute =
  | typeof routes.brokerEpoch
  | typeof routes.brokerStall
  | typeof routes.brokerStats
  | typeof routes.brokerQuarantine;

export type OwnMessagesOptions = {
  readonly root: string;
  /** The broker's name, as in its topics. */
  readonly name: string;
  readonly epoch: string;
  readonly clock: Clock;
  readonly counters: Counters<BrokerCounter>;
  readonly retained: RetainedStore;
  readonly aedes: () => Aedes;
};

/** What the broker says of itself: its epoch, its stalls, its figures, and what it did not pass on. */
export class OwnMessages {
  readonly #options: OwnMessagesOptions;
  readonly #version = softwareVersion();
  readonly #startedAtMs: number;
  readonly #startedMonoMs: number;

  constructor(options: OwnMessagesOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.nowMs();
    this.#startedMonoMs = options.clock.monoMs();
  }

  /** Resolves when it has been handed to every subscription. */
  publishEpoch(state: 'up' | 'stopping'): Promise<void> {
    const { epoch } = this.#options;
    const startedAtMs = this.#startedAtMs;
    return this.#publish(routes.brokerEpoch, { v: SCHEMA_MINOR, epoch, state, startedAtMs, version: this.#version });
  }

  publishStall(lagMs: number): Promise<void> {
    const atMs = this.#options.clock.nowMs();
    return this.#publish(routes.brokerStall, { v: SCHEMA_MINOR, lagMs: Math.round(lagMs), atMs });
  }

  publishStats(clients: number, loopLagMs: number): Promise<void> {
    const { clock, retained, counters } = this.#options;
    return this.#publish(routes.brokerStats, {
      v: SCHEMA_MINOR,
      atMs: clock.nowMs(),
      upS: Math.round((clock.monoMs() - this.#startedMonoMs) / 1000),
      clients,
      retained: { topics: retained.topics, bytes: retained.bytes },
      rssMiB: Math.round(process.memoryUsage.rss() / 1024 ** 2),
      loopLagMs: Math.round(loopLagMs),
      counters: counters.snapshot(),
    });
  }

  /** The report of a message that was not passed on. Other people's text is cut and made printable. */
  report(clientId: string, message: PublishFacts, reason: string): Report {
    const payload = encodePayload(routes.brokerQuarantine, {
      v: SCHEMA_MINOR,
      client: printable(clientId, 128),
      topic: printable(message.topic, 512),
      reason: printable(reason, 300),
      bytes: message.payload.byteLength,
      atMs: this.#options.clock.nowMs(),
    });
    return { topic: this.#topic(routes.brokerQuarantine), payload: Buffer.from(payload) };
  }

  tell({ topic, payload }: Report): Promise<void> {
    return this.#emit({ topic, payload, qos: 1, retain: false });
  }

  #topic(route: OwnRoute): string {
    return buildTopic(this.#options.root, route, { broker: this.#options.name });
  }

  #publish<R extends OwnRoute>(route: R, value: PayloadOf<R>): Promise<void> {
    const topic = this.#topic(route);
    const payload = Buffer.from(encodePayload(route, value));
    if (route.retain) this.#options.retained.apply({ topic, payload, qos: route.qos });
    return this.#emit({ topic, payload, qos: route.qos, retain: route.retain });
  }

  #emit(message: { topic: string; payload: Buffer; qos: 0 | 1; retain: boolean }): Promise<void> {
    return new Promise((resolve) => {
      this.#options.aedes().publish({ cmd: 'publish', dup: false, ...message }, () => resolve());
    });
  }
}

function printable(text: string, charactersMax: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return text.slice(0, charactersMax).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202f]/g, '?');
}
