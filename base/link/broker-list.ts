import { backoffDelayMs } from '../backoff.js';
import type { Clock } from '../clock.js';
import { Counters } from '../counters.js';
import { OperationError } from '../errors.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';
import {
  type BrokerChoice,
  type BrokerEffect,
  type BrokerEvent,
  decideBroker,
  initialChoice,
} from './broker-choice.js';
import { type BrokerAddress, describeAddress, parseBrokerUrl } from './broker-stream.js';
import type { LinkLimits } from './link-limits.js';

export type BrokerListOptions = {
  readonly urls: readonly string[];
  /** Whose list it is, for messages. */
  readonly clientId: string;
  readonly limits: LinkLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Ends the session; `isHeard`: the broker still takes a last word. */
  readonly leave: (isHeard: boolean) => void;
  /** Holds a short session at an address; true if it went well. */
  readonly probe: (address: BrokerAddress) => Promise<boolean>;
};

const COUNTER_NAMES = [
  'brokerSwitches',
  'brokerSilences',
  'brokerStops',
  'brokerReturns',
  'brokerProbesFailed',
] as const;

/** The brokers a link may be at: addresses, timers and counters around `decideBroker`. */
export class BrokerList {
  readonly #options: BrokerListOptions;
  readonly #addresses: readonly BrokerAddress[];
  readonly #counters = new Counters(COUNTER_NAMES);
  #choice: BrokerChoice;
  #lastUpAt: number | undefined;
  #cancelReturn: (() => void) | undefined;

  /** @throws OperationError config-invalid for an empty list or an address that cannot be read. */
  constructor(options: BrokerListOptions) {
    this.#options = options;
    this.#addresses = options.urls.map(parseBrokerUrl);
    if (this.#addresses.length === 0) {
      throw new OperationError({
        code: 'config-invalid',
        op: 'open link of',
        subject: options.clientId,
        message: 'no broker address',
      });
    }
    this.#choice = initialChoice(this.#addresses.length);
  }

  /** The broker in use, or the one tried next. */
  get address(): BrokerAddress {
    return this.#addressAt(this.#choice.at);
  }

  get size(): number {
    return this.#addresses.length;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  take(event: BrokerEvent): void {
    const { clock, limits, random } = this.#options;
    if (event.kind === 'up') this.#noteUp();
    if (event.kind === 'down') this.close();
    const { choice, effects } = decideBroker(this.#choice, event, clock.monoMs(), limits.stableMs, random.next());
    this.#choice = choice;
    for (const effect of effects) this.#perform(effect);
  }

  /** How long to wait before the next attempt, ms: only a full round without success is a reason to wait longer. */
  nextDelayMs(): number {
    const { limits, random } = this.#options;
    const attempt = Math.max(0, Math.ceil(this.#choice.failures / this.size) - 1);
    const backoff = { firstMs: limits.reconnectFirstMs, maxMs: limits.reconnectMaxMs, factor: 2 };
    return backoffDelayMs(attempt, backoff, random.next());
  }

  /** Stops looking for a better broker. */
  close(): void {
    this.#cancelReturn?.();
    this.#cancelReturn = undefined;
  }

  #noteUp(): void {
    if (this.#lastUpAt !== undefined && this.#lastUpAt !== this.#choice.at) this.#counters.add('brokerSwitches');
    this.#lastUpAt = this.#choice.at;
  }

  #perform(effect: BrokerEffect): void {
    const { clock, log, leave } = this.#options;
    switch (effect.kind) {
      case 'leave':
        this.#counters.add(COUNTER_OF_LEAVE[effect.why]);
        log.info('leaving the broker', { broker: describeAddress(this.address), why: effect.why });
        leave(effect.isHeard);
        return;
      case 'probe':
        void this.#probe(effect.broker);
        return;
      case 'return-later':
        this.close();
        this.#cancelReturn = clock.after(effect.delayMs, () => this.take({ kind: 'return-due' }));
    }
  }

  async #probe(broker: number): Promise<void> {
    const isWell = await this.#options.probe(this.#addressAt(broker));
    if (!isWell) this.#counters.add('brokerProbesFailed');
    this.take({ kind: 'probed', broker, isWell });
  }

  #addressAt(index: number): BrokerAddress {
    const address = this.#addresses[index];
    if (address === undefined) throw new RangeError('broker index out of range');
    return address;
  }
}

const COUNTER_OF_LEAVE = { silent: 'brokerSilences', stopping: 'brokerStops', return: 'brokerReturns' } as const;
