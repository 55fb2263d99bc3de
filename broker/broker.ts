import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Aedes, type Client } from 'aedes';
import type { Clock } from '../base/clock.js';
import { Counters } from '../base/counters.js';
import { messageOf, OperationError } from '../base/errors.js';
import { FolderLock } from '../base/folder-lock.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import { makeStateFolder } from '../base/state-folder.js';
import { buildEpoch } from '../protocol/ids.js';
import { DEFAULT_ROOT, matchTopic } from '../protocol/routes.js';
import { ClientState, ClientStates } from './client-state.js';
import type { BrokerConfig } from './config.js';
import { BROKER_COUNTERS, type BrokerCounter } from './counter-names.js';
import { Emitter } from './emitter.js';
import { HeldPublishes } from './held-publishes.js';
import { Hooks } from './hooks.js';
import { type Incoming, type Listener, openListeners } from './listeners.js';
import { Login } from './login.js';
import { ConnectionLimits, type Ticket } from './login-limits.js';
import { OwnMessages } from './own-messages.js';
import { RetainedFolder } from './retained-disk.js';
import { RetainedJournal } from './retained-journal.js';
import { isJournaled, RetainedKeeper } from './retained-keeper.js';
import { RetainedStore } from './retained-store.js';
import { SessionStore } from './session-store.js';
import { SocketGuard } from './socket-guard.js';
import { StallGuard } from './stall-guard.js';
import { UserDirectory } from './user-directory.js';

const STATS_PERIOD_MS = 10_000;
/** How long a graceful stop waits for clients to take the news and go. */
const CLOSE_MS = 2000;

export type BrokerParts = {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  /** A message of the broker's own has been through the whole engine, to every subscription: it serves. */
  readonly onServed?: () => void;
};

/** A running broker. */
export type Broker = {
  readonly ports: Readonly<Partial<Record<Listener['kind'], number>>>;
  /** Random id of this life of the broker, as in its `epoch` topic. */
  readonly epoch: string;
  /** All counters since the start, by name. */
  readonly counters: () => Record<string, number>;
  /** Says `stopping`, ends all connections (their wills follow), writes the snapshot. Idempotent. */
  readonly close: () => Promise<void>;
};

/**
 * Opens a broker: takes its state folder, reads users and retained messages, publishes its epoch, then listens.
 * @throws OperationError `config-invalid`, `credentials-invalid`, `state-locked`, `state-unwritable`, `port-busy`; nothing
 * stays open then.
 */
export async function openBroker(config: BrokerConfig, parts: BrokerParts): Promise<Broker> {
  const { stateDir } = config;
  if (stateDir === undefined) {
    throw new OperationError({
      code: 'config-invalid',
      op: 'open',
      subject: `broker ${config.name}`,
      message: 'no state folder',
      hint: 'set stateDir or give --state DIR',
    });
  }
  await makeStateFolder(stateDir);
  const lock = await FolderLock.acquire(stateDir, 'broker');
  const broker = new OpenBroker(config, stateDir, parts, lock);
  try {
    await broker.open();
    return broker;
  } catch (error) {
    await broker.close();
    throw error;
  }
}

class OpenBroker implements Broker {
  readonly epoch: string;
  readonly ports: Partial<Record<Listener['kind'], number>> = {};
  readonly #config: BrokerConfig;
  readonly #parts: BrokerParts;
  readonly #root: string;
  readonly #lock: FolderLock;
  readonly #counters = new Counters<BrokerCounter>(BROKER_COUNTERS);
  readonly #states = new ClientStates();
  readonly #connections: ConnectionLimits;
  readonly #tickets = new Map<string, Ticket>();
  readonly #retained: RetainedStore;
  readonly #disk: RetainedFolder;
  readonly #journal: RetainedJournal;
  readonly #sessions: SessionStore;
  readonly #held: HeldPublishes;
  readonly #users: UserDirectory;
  readonly #aedes: Aedes;
  readonly #stall: StallGuard;
  readonly #own: OwnMessages;
  readonly #sockets = new Set<{ destroy(): unknown }>();
  #listeners: Listener[] = [];
  #cancelStats: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #journalOpen = false;

  constructor(config: BrokerConfig, stateDir: string, parts: BrokerParts, lock: FolderLock) {
    this.#config = config;
    this.#parts = parts;
    this.#lock = lock;
    this.#root = config.root ?? DEFAULT_ROOT;
    const { clock, log, random } = parts;
    const { limits } = config;
    this.epoch = buildEpoch(Uint8Array.from({ length: 12 }, () => random.int(256)));
    this.#connections = new ConnectionLimits(limits);
    this.#retained = new RetainedStore(this.#root, limits);
    this.#disk = new RetainedFolder(stateDir);
    this.#journal = new RetainedJournal({
      disk: this.#disk,
      config: config.journal,
      clock,
      log,
      counters: this.#counters,
      current: () => this.#kept(isJournaled),
    });
    this.#sessions = new SessionStore({
      retained: this.#retained,
      limits,
      counters: this.#counters,
      ownerOf: (clientId) => this.#states.ownerOf(clientId) ?? '',
    });
    this.#held = new HeldPublishes(clock);
    this.#users = new UserDirectory({
      path: config.passwordFile ?? join(stateDir, 'passwords'),
      clock,
      log,
      onRevoked: (names) => this.#revoke(names),
    });
    this.#stall = new StallGuard(clock, (lagMs) => this.#onStall(lagMs));
    this.#own = new OwnMessages({
      root: this.#root,
      name: config.name,
      epoch: this.epoch,
      clock,
      counters: this.#counters,
      retained: this.#retained,
      aedes: () => this.#aedes,
    });
    this.#aedes = new Aedes(this.#aedesOptions());
  }

  async open(): Promise<void> {
    await this.#users.open();
    await this.#loadRetained();
    await this.#aedes.listen();
    this.#wireEvents();
    // Before listening: nobody may see this broker without its epoch.
    this.#own.publishEpoch('up');
    this.#publishStats();
    this.#listeners = await openListeners(this.#config, {
      accept: (socket) => this.#accept(socket),
      connected: (incoming) => this.#connected(incoming),
    });
    for (const { kind, port } of this.#listeners) this.ports[kind] = port;
    this.#stall.open();
    this.#cancelStats = this.#parts.clock.every(STATS_PERIOD_MS, () => this.#publishStats());
    this.#parts.log.info('broker open', { epoch: this.epoch, retained: this.#retained.topics, ...this.ports });
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelStats?.();
    this.#stall.close();
    this.#held.close();
    await this.#users.close();
    if (this.#listeners.length > 0) {
      // First the news, then the silence: the wills that follow are void (rule K6).
      await this.#own.publishEpoch('stopping');
      // One turn for the guards to hand it to the system.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
    const listenersClosed = Promise.all(this.#listeners.map((listener) => listener.close()));
    const clientsClosed = new Promise<void>((resolve) => {
      if (this.#aedes.closed) resolve();
      else this.#aedes.close(() => resolve());
    });
    const cancelForce = this.#parts.clock.after(CLOSE_MS, () => this.#destroySockets());
    await clientsClosed;
    this.#destroySockets();
    await listenersClosed;
    cancelForce();
    if (this.#journalOpen) await this.#journal.close(this.#kept(() => true));
    await this.#lock.release();
    this.#parts.log.info('broker closed', { epoch: this.epoch });
  }

  #destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #aedesOptions(): ConstructorParameters<typeof Aedes>[0] {
    const { clock, log } = this.#parts;
    const { limits } = this.#config;
    const login = new Login({
      root: this.#root,
      users: this.#users,
      states: this.#states,
      ownerOfSession: (clientId) => this.#sessions.ownerOfSession(clientId),
      clock,
      log,
      counters: this.#counters,
    });
    const { preConnect, authenticate, authorizePublish, authorizeSubscribe, authorizeForward } = new Hooks({
      states: this.#states,
      login,
      keeper: new RetainedKeeper(this.#retained, this.#journal),
      held: this.#held,
      retained: this.#retained,
      limits,
      counters: this.#counters,
      clock,
      log,
      report: (clientId, message, reason) => this.#own.report(clientId, message, reason),
      tell: (report) => this.#own.tell(report),
    });
    return {
      id: this.epoch,
      mq: new Emitter(clock),
      persistence: this.#sessions,
      concurrency: 0,
      connectTimeout: limits.connectTimeoutMs,
      drainTimeout: limits.drainTimeoutMs,
      keepaliveLimit: limits.keepaliveS,
      maxInflightInbound: 100,
      maxTopicLevels: 100,
      preConnect,
      authenticate,
      authorizePublish,
      authorizeSubscribe,
      authorizeForward,
    };
  }

  #wireEvents(): void {
    const { log } = this.#parts;
    const aedes = this.#aedes;
    aedes.on('client', (client) => this.#states.registered(client));
    aedes.on('clientDisconnect', (client) => this.#states.gone(client));
    aedes.on('keepaliveTimeout', () => this.#counters.add('keepalive-timeouts'));
    aedes.on('connackSent', (packet, client) => {
      if (packet.returnCode === 0) this.#loggedIn(client);
    });
    aedes.on('unsubscribe', (filters, client) => {
      const state = this.#states.get(client);
      for (const filter of filters) state?.filters.delete(filter);
    });
    const onError = (client: Client, error: Error) => {
      // Aedes tells the end of a slow reader once for every message that waited for it.
      if (this.#states.get(client)?.failed()) return;
      const message = messageOf(error);
      if (message === 'connect did not arrive in time') this.#counters.add('connect-timeouts');
      else if (message === 'drain timeout') this.#counters.add('slow-readers');
      else this.#counters.add('client-errors');
      log.debug('client error', { clientId: client.id, cause: message });
    };
    aedes.on('clientError', onError);
    aedes.on('connectionError', onError);
    // Aedes tells here what it cannot recover from; without a listener that would end the process.
    const tellFault = (error: unknown) => {
      this.#counters.add('hook-failures');
      log.error('broker error', { cause: messageOf(error) });
    };
    Reflect.apply(aedes.on, aedes, ['error', tellFault]);
  }

  #accept(socket: Socket): boolean {
    const address = socket.remoteAddress ?? 'unknown';
    const ticket = this.#closing === undefined ? this.#connections.admit(address) : undefined;
    if (ticket === undefined) {
      this.#counters.add('connections-refused');
      socket.destroy();
      return false;
    }
    const key = `${address} ${socket.remotePort}`;
    this.#tickets.set(key, ticket);
    this.#sockets.add(socket);
    socket.once('close', () => {
      ticket.ended();
      this.#tickets.delete(key);
      this.#sockets.delete(socket);
    });
    return true;
  }

  #connected({ stream, address, remotePort, certificateName }: Incoming): void {
    const { limits, anonymousRead } = this.#config;
    let state: ClientState | undefined;
    const guard = new SocketGuard(stream, {
      packetBytesBeforeLogin: limits.packetBytesBeforeLogin,
      packetBytes: limits.packetBytes,
      queuedBytesMax: limits.queuedBytesPerClient,
      onTooBig: (packetBytes) => {
        this.#counters.add('packets-too-big');
        this.#parts.log.warn('packet too big, connection closed', { address, packetBytes });
      },
      onSlow: (queuedBytes) => {
        if (state?.failed()) return;
        this.#counters.add('slow-readers');
        this.#parts.log.warn('slow reader, connection closed', { address, queuedBytes });
      },
    });
    const client = this.#aedes.handle(stream);
    const ticket = this.#tickets.get(`${address} ${remotePort}`);
    const arrival = { address, anonymousRead: anonymousRead && isLoopback(address), certificateName };
    state = new ClientState(arrival, guard, ticket);
    this.#states.set(client, state);
  }

  #loggedIn(client: Client): void {
    const state = this.#states.get(client);
    state?.ticket?.loggedIn();
    state?.guard.logIn();
  }

  #revoke(names: readonly string[]): void {
    for (const name of names) {
      this.#counters.add('identities-revoked');
      this.#sessions.dropSessionsOf(name);
      for (const client of this.#states.liveOf(name)) client.close();
    }
  }

  async #loadRetained(): Promise<void> {
    const { log } = this.#parts;
    const { entries, generation, badBytes, worthSnapshot } = await this.#disk.load();
    for (const entry of entries) {
      const known = matchTopic(this.#root, entry.topic)?.route.retain === true;
      const change = known ? this.#retained.apply(entry) : 'unknown';
      if (change === 'unknown' || change.startsWith('full')) this.#counters.add('journal-replay-refused');
    }
    if (badBytes > 0) {
      this.#counters.add('journal-bad-bytes', badBytes);
      log.warn('retained messages end in a torn or rotten entry', { badBytes });
    }
    await this.#journal.open(generation, worthSnapshot || badBytes > 0);
    this.#journalOpen = true;
  }

  #kept(keep: (name: Parameters<typeof isJournaled>[0]) => boolean) {
    return [...this.#retained.all()].filter(({ topic }) => {
      const matched = matchTopic(this.#root, topic);
      return matched !== undefined && matched.route.writer !== 'broker' && keep(matched.name);
    });
  }

  #onStall(lagMs: number): void {
    this.#counters.add('stalls');
    this.#parts.log.warn('broker stood still', { lagMs: Math.round(lagMs) });
    this.#own.publishStall(lagMs);
  }

  #publishStats(): void {
    this.#own.publishStats(this.#states.count, this.#stall.takeLargestMs()).then(this.#parts.onServed, () => {});
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
