import { MqttClient } from 'mqtt';
import type { Clock } from '../clock.js';
import { messageOf, OperationError } from '../errors.js';
import { AckWatch } from './ack-watch.js';
import { type BrokerAddress, describeAddress, openBrokerStream, type TlsMaterial } from './broker-stream.js';
import type { LinkLimits } from './link-limits.js';
import { PublishWindow } from './publish-window.js';

/** The will message of one session, ready for the CONNECT packet. */
export type LinkWill = {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
};

export type MqttSessionOptions = {
  readonly address: BrokerAddress;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | Buffer | undefined;
  readonly tls: TlsMaterial;
  readonly will: LinkWill | undefined;
  readonly limits: LinkLimits;
  readonly clock: Clock;
  readonly onMessage: (topic: string, payload: Buffer, retained: boolean) => void;
};

/**
 * How a session ended. `byPeer`: the broker closed an accepted session that we meant to keep. `isSilent`: it did not
 * answer to keep alive.
 */
export type SessionEnd = { readonly byPeer: boolean; readonly isSilent: boolean; readonly error: OperationError };

/**
 * One MQTT session: one TCP connection, one CONNECT, never reused. MQTT.js gets no reconnect, no store and no queue
 * to use, because what it keeps in memory while offline dies with the process (mqttjs/MQTT.js#607, #818).
 */
export class MqttSession {
  readonly #options: MqttSessionOptions;
  readonly #subject: string;
  readonly #window: PublishWindow;
  readonly #acks = new AckWatch();
  readonly #pending = new Set<(error: OperationError) => void>();
  readonly #ended: Promise<SessionEnd>;
  #settleEnded: (end: SessionEnd) => void = () => {};
  #client: MqttClient | undefined;
  #lastError: unknown;
  #accepted = false;
  #endedByUs = false;
  #isOver = false;

  constructor(options: MqttSessionOptions) {
    this.#options = options;
    this.#subject = `broker ${describeAddress(options.address)}`;
    this.#window = new PublishWindow(options.limits.inFlightMax, options.limits.waitingMax);
    this.#ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
  }

  /** Resolves once, when the connection is gone for whatever reason. */
  get ended(): Promise<SessionEnd> {
    return this.#ended;
  }

  /**
   * Connects; resolves at an accepting CONNACK.
   * @throws OperationError unreachable, credentials-invalid or refused; the session is then over.
   */
  open(): Promise<void> {
    const { address, tls, limits, will, onMessage } = this.#options;
    return new Promise((resolve, reject) => {
      const client = new MqttClient(
        () => {
          const stream = openBrokerStream(address, tls, limits.incomingBytesMax);
          // The first error is the cause; what MQTT.js reports after it is the consequence.
          stream.on('error', (error) => this.#noteError(error));
          return stream;
        },
        {
          clientId: this.#options.clientId,
          ...(this.#options.username === undefined ? {} : { username: this.#options.username }),
          ...(this.#options.password === undefined ? {} : { password: this.#options.password }),
          ...(will === undefined ? {} : { will: { ...will, payload: bufferOf(will.payload) } }),
          protocolVersion: 4,
          clean: true,
          keepalive: limits.keepAliveS,
          connectTimeout: limits.connectTimeoutMs,
          reconnectPeriod: 0,
          resubscribe: false,
          queueQoSZero: false,
          // The cache is a buffer for each of 65,536 numbers: 7 MiB for ever, against two bytes made anew in a packet.
          writeCache: false,
          timerVariant: 'native',
        },
      );
      this.#client = client;
      client.on('error', (error) => this.#noteError(error));
      client.on('message', (topic, payload, packet) => onMessage(topic, payload, packet.retain));
      client.on('connect', () => {
        this.#accepted = true;
        resolve();
      });
      client.on('close', () => {
        const error = this.#endError();
        this.#finish(error);
        reject(error);
      });
    });
  }

  /**
   * Publishes; resolves at PUBACK for QoS 1 and when written for QoS 0.
   * @throws OperationError unreachable (session over), try-again (window full), timeout (no PUBACK)
   */
  publish(topic: string, payload: Uint8Array, options: { qos: 0 | 1; retain: boolean }): Promise<void> {
    const client = this.#client;
    if (client === undefined || !this.isOpen) return Promise.reject(this.#unreachable('not connected'));
    return options.qos === 0
      ? this.#publishQos0(client, topic, payload, options.retain)
      : this.#publishQos1(client, topic, payload, options.retain);
  }

  #publishQos0(client: MqttClient, topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    if (client.stream.writableLength > this.#options.limits.unsentBytesMax) {
      return Promise.reject(this.#tryAgain(topic, 'the connection is congested'));
    }
    client.publish(topic, bufferOf(payload), { qos: 0, retain });
    return Promise.resolve();
  }

  #publishQos1(client: MqttClient, topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        let isSettled = false;
        const settle = (error: OperationError | undefined) => {
          if (isSettled) return;
          isSettled = true;
          cancelTimer();
          this.#pending.delete(settle);
          this.#window.leave();
          if (error === undefined) {
            this.#acks.came(this.#options.clock.monoMs());
            resolve();
          } else {
            this.#acks.giveUp();
            reject(error);
          }
        };
        this.#pending.add(settle);
        this.#acks.await(this.#options.clock.monoMs());
        let messageId: number | undefined;
        const cancelTimer = this.#options.clock.after(this.#options.limits.pubackTimeoutMs, () => {
          settle(this.#timeout(topic));
          if (messageId !== undefined) client.removeOutgoingMessage(messageId);
        });
        client.publish(topic, bufferOf(payload), { qos: 1, retain }, (error) =>
          settle(error ? this.#unreachable(messageOf(error)) : undefined),
        );
        messageId = client.getLastMessageId();
      };
      if (!this.#window.enter(start, reject)) reject(this.#tryAgain(topic, 'too many publishes wait'));
    });
  }

  /** Subscribes to one filter; resolves to false if the broker refused it (SUBACK 0x80). */
  subscribe(filter: string, qos: 0 | 1): Promise<boolean> {
    const client = this.#client;
    if (client === undefined || !this.isOpen) return Promise.reject(this.#unreachable('not connected'));
    return new Promise((resolve, reject) => {
      client.subscribe(filter, { qos }, (error, granted) => {
        if (granted?.some((grant) => grant.qos === 128)) resolve(false);
        else if (error !== null && 'packet' in error && error.packet !== undefined) resolve(false);
        else if (error !== null) reject(this.#unreachable(messageOf(error)));
        else resolve(true);
      });
    });
  }

  unsubscribe(filter: string): void {
    if (this.isOpen) this.#client?.unsubscribe(filter, () => {});
  }

  /** Ends the session with a DISCONNECT, so that the broker drops the will; by force after `endTimeoutMs`. */
  async end(): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#isOver) return;
    this.#endedByUs = true;
    const ended = this.#unreachable('the session was ended');
    // First those that wait: a place that becomes free would only send them into the end.
    this.#window.clear(ended);
    for (const settle of [...this.#pending]) settle(ended);
    // MQTT.js waits for every PUBACK and SUBACK before its DISCONNECT; a stuck one must not turn our end into a death.
    for (const messageId of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(messageId));
    const cancelTimer = this.#options.clock.after(this.#options.limits.endTimeoutMs, () => client.stream.destroy());
    if (client.connected) client.end(false);
    else client.end(true);
    await this.#ended;
    cancelTimer();
  }

  get isOpen(): boolean {
    return this.#accepted && !this.#isOver && !this.#endedByUs;
  }

  get inFlight(): number {
    return this.#window.inFlight;
  }

  get waiting(): number {
    return this.#window.waiting;
  }

  /** For how long the broker has owed every PUBACK, ms; 0 while it owes none. */
  get unackedMs(): number {
    return this.#acks.silentMs(this.#options.clock.monoMs());
  }

  #noteError(error: unknown): void {
    this.#lastError ??= error;
  }

  #finish(error: OperationError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#window.clear(error);
    for (const settle of [...this.#pending]) settle(error);
    const byPeer = this.#accepted && !this.#endedByUs;
    // The words of MQTT.js 5 for a missing PINGRESP; it gives this error no code.
    const isSilent = byPeer && messageOf(this.#lastError) === 'Keepalive timeout';
    this.#settleEnded({ byPeer, isSilent, error });
  }

  #endError(): OperationError {
    const refusal = connackCodeOf(this.#lastError);
    if (this.#accepted || refusal === undefined) {
      return this.#unreachable(this.#lastError === undefined ? 'connection closed' : messageOf(this.#lastError));
    }
    const isLogin = refusal === 4 || refusal === 5;
    return new OperationError({
      code: isLogin ? 'credentials-invalid' : refusal === 2 ? 'refused' : 'unreachable',
      op: 'connect to',
      subject: this.#subject,
      message: CONNACK_TEXTS[refusal] ?? `refused with code ${refusal}`,
      ...(isLogin ? { hint: `check the password of ${this.#options.clientId} and its rights in the broker` } : {}),
      transient: true,
      cause: this.#lastError,
    });
  }

  #unreachable(message: string): OperationError {
    return new OperationError({
      code: 'unreachable',
      op: 'talk to',
      subject: this.#subject,
      message,
      transient: true,
      cause: this.#lastError,
    });
  }

  #tryAgain(topic: string, message: string): OperationError {
    return new OperationError({ code: 'try-again', op: 'publish', subject: topic, message, transient: true });
  }

  #timeout(topic: string): OperationError {
    const message = `no PUBACK within ${this.#options.limits.pubackTimeoutMs} ms`;
    return new OperationError({ code: 'timeout', op: 'publish', subject: topic, message, transient: true });
  }
}

// CONNACK return codes of MQTT 3.1.1, table 3.1.
const CONNACK_TEXTS: Readonly<Record<number, string>> = {
  1: 'the broker does not speak MQTT 3.1.1',
  2: 'the broker refuses this client id',
  3: 'the broker is not available',
  4: 'bad user name or password',
  5: 'not authorised',
};

function connackCodeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'number' ? error.code : undefined;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
