import type { ConnectRequest } from './broker-manners.js';
import type { BrokerSession } from './broker-session.js';
import type { DeliveredMessage, Qos, SimulatedMessage, SimulatedWill } from './mqtt-message.js';
import type { ProcessLife } from './process-life.js';
import type { SimulatedBroker } from './simulated-broker.js';
import { Pipe, type SimulatedNetwork } from './simulated-network.js';

export type ConnectionSettings = {
  readonly clientId: string;
  readonly keepAliveMs: number;
  readonly connectTimeoutMs: number;
  readonly will: SimulatedWill | undefined;
  readonly onUp: () => void;
  readonly onMessage: (message: DeliveredMessage) => void;
  /** The connection failed or is gone; called once. */
  readonly onEnd: () => void;
};

/** The client's side of one connection, from CONNECT to its end. */
export class Connection {
  readonly #network: SimulatedNetwork;
  readonly #broker: SimulatedBroker;
  readonly #life: ProcessLife;
  readonly #settings: ConnectionSettings;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #request: ConnectRequest;
  readonly #unacked = new Set<(isAcked: boolean) => void>();
  #state: 'connecting' | 'up' | 'ended' = 'connecting';
  #heardMs: number;

  constructor(
    network: SimulatedNetwork,
    endpoint: string,
    broker: SimulatedBroker,
    life: ProcessLife,
    settings: ConnectionSettings,
  ) {
    this.#network = network;
    this.#broker = broker;
    this.#life = life;
    this.#settings = settings;
    this.#heardMs = network.queue.nowMs;
    this.#up = new Pipe(network, endpoint, broker.name);
    this.#down = new Pipe(network, broker.name, endpoint);
    this.#request = {
      clientId: settings.clientId,
      keepAliveMs: settings.keepAliveMs,
      will: settings.will,
      up: this.#up,
      down: this.#down,
      answersPings: () => life.isRunning,
      onConnack: () => this.#enter(() => this.#onConnack()),
      onClosed: () => this.#enter(() => this.#end()),
      onMessage: (message, dup) => this.#enter(() => settings.onMessage({ ...message, dup })),
    };
    life.whenDead((isPowerCut) => this.#die(isPowerCut));
  }

  open(): void {
    this.#up.send('', () => this.#broker.connect(this.#request));
    this.#network.queue.after(this.#settings.connectTimeoutMs, () =>
      this.#enter(() => {
        if (this.#state === 'connecting') this.#give(true);
      }),
    );
    this.#network.queue.every(Math.max(1, this.#settings.keepAliveMs / 4), () => this.#checkPings());
  }

  publish(message: SimulatedMessage, onAck: ((isAcked: boolean) => void) | undefined): void {
    const isAwaited = message.qos === 1 && onAck !== undefined;
    if (isAwaited) this.#unacked.add(onAck);
    this.#toSession(() => {
      this.#broker.publish(message, this.#settings.clientId);
      // PUBACK says that the broker took it, whatever becomes of it (L1).
      if (isAwaited) this.#down.send('', () => this.#enter(() => this.#acked(onAck)));
    });
  }

  subscribe(filter: string, qos: Qos): void {
    this.#toSession((session) => session.subscribe(filter, qos, () => {}));
  }

  unsubscribe(filter: string): void {
    this.#toSession((session) => session.unsubscribe(filter));
  }

  disconnect(): void {
    this.#give(false);
  }

  #toSession(work: (session: BrokerSession) => void): void {
    this.#up.send('', () =>
      this.#broker.take(() => {
        const session = this.#broker.sessionOf(this.#request);
        if (session !== undefined) work(session);
      }),
    );
  }

  #give(withWill: boolean): void {
    if (this.#state === 'ended') return;
    this.#up.send('', () => this.#broker.take(() => this.#broker.sessionOf(this.#request)?.close(withWill)));
    this.#end();
  }

  // What was written to the socket before still arrives after a crash; after a power cut nothing does.
  #die(isPowerCut: boolean): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#down.close();
    this.#unacked.clear();
    if (isPowerCut) this.#up.close();
    else this.#up.send('', () => this.#broker.take(() => this.#broker.sessionOf(this.#request)?.close(true)));
  }

  #end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#down.close();
    const unacked = [...this.#unacked];
    this.#unacked.clear();
    for (const onAck of unacked) onAck(false);
    this.#settings.onEnd();
  }

  #onConnack(): void {
    this.#state = 'up';
    this.#settings.onUp();
  }

  #acked(onAck: (isAcked: boolean) => void): void {
    if (this.#unacked.delete(onAck)) onAck(true);
  }

  #enter(part: () => void): void {
    this.#life.enter(() => {
      if (this.#state !== 'ended') part();
    });
  }

  #checkPings(): boolean {
    if (this.#state === 'ended') return false;
    const nowMs = this.#network.queue.nowMs;
    const isAnswered = this.#broker.isUp && !this.#broker.isStalled && this.#down.isOpen && this.#up.isOpen;
    if (isAnswered) this.#heardMs = nowMs;
    if (nowMs - this.#heardMs < this.#settings.keepAliveMs) return true;
    this.#life.enter(() => this.#give(true));
    return this.#life.isAlive;
  }
}
