import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { encodePayload } from '../../protocol/codec.js';
import { buildTopic, routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR, type Status } from '../../protocol/status.js';
import type { Clock } from '../clock.js';
import { Counters } from '../counters.js';
import { messageOf, systemCodeOf } from '../errors.js';
import type { Link } from '../link/link.js';
import type { LinkWill } from '../link/mqtt-session.js';
import type { Peek, SessionKeeper } from '../link/session-keeper.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';
import { GenerationFile } from './generation-file.js';
import { decidePresence, INITIAL_PRESENCE, type PresenceEffect, type PresenceEvent } from './presence-core.js';

/** Which status topic is ours. */
export type PresenceIdentity =
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'monitor'; readonly monitor: string };

export type PresenceOptions = {
  readonly link: Link;
  readonly identity: PresenceIdentity;
  /** Folder that keeps the generation over restarts. */
  readonly stateDir: string;
  /** Software version. */
  readonly version: string;
  /** systemd's INVOCATION_ID; a random id when the process was started otherwise. */
  readonly invocation?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

const COUNTER_NAMES = [
  'births',
  'statusRepairs',
  'generationsBurnt',
  'newerGenerations',
  'duplicateIdentity',
  'republishes',
  'generationWriteFailures',
] as const;

/** Why a service stops: what its `stopped` status says; `moved`: it goes on, at another broker. */
export type StopReason = 'sigterm' | 'sigint' | 'update' | 'maintenance' | 'done' | 'failed' | 'moved';

/**
 * Birth, will and graceful stop of one identity, by rules N3 to N9 of supervision: one retained topic, a generation that
 * rises with every CONNECT, and repair of what the own topic says wrongly. Open it before the Link.
 */
export class Presence implements SessionKeeper {
  readonly #options: PresenceOptions;
  readonly #file: GenerationFile;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #republishCallbacks = new Set<() => void>();
  readonly #cancels = new Set<() => void>();
  readonly #invocation: string;
  #boot = 'unknown';
  #state = INITIAL_PRESENCE;
  #storedGen: number | undefined;
  #isGenerationKept = true;
  #isUnused = false;
  #stopReason: StopReason = 'sigterm';
  #stopPublished: Promise<void> = Promise.resolve();
  #leavePublished: Promise<void> = Promise.resolve();

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#file = new GenerationFile(options.stateDir);
    this.#invocation = options.invocation ?? randomBytes(16).toString('hex');
  }

  /** Reads the last generation and takes over the link's sessions. */
  async open(): Promise<void> {
    const { link, log, identity } = this.#options;
    this.#boot = await readBootId();
    try {
      this.#storedGen = await this.#file.read();
    } catch (error) {
      log.warn('generation not readable, asking the broker', { error: messageOf(error) });
    }
    link.useKeeper(this);
    link.onDown((down) => this.#take({ kind: 'down', byPeer: down.byPeer }));
    link.onAttemptFailed((error) => {
      this.#take({ kind: 'attempt-failed' });
      // No broker has seen this generation. Taking another per attempt would write to the card all day long.
      this.#isUnused = this.#state.gen > 0 && NEVER_CONNECTED.has(systemCodeOf(error.cause) ?? '');
    });
    const onStatus = (message: { readonly payload: Status }) =>
      this.#take({ kind: 'own-status', status: message.payload });
    const onCleared = () => this.#take({ kind: 'own-status-cleared' });
    if (identity.kind === 'node') link.subscribe(routes.status, { node: identity.node }, onStatus, onCleared);
    else link.subscribe(routes.monitorStatus, { monitor: identity.monitor }, onStatus, onCleared);
    link.subscribe(routes.brokerEpoch, {}, ({ params, payload }) =>
      this.#take({ kind: 'broker-epoch', broker: params.broker, epoch: payload.epoch, state: payload.state }),
    );
  }

  /** Generation and id of the current or last session; generation 0 before the first. */
  get session(): { readonly gen: number; readonly sid: string } {
    return { gen: this.#state.gen, sid: this.#state.sid };
  }

  /** Names this life of the process. */
  get invocation(): string {
    return this.#invocation;
  }

  /** False while the generation cannot be written to disk. */
  get isGenerationKept(): boolean {
    return this.#isGenerationKept;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  /**
   * Calls back when all retained documents must be published: after the first birth, and whenever the broker may not
   * have them (another broker, another epoch, or one that does not tell), then spread over five seconds.
   */
  onRepublish(callback: () => void): () => void {
    this.#republishCallbacks.add(callback);
    return () => this.#republishCallbacks.delete(callback);
  }

  /** Publishes the birth and all retained documents anew, as somebody asked for it. Nothing happens while the link is down. */
  rebirth(): void {
    if (!this.#options.link.isUp) return;
    this.#perform({ kind: 'birth' });
    this.#republish();
  }

  /** Says `stopped`, waits for its PUBACK (the link's endTimeoutMs at most), then DISCONNECT. The link is closed then. */
  async close(reason: StopReason): Promise<void> {
    this.#stopReason = reason;
    this.#take({ kind: 'stop' });
    for (const cancel of this.#cancels) cancel();
    await this.#options.link.close(() => this.#stopPublished);
  }

  /** @inheritdoc */
  async prepare(peek: Peek): Promise<LinkWill> {
    if (this.#state.isContested) this.#take({ kind: 'status-looked-up', status: await this.#lookUp(peek) });
    if (!this.#isUnused) await this.#takeGeneration(peek);
    this.#isUnused = false;
    const { link, identity } = this.#options;
    const topic =
      identity.kind === 'node'
        ? buildTopic(link.root, routes.status, { node: identity.node })
        : buildTopic(link.root, routes.monitorStatus, { monitor: identity.monitor });
    // Both routes carry the same payload; only the first levels of their topics differ.
    const { qos, retain } = routes.status;
    return { topic, payload: encodePayload(routes.status, this.#status('lost')), qos, retain };
  }

  /** @inheritdoc */
  begin(): void {
    this.#take({ kind: 'up' });
  }

  /** @inheritdoc */
  async leave(): Promise<void> {
    this.#take({ kind: 'leave' });
    await this.#leavePublished;
  }

  async #takeGeneration(peek: Peek): Promise<void> {
    const gen = 1 + Math.max(this.#state.genFloor, this.#storedGen ?? (await this.#learnGeneration(peek)));
    this.#storedGen = gen;
    await this.#keepGeneration(gen);
    this.#take({ kind: 'prepared', gen, sid: randomBytes(9).toString('base64url') });
  }

  // The disk has forgotten our generation: the broker may still know a status of ours (rule N4).
  async #learnGeneration(peek: Peek): Promise<number> {
    const { log } = this.#options;
    const status = await this.#lookUp(peek);
    if (status !== undefined) log.info('generation learnt from the broker', { gen: status.gen });
    return status?.gen ?? 0;
  }

  #lookUp(peek: Peek): Promise<Status | undefined> {
    const { identity } = this.#options;
    return identity.kind === 'node'
      ? peek(routes.status, { node: identity.node })
      : peek(routes.monitorStatus, { monitor: identity.monitor });
  }

  // A disk that fails must not keep a node away from its broker; it only makes the next start ask the broker.
  async #keepGeneration(gen: number): Promise<void> {
    try {
      await this.#file.write(gen);
      this.#isGenerationKept = true;
    } catch (error) {
      if (this.#isGenerationKept) this.#options.log.warn('generation not kept', { gen, error: messageOf(error) });
      this.#isGenerationKept = false;
      this.#counters.add('generationWriteFailures');
    }
  }

  #take(event: PresenceEvent): void {
    const { state, effects } = decidePresence(this.#state, event, this.#options.clock.monoMs());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: PresenceEffect): void {
    switch (effect.kind) {
      case 'birth':
        this.#counters.add('births');
        this.#publish('online').catch((error) => {
          this.#options.log.debug('birth not confirmed', { error: messageOf(error) });
        });
        return;
      case 'birth-later':
        this.#after(effect.delayMs, () => this.#take({ kind: 'birth-due' }));
        return;
      case 'renew':
        this.#options.link.reconnect(effect.why);
        return;
      case 'renew-later':
        this.#after(effect.delayMs, () => this.#take({ kind: 'burn-due' }));
        return;
      case 'open-epoch-window':
        this.#openEpochWindow(effect.delayMs);
        return;
      case 'republish':
        this.#after(this.#options.random.next() * effect.spreadMs, () => this.#republish());
        return;
      case 'hold-off':
        this.#options.link.holdOff(effect.delayMs);
        return;
      case 'left':
        this.#leavePublished = this.#publish('stopped', 'moved');
        this.#leavePublished.catch(() => {});
        return;
      case 'stopped':
        this.#stopPublished = this.#publish('stopped');
        // Awaited in close; without this a failure before that would be an unhandled rejection.
        this.#stopPublished.catch(() => {});
        return;
      case 'report':
        this.#report(effect.what);
    }
  }

  #openEpochWindow(delayMs: number): void {
    const session = this.#state.sessions;
    this.#after(delayMs, () => {
      if (this.#state.sessions === session) this.#take({ kind: 'epoch-window-over' });
    });
  }

  #republish(): void {
    if (!this.#options.link.isUp) return;
    this.#counters.add('republishes');
    for (const callback of [...this.#republishCallbacks]) callback();
  }

  #report(what: Extract<PresenceEffect, { kind: 'report' }>['what']): void {
    const { log } = this.#options;
    const { gen } = this.#state;
    if (what === 'older-status') {
      this.#counters.add('statusRepairs');
      log.info('own status was out of date', { gen });
    } else if (what === 'dead-generation') {
      this.#counters.add('generationsBurnt');
      log.warn('own generation was declared dead, taking a new one', { gen });
    } else if (what === 'newer-generation') {
      this.#counters.add('newerGenerations');
      log.warn('own status shows a newer generation, taking one above it', { gen });
    } else {
      this.#counters.add('duplicateIdentity');
      log.error('session taken over again and again', { hint: 'is there a second device with this name or card?' });
    }
  }

  #publish(state: 'online' | 'stopped', reason = this.#stopReason): Promise<void> {
    const { link, identity } = this.#options;
    const status = this.#status(state, reason);
    if (identity.kind === 'node') return link.publish(routes.status, { node: identity.node }, status);
    return link.publish(routes.monitorStatus, { monitor: identity.monitor }, status);
  }

  #status(state: Status['state'], reason = this.#stopReason): Status {
    return {
      v: SCHEMA_MINOR,
      state,
      gen: this.#state.gen,
      sid: this.#state.sid,
      inv: this.#invocation,
      boot: this.#boot,
      version: this.#options.version,
      ...(state === 'stopped' ? { reason } : {}),
    };
  }

  #after(delayMs: number, act: () => void): void {
    if (delayMs <= 0) {
      act();
      return;
    }
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      act();
    });
    this.#cancels.add(cancel);
  }
}

/** System errors after which no byte of ours can have reached a broker. */
const NEVER_CONNECTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND']);

async function readBootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    // Not Linux: a random id only means that a reboot cannot be told from a restart.
    return randomBytes(16).toString('hex');
  }
}
