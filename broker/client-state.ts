import type { Client, ConnectPacket, Subscription } from 'aedes';
import type { Writer } from './admission.js';
import type { Ticket } from './login-limits.js';
import type { Decision } from './rights.js';
import type { SocketGuard } from './socket-guard.js';

/** How a connection came in, known before its first byte. */
export type Arrival = {
  readonly address: string;
  /** True if a client without a password may read here. */
  readonly anonymousRead: boolean;
  /** Common name of a client certificate that our authority signed. */
  readonly certificateName: string | undefined;
};

export type AskedFilter = {
  readonly subscription: Subscription;
  readonly answer: (error: Error | null, subscription?: Subscription | null) => void;
};

const CACHED_TOPICS_MAX = 1024;

/** What the broker knows of one connection. Lives as long as Aedes' client object. */
export class ClientState {
  readonly arrival: Arrival;
  readonly guard: SocketGuard;
  /** Its place among the connections, until it logs in among those before login. */
  readonly ticket: Ticket | undefined;
  /** The CONNECT packet, from the moment it is read. */
  connect: ConnectPacket | undefined;
  /** Who it is and what it may do, from the moment its login is taken. */
  writer: Writer | undefined;
  /** True once a violation ends it: nothing more is taken from it. */
  closing = false;
  readonly filters = new Set<string>();
  /** Filters of the SUBSCRIBE that is being read, decided together. */
  asked: AskedFilter[] = [];
  #failed = false;
  readonly #readable = new Map<string, Decision>();

  constructor(arrival: Arrival, guard: SocketGuard, ticket: Ticket | undefined) {
    this.arrival = arrival;
    this.guard = guard;
    this.ticket = ticket;
  }

  /** True if the end of this connection was told before; notes that it is told now. */
  failed(): boolean {
    const before = this.#failed;
    this.#failed = true;
    return before;
  }

  /** May this client get messages of a topic. Remembered per topic: it is asked for every delivery. */
  mayReceive(topic: string): boolean {
    const known = this.#readable.get(topic);
    if (known !== undefined) return known.allowed;
    if (this.writer === undefined) return false;
    if (this.#readable.size >= CACHED_TOPICS_MAX) this.#readable.clear();
    const decision = this.writer.rights.read(topic);
    this.#readable.set(topic, decision);
    return decision.allowed;
  }
}

/** The states of the clients Aedes has, and who is live under which client identifier. */
export class ClientStates {
  readonly #byClient = new WeakMap<Client, ClientState>();
  readonly #live = new Map<string, Client>();

  set(client: Client, state: ClientState): void {
    this.#byClient.set(client, state);
  }

  get(client: Client): ClientState | undefined {
    return this.#byClient.get(client);
  }

  registered(client: Client): void {
    this.#live.set(client.id, client);
  }

  gone(client: Client): void {
    if (this.#live.get(client.id) === client) this.#live.delete(client.id);
  }

  /** Name of the identity that is connected under a client identifier. */
  ownerOf(clientId: string): string | undefined {
    const client = this.#live.get(clientId);
    return client === undefined ? undefined : this.get(client)?.writer?.identity.name;
  }

  liveOf(identityName: string): Client[] {
    return [...this.#live.values()].filter((client) => this.get(client)?.writer?.identity.name === identityName);
  }

  isLive(clientId: string): boolean {
    return this.#live.has(clientId);
  }

  get count(): number {
    return this.#live.size;
  }
}
