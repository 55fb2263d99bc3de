import type { Clock } from '../../base/clock.js';
import type { TlsMaterial } from '../../base/link/broker-stream.js';
import { DEFAULT_LINK_LIMITS } from '../../base/link/link-limits.js';
import type { MqttSession } from '../../base/link/mqtt-session.js';
import { SessionLoop } from '../../base/link/session-loop.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';

export type DeviceLinkOptions = {
  readonly url: string;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: TlsMaterial;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** The last message of a topic and when it came, monotonic clock. */
export type Newest = { readonly payload: Uint8Array; readonly atMonoMs: number };

type Watched = { watchers: number; newest: Newest | undefined };

/** What devices send is small; a packet that announces more ends the session before it is read. */
const PACKET_BYTES_MAX = 256 * 1024;

/**
 * The connection to a broker where devices of others publish, which need not be ours: it reads the topics it is told and
 * says nothing. It connects again for as long as the node lives.
 */
export class DeviceLink {
  readonly #loop: SessionLoop;
  readonly #log: Log;
  readonly #watched = new Map<string, Watched>();
  #session: MqttSession | undefined;
  /** Why there is nothing to hear at present; undefined while there is a session. */
  trouble: string | undefined = 'not connected yet';
  readonly #refused = new Set<string>();

  constructor(options: DeviceLinkOptions) {
    this.#log = options.log;
    this.#loop = new SessionLoop({
      ...options,
      urls: [options.url],
      root: '',
      limits: { ...DEFAULT_LINK_LIMITS, incomingBytesMax: PACKET_BYTES_MAX },
      leader: undefined,
      keeper: () => undefined,
      onMessage: (topic, payload) => {
        const watched = this.#watched.get(topic);
        if (watched !== undefined) watched.newest = { payload, atMonoMs: options.clock.monoMs() };
      },
      onUp: (session) => {
        this.#session = session;
        this.trouble = undefined;
        this.#refused.clear();
        for (const topic of this.#watched.keys()) void this.#subscribe(session, topic);
      },
      onDown: ({ error }) => {
        this.#session = undefined;
        this.trouble = error.message;
      },
      onFailed: (error) => {
        this.trouble = error.message;
      },
    });
    this.#loop.open();
  }

  /** Hears a topic from now on, until as many have called `unwatch`. */
  watch(topic: string): void {
    const watched = this.#watched.get(topic) ?? { watchers: 0, newest: undefined };
    if (watched.watchers++ > 0) return;
    this.#watched.set(topic, watched);
    if (this.#session !== undefined) void this.#subscribe(this.#session, topic);
  }

  unwatch(topic: string): void {
    const watched = this.#watched.get(topic);
    if (watched === undefined || --watched.watchers > 0) return;
    this.#watched.delete(topic);
    this.#session?.unsubscribe(topic);
  }

  /** The last message of a topic that is watched; of a flood only that is kept. */
  newest(topic: string): Newest | undefined {
    return this.#watched.get(topic)?.newest;
  }

  /** True where the broker does not let us hear it. */
  isRefused(topic: string): boolean {
    return this.#refused.has(topic);
  }

  /** True while somebody watches something. */
  get isUsed(): boolean {
    return this.#watched.size > 0;
  }

  close(): Promise<void> {
    return this.#loop.close();
  }

  async #subscribe(session: MqttSession, topic: string): Promise<void> {
    try {
      this.#refused.delete(topic);
      if (await session.subscribe(topic, 0)) return;
      this.#refused.add(topic);
      this.#log.warn('a broker refuses the topic of a sensor', { topic });
    } catch {
      // The session is over: the next one subscribes again.
    }
  }
}
