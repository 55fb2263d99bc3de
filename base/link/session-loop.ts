import type { Clock } from '../clock.js';
import { messageOf, OperationError } from '../errors.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';
import type { BrokerEvent } from './broker-choice.js';
import { BrokerList } from './broker-list.js';
import type { BrokerAddress, TlsMaterial } from './broker-stream.js';
import type { LinkLimits } from './link-limits.js';
import { type LinkWill, MqttSession, type SessionEnd } from './mqtt-session.js';
import type { SessionKeeper } from './session-keeper.js';
import { type MakeSession, peekRetained, probeBroker } from './short-session.js';

/** Somebody whose broker is ours, too. */
export interface Leader {
  readonly brokerAddress: BrokerAddress;
  /** Calls back after each CONNACK; at once if up already. Gives what ends it. */
  onUp(callback: () => void): () => void;
}

export type SessionLoopOptions = {
  readonly urls: readonly string[];
  readonly root: string;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | Buffer | undefined;
  readonly tls: TlsMaterial;
  readonly limits: LinkLimits;
  readonly leader: Leader | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keeper: () => SessionKeeper | undefined;
  readonly onMessage: (topic: string, payload: Buffer, retained: boolean) => void;
  readonly onUp: (session: MqttSession) => void;
  readonly onDown: (end: SessionEnd) => void;
  readonly onFailed: (error: OperationError) => void;
};

/** A silent broker is noticed within this part of `pubackSilenceMs`. */
const SILENCE_LOOKS = 10;

/** Sessions, one after the other, at the brokers of a list, until it is closed. */
export class SessionLoop {
  readonly #options: SessionLoopOptions;
  readonly #brokers: BrokerList;
  readonly #stop = new AbortController();
  readonly #unfollow: (() => void) | undefined;
  #session: MqttSession | undefined;
  #connecting: MqttSession | undefined;
  #probing: MqttSession | undefined;
  #sessionAddress: BrokerAddress | undefined;
  #notBeforeMonoMs = 0;
  #running: Promise<void> | undefined;

  /** @throws OperationError config-invalid for an empty list or an address that cannot be read. */
  constructor(options: SessionLoopOptions) {
    this.#options = options;
    this.#brokers = new BrokerList({
      ...options,
      urls: options.leader === undefined ? options.urls : options.urls.slice(0, 1),
      leave: (isHeard) => void this.#leave(isHeard),
      probe: (address) => this.#probe(address),
    });
    this.#unfollow = options.leader?.onUp(() => this.#comeAlong());
  }

  open(): void {
    this.#running ??= this.#run();
  }

  /** Ends the session with a DISCONNECT and stops for good. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#brokers.close();
    this.#unfollow?.();
    await Promise.all([this.#session?.end(), this.#connecting?.end(), this.#probing?.end()]);
    await this.#running;
  }

  /** The broker in use, or the one tried next. */
  get address(): BrokerAddress {
    return this.#sessionAddress ?? this.#nextAddress();
  }

  /** True if there is another broker to go to. */
  get hasChoice(): boolean {
    return this.#brokers.size > 1;
  }

  counters(): Record<string, number> {
    return this.#brokers.counters();
  }

  /** Ends the session cleanly; the next one is opened not before `delayMs`. */
  reconnect(delayMs: number): void {
    this.holdOff(delayMs);
    void this.#session?.end();
  }

  /** No attempt to connect before `delayMs` from now. */
  holdOff(delayMs: number): void {
    this.#notBeforeMonoMs = Math.max(this.#notBeforeMonoMs, this.#options.clock.monoMs() + delayMs);
  }

  /** The broker of this session says that it stops. */
  brokerStops(): void {
    this.#brokers.take({ kind: 'stopping' });
  }

  async #run(): Promise<void> {
    const { clock, leader } = this.#options;
    while (!this.#stop.signal.aborted) {
      if (leader !== undefined) await this.#untilUp(leader);
      this.#brokers.take(await this.#runOnce());
      this.#sessionAddress = undefined;
      const heldMs = this.#notBeforeMonoMs - clock.monoMs();
      await clock.sleep(Math.max(this.#brokers.nextDelayMs(), heldMs), this.#stop.signal).catch(() => {});
    }
  }

  /** One session from CONNECT to its end; tells how it went. */
  async #runOnce(): Promise<BrokerEvent> {
    const { clientId, onUp, onDown, onFailed } = this.#options;
    try {
      const session = await this.#connect();
      this.#session = session;
      this.#brokers.take({ kind: 'up' });
      const cancelWatch = this.#watchAcks(session);
      try {
        onUp(session);
      } catch (error) {
        // A callback is broken; without this its session would live on beside the next one.
        await session.end();
        throw error;
      } finally {
        const end = await session.ended;
        cancelWatch();
        this.#session = undefined;
        onDown(end);
      }
      const { isSilent, byPeer } = await session.ended;
      return { kind: 'down', fate: isSilent ? 'silent' : byPeer ? 'closed' : 'ended' };
    } catch (error) {
      if (!this.#stop.signal.aborted) onFailed(asOperationError(error, clientId));
      return { kind: 'attempt-failed' };
    }
  }

  async #connect(): Promise<MqttSession> {
    const { keeper, root, clock, onMessage } = this.#options;
    const address = this.#nextAddress();
    this.#sessionAddress = address;
    const make: MakeSession = (take) => {
      this.#connecting = this.#makeSession(address, undefined, take);
      return this.#connecting;
    };
    const will = await keeper()?.prepare((route, params) =>
      peekRetained(make, root, route, params, clock, this.#stop.signal),
    );
    this.#stop.signal.throwIfAborted();
    // What the keeper found may be a reason to stay away for a while.
    const heldMs = this.#notBeforeMonoMs - clock.monoMs();
    if (heldMs > 0) await clock.sleep(heldMs, this.#stop.signal);
    const session = this.#makeSession(address, will, onMessage);
    this.#connecting = session;
    try {
      await session.open();
    } finally {
      this.#connecting = undefined;
    }
    return session;
  }

  #makeSession(
    address: BrokerAddress,
    will: LinkWill | undefined,
    onMessage: SessionLoopOptions['onMessage'],
  ): MqttSession {
    const { clientId, username, password, tls, limits, clock } = this.#options;
    return new MqttSession({ address, clientId, username, password, tls, will, limits, clock, onMessage });
  }

  // With one broker there is nowhere to go: what it owes is sent again when it answers.
  #watchAcks(session: MqttSession): () => void {
    if (!this.hasChoice) return () => {};
    const { clock, limits } = this.#options;
    return clock.every(limits.pubackSilenceMs / SILENCE_LOOKS, () => {
      if (session.unackedMs >= limits.pubackSilenceMs) this.#brokers.take({ kind: 'silent' });
    });
  }

  async #leave(isHeard: boolean): Promise<void> {
    const { keeper, clock, limits, log } = this.#options;
    const session = this.#session;
    const lastWord = isHeard ? keeper()?.leave() : undefined;
    if (lastWord !== undefined) {
      const failed = (error: unknown) => log.debug('last word not taken', { error: messageOf(error) });
      await atMost(clock, limits.endTimeoutMs, lastWord.catch(failed));
    }
    await session?.end();
  }

  #probe(address: BrokerAddress): Promise<boolean> {
    const make: MakeSession = (onMessage) => {
      this.#probing = this.#makeSession(address, undefined, onMessage);
      return this.#probing;
    };
    return probeBroker(make, this.#options.root, this.#options.clock, this.#stop.signal);
  }

  async #untilUp(leader: Leader): Promise<void> {
    const { signal } = this.#stop;
    let forget = () => {};
    await new Promise<void>((resolve) => {
      const stopped = () => resolve();
      signal.addEventListener('abort', stopped, { once: true });
      const forgetLeader = leader.onUp(resolve);
      forget = () => {
        forgetLeader();
        signal.removeEventListener('abort', stopped);
      };
    });
    forget();
  }

  // The leader is up, perhaps at another broker than we.
  #comeAlong(): void {
    if (this.#session !== undefined && this.#sessionAddress !== this.#nextAddress()) void this.#session.end();
  }

  #nextAddress(): BrokerAddress {
    return this.#options.leader?.brokerAddress ?? this.#brokers.address;
  }
}

/** Waits for work that does not fail, `timeoutMs` at most. */
export async function atMost(clock: Clock, timeoutMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  const timeout = clock.sleep(timeoutMs, done.signal).catch(() => {});
  await Promise.race([work, timeout]);
  done.abort();
}

function asOperationError(error: unknown, clientId: string): OperationError {
  if (error instanceof OperationError) return error;
  return new OperationError({
    code: 'try-again',
    op: 'connect',
    subject: clientId,
    message: messageOf(error),
    transient: true,
    cause: error,
  });
}
