import type { Client } from 'aedes';
import type { Clock } from '../base/clock.js';

const SWEEP_MS = 250;
/** A healthy disk answers in a few ms, a busy card in some hundred. */
const PATIENCE_MS = 500;

type Held = { readonly client: Client; readonly sinceMonoMs: number };

/**
 * Publishes that wait for the journal. Aedes reads no further on a connection while its packets are being handled: with
 * a disk that fails, a node's pings would lie unread, and a full disk of the broker would look like the death of the
 * whole fleet. After half a second a waiting publish no longer holds up what comes behind it.
 */
export class HeldPublishes {
  readonly #clock: Clock;
  readonly #held = new Set<Held>();
  readonly #cancel: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#cancel = clock.every(SWEEP_MS, () => this.#sweep());
  }

  close(): void {
    this.#cancel();
  }

  /** Notes a publish; the returned function tells that it waits no more. */
  add(client: Client): () => void {
    const held: Held = { client, sinceMonoMs: this.#clock.monoMs() };
    this.#held.add(held);
    return () => this.#held.delete(held);
  }

  #sweep(): void {
    const nowMonoMs = this.#clock.monoMs();
    for (const held of this.#held) {
      // In the order of their coming, so the rest is younger still.
      if (nowMonoMs - held.sinceMonoMs < PATIENCE_MS) break;
      this.#held.delete(held);
      // Aedes (1.2.0) counts the packets it handles and reads on when a `readable` brings the count to zero: one event
      // takes one packet out of the count, and its own end, when it comes, changes nothing any more.
      if (!held.client.closed) held.client.conn.emit('readable');
    }
  }
}
