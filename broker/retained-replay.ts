import type { Transform } from 'node:stream';
import type { Retained } from './retained-store.js';

/** On their way to one reader at a time. Well under the queue at which a reader counts as slow. */
const MESSAGES_MAX = 64;
const BYTES_MAX = 256 * 1024;

/**
 * The retained messages for a SUBSCRIBE, as the stream that Aedes pipes into its sender. A real stream hands over the
 * next message when the last one is written, which takes two turns of the event loop and a system call each: 50,000
 * messages took 3.5 s. This one keeps several on their way, and they leave in one write. What is next is looked up at
 * its own moment; a reader that takes nothing holds the rest back.
 */
export class RetainedReplay {
  readonly #messages: Iterator<Retained>;
  #sending = 0;
  #bytes = 0;
  #pumping = false;

  constructor(messages: Iterator<Retained>) {
    this.#messages = messages;
  }

  pipe(sender: Transform): void {
    this.#pump(sender);
  }

  #pump(sender: Transform): void {
    // A callback may come at once.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#sending < MESSAGES_MAX && this.#bytes < BYTES_MAX) {
      const next = this.#messages.next();
      if (next.done === true) break;
      const message = next.value;
      this.#sending++;
      this.#bytes += message.payload.byteLength;
      sender._transform({ ...message, cmd: 'publish', retain: true }, 'utf8', () => {
        this.#sending--;
        this.#bytes -= message.payload.byteLength;
        this.#pump(sender);
      });
    }
    this.#pumping = false;
  }
}
