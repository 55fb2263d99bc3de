import type { Client } from 'aedes';
import type { Clock } from '../base/clock.js';
import type { Counters } from '../base/counters.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { PublishFacts } from './admission.js';
import type { ClientState, ClientStates } from './client-state.js';
import { CONNACK, type ConnectFacts, type Refusal, refuseConnect, refuseSession } from './connect-check.js';
import type { BrokerCounter } from './counter-names.js';
import { refusedClientId } from './identity.js';
import { FailureDelays } from './login-limits.js';
import { PasswordCheck } from './password-check.js';
import { type Identity, Rights } from './rights.js';
import { malformedText } from './topic-filter.js';
import type { UserDirectory } from './user-directory.js';

/** Take-overs of one client identifier in this time that are still a quick reconnect and not two boards with one card. */
const TAKEOVERS_MAX = 5;
const TAKEOVER_WINDOW_MS = 10_000;

export type LoginOptions = {
  readonly root: string;
  readonly users: UserDirectory;
  readonly states: ClientStates;
  readonly ownerOfSession: (clientId: string) => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters<BrokerCounter>;
};

type Who = { readonly identity: Identity } | Refusal;

/** Decides who may connect as what: password or certificate, client identifier, will. */
export class Login {
  readonly #options: LoginOptions;
  readonly #check = new PasswordCheck();
  readonly #delays = new FailureDelays();
  readonly #takeovers = new Map<string, number[]>();

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /** Sets the client's identity, or says why it has none. A wrong password is answered late. */
  async decide(
    client: Client,
    state: ClientState,
    username: string | undefined,
    password: Uint8Array | undefined,
  ): Promise<Refusal | undefined> {
    const facts = factsOf(state);
    const refusal = refuseConnect(facts) ?? (await this.#decideIdentity(client, state, facts, username, password));
    if (refusal === undefined) {
      this.#options.counters.add('connects');
      return undefined;
    }
    this.#options.counters.add('connects-refused');
    this.#options.log.warn('connect refused', {
      clientId: facts.clientId.slice(0, 64),
      user: username?.slice(0, 64),
      address: state.arrival.address,
      reason: refusal.reason,
    });
    return refusal;
  }

  async #decideIdentity(
    client: Client,
    state: ClientState,
    facts: ConnectFacts,
    username: string | undefined,
    password: Uint8Array | undefined,
  ): Promise<Refusal | undefined> {
    const who = await this.#authenticate(state, username, password);
    if ('returnCode' in who) return who;
    const { identity } = who;
    const { root, users, states, counters, ownerOfSession } = this.#options;
    // Aedes gave an id to whoever brought none; only people's tools may do without.
    const refusedId = refusedClientId({
      clientId: client.id,
      identity,
      isKnown: (name) => users.get(name) !== undefined,
      holder: states.ownerOf(client.id) ?? ownerOfSession(client.id),
    });
    if (refusedId !== undefined) {
      counters.add('ids-refused');
      return { returnCode: CONNACK.notAuthorized, reason: `client id: ${refusedId}` };
    }
    const writer = { root, identity, rights: new Rights(root, identity) };
    const refusedSession = refuseSession(writer, facts);
    if (refusedSession !== undefined) {
      if (facts.will !== undefined) counters.add('wills-refused');
      return refusedSession;
    }
    if (states.isLive(client.id) && this.#flaps(client.id)) {
      return { returnCode: CONNACK.unavailable, reason: 'two programs fight for this client id' };
    }
    state.writer = writer;
    return undefined;
  }

  async #authenticate(
    { arrival }: ClientState,
    username: string | undefined,
    password: Uint8Array | undefined,
  ): Promise<Who> {
    const { users } = this.#options;
    const named = username !== undefined && username !== '';
    if (arrival.certificateName !== undefined && (!named || username === arrival.certificateName)) {
      const user = users.get(arrival.certificateName);
      if (user !== undefined) return { identity: { name: user.name, role: user.role } };
    }
    if (!named) {
      if (arrival.anonymousRead) return { identity: { name: 'anonymous', role: 'anonymous' } };
      return { returnCode: CONNACK.notAuthorized, reason: 'no user name' };
    }
    if (malformedText(username) !== undefined) return this.#wrong(arrival.address);
    const user = users.get(username);
    try {
      const right = await this.#check.matches(password ?? new Uint8Array(), user?.hash);
      if (!right || user === undefined) return await this.#wrong(arrival.address);
      return { identity: { name: user.name, role: user.role } };
    } catch (error) {
      return { returnCode: CONNACK.unavailable, reason: messageOf(error) };
    }
  }

  async #wrong(address: string): Promise<Refusal> {
    const { clock, counters } = this.#options;
    counters.add('bad-passwords');
    await clock.sleep(this.#delays.failed(address, clock.monoMs()));
    return { returnCode: CONNACK.badPassword, reason: 'wrong user name or password' };
  }

  // A cloned card makes two nodes evict each other for ever (50 connects and 49 wills in 5 s were measured). The one that
  // is there stays; the other is told to come back later.
  #flaps(clientId: string): boolean {
    const nowMonoMs = this.#options.clock.monoMs();
    const recent = (this.#takeovers.get(clientId) ?? []).filter((at) => nowMonoMs - at < TAKEOVER_WINDOW_MS);
    if (recent.length >= TAKEOVERS_MAX) return true;
    recent.push(nowMonoMs);
    this.#takeovers.set(clientId, recent);
    this.#options.counters.add('takeovers');
    if (this.#takeovers.size > 10_000) this.#takeovers.clear();
    return false;
  }
}

function factsOf(state: ClientState): ConnectFacts {
  const packet = state.connect;
  const will = packet?.will;
  return {
    clientId: packet?.clientId ?? '',
    clean: packet?.clean ?? false,
    will:
      will === undefined || will === null
        ? undefined
        : publishFactsOf({ ...will, qos: will.qos ?? 0, retain: will.retain ?? false }),
  };
}

/** A packet's fields as admission wants them. */
export function publishFactsOf(packet: {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}): PublishFacts & { readonly payload: Buffer } {
  const { topic, payload, qos, retain } = packet;
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
  return { topic, payload: bytes, qos, retain: Boolean(retain) };
}
