import type { AedesPublishPacket } from 'aedes';
import type { Clock } from '../base/clock.js';
import { SubscriptionTree } from './subscription-tree.js';

type Callback = (error?: Error | null) => void;
type Notify = (packet: AedesPublishPacket, done: Callback) => void;

/** One subscription of one client, and how its deliveries fare. */
type Listener = {
  readonly notify: Notify;
  /** Deliveries not yet written to the socket. */
  pending: number;
  /** Monotonic time of the last sign of life while something is pending. */
  sinceMonoMs: number;
  stuck: boolean;
};

type Emission = { remaining: number; readonly done: Callback };

/**
 * How long a publisher waits for a reader whose socket is full. Long enough for a reader that is only slower (it sets
 * the pace), short enough that a frozen one costs the others one wait, once: the goal is under 100 ms.
 */
const PATIENCE_MS = 40;
const SWEEP_MS = 20;
/** Topics whose listeners are remembered. 1,000 nodes with ten busy topics each. */
const CACHED_TOPICS_MAX = 10_000;

/**
 * Passes messages from publishers to subscriptions; what Aedes calls an mqemitter.
 * The one that comes with it either queues behind a frozen reader (100 messages later nobody gets anything until its
 * drain timeout) or, without a limit, makes its publishers wait as long. Here a listener that has not moved for
 * PATIENCE_MS is waited for no longer; its messages go on into its own socket buffer, which is limited where it is
 * written (`socket-guard.ts`). Matches are remembered per topic, which is most of what a message costs.
 */
export class Emitter {
  readonly #clock: Clock;
  readonly #tree = new SubscriptionTree<Listener>();
  readonly #byNotify = new Map<Notify, Map<string, Listener>>();
  readonly #cache = new Map<string, readonly Listener[]>();
  readonly #busy = new Map<Listener, Set<Emission>>();
  readonly #cancelSweep: () => void;
  #closed = false;
  /** Aedes reads these of its emitter. */
  readonly concurrency = 0;
  current = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#cancelSweep = clock.every(SWEEP_MS, () => this.#sweep());
  }

  on(filter: string, notify: Notify, done?: () => void): this {
    const listener: Listener = { notify, pending: 0, sinceMonoMs: 0, stuck: false };
    let byFilter = this.#byNotify.get(notify);
    if (byFilter === undefined) {
      byFilter = new Map();
      this.#byNotify.set(notify, byFilter);
    }
    if (!byFilter.has(filter)) {
      byFilter.set(filter, listener);
      this.#tree.add(filter, listener);
      this.#cache.clear();
    }
    if (done) setImmediate(done);
    return this;
  }

  removeListener(filter: string, notify: Notify, done?: () => void): this {
    const byFilter = this.#byNotify.get(notify);
    const listener = byFilter?.get(filter);
    if (byFilter !== undefined && listener !== undefined) {
      this.#tree.remove(filter, listener);
      byFilter.delete(filter);
      if (byFilter.size === 0) this.#byNotify.delete(notify);
      this.#cache.clear();
    }
    if (done) setImmediate(done);
    return this;
  }

  emit(packet: AedesPublishPacket, done: Callback = () => {}): this {
    if (this.#closed) {
      done(new Error('the broker is closed'));
      return this;
    }
    const listeners = this.#listenersOf(packet.topic);
    const emission: Emission = { remaining: 1, done };
    for (const listener of listeners) this.#deliver(listener, packet, emission);
    this.#finish(emission);
    return this;
  }

  close(done: () => void): this {
    this.#closed = true;
    this.#cancelSweep();
    setImmediate(done);
    return this;
  }

  #listenersOf(topic: string): readonly Listener[] {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    if (this.#cache.size >= CACHED_TOPICS_MAX) this.#cache.clear();
    const found = this.#tree.match(topic);
    this.#cache.set(topic, found);
    return found;
  }

  #deliver(listener: Listener, packet: AedesPublishPacket, emission: Emission): void {
    if (listener.pending++ === 0) listener.sinceMonoMs = this.#clock.monoMs();
    let awaited = !listener.stuck;
    if (awaited) {
      emission.remaining++;
      this.#waitersOf(listener).add(emission);
    }
    listener.notify(packet, () => {
      listener.sinceMonoMs = this.#clock.monoMs();
      if (--listener.pending === 0) {
        listener.stuck = false;
        // What the sweep let go of is no longer in the set.
        const waiters = this.#busy.get(listener);
        this.#busy.delete(listener);
        if (awaited && waiters?.delete(emission)) this.#finish(emission);
      } else if (awaited && this.#busy.get(listener)?.delete(emission)) this.#finish(emission);
      awaited = false;
    });
  }

  #waitersOf(listener: Listener): Set<Emission> {
    let waiters = this.#busy.get(listener);
    if (waiters === undefined) {
      waiters = new Set();
      this.#busy.set(listener, waiters);
    }
    return waiters;
  }

  #sweep(): void {
    const nowMonoMs = this.#clock.monoMs();
    for (const [listener, waiters] of this.#busy) {
      if (nowMonoMs - listener.sinceMonoMs < PATIENCE_MS) continue;
      listener.stuck = true;
      this.#busy.delete(listener);
      for (const emission of waiters) this.#finish(emission);
    }
  }

  #finish(emission: Emission): void {
    if (--emission.remaining === 0) emission.done();
  }
}
