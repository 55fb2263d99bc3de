import { loginOf } from './broker-pair.js';
import { beatPayload, livePayload, seqOfLive } from './fleet-messages.js';
import { LoadClient, publishPacket } from './load-client.js';
import { paced, publishAll, settled } from './mqtt-load.js';

/** Logins at a time: as many as a broker lets wait before it refuses an address. */
const LOGINS_AT_ONCE = 32;
/** How long what was sent may take to arrive once nothing more is sent. */
const SETTLE_MS = 10_000;
/** How long all messages may take at full speed. */
const FULL_SPEED_MS = 120_000;
/** Messages of one board without a PUBACK, when boards send as fast as they can. */
const BOARD_WINDOW = 4;

export type Delays = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Deliveries that arrived, of those that were due. */
  readonly share: number;
};

/** Light boards, each a connection of its own: they say what a node with one camera says, and infer nothing. */
export class SimulatedBoards {
  readonly #port: number;
  readonly #names: readonly string[];
  readonly #boards: LoadClient[] = [];
  readonly #readers: LoadClient[] = [];

  constructor(port: number, names: readonly string[]) {
    this.#port = port;
    this.#names = names;
  }

  /** Connects all of them. @returns how long their logins took, ms */
  async connect(): Promise<number> {
    const before = performance.now();
    for (let from = 0; from < this.#names.length; from += LOGINS_AT_ONCE) {
      const group = this.#names.slice(from, from + LOGINS_AT_ONCE);
      const boards = group.map(() => new LoadClient(this.#port));
      this.#boards.push(...boards);
      await Promise.all(boards.map((board, i) => board.logIn(loginOf(group[i] ?? ''))));
    }
    return performance.now() - before;
  }

  close(): void {
    for (const client of [...this.#boards, ...this.#readers]) client.close();
  }

  /** Each board beats once and publishes one record a second; one listener, as a monitor or a script, hears all. */
  async heardByOne(seconds: number): Promise<Delays> {
    const reader = await this.#reader('vedette/1/#');
    return this.#pace(seconds, [reader], true);
  }

  /** Each board publishes one record a second, and all boards hear all: every one holds a replica of everybody. */
  async heardByAll(seconds: number): Promise<Delays> {
    await Promise.all(this.#boards.map((board) => board.subscribe('vedette/1/node/+/live')));
    return this.#pace(seconds, this.#boards, false);
  }

  /** All boards publish as fast as PUBACKs come, and one listener hears all. @returns messages a second */
  async atFullSpeed(messages: number): Promise<number> {
    const reader = await this.#reader('vedette/1/node/+/live');
    const each = Math.ceil(messages / this.#boards.length);
    let missing = each * this.#boards.length;
    reader.onMessage = () => missing--;
    const before = performance.now();
    for (const [i, board] of this.#boards.entries()) {
      const topic = this.#topic(i, 'live');
      void publishAll(board, each, (number) => ({ topic, payload: livePayload(number + 1) }), BOARD_WINDOW);
    }
    await settled(() => missing === 0 || this.#someClosed(), FULL_SPEED_MS);
    if (missing > 0) throw new Error(`at full speed ${missing} of ${each * this.#boards.length} messages never came`);
    return (each * this.#boards.length * 1000) / (performance.now() - before);
  }

  #someClosed(): boolean {
    return [...this.#boards, ...this.#readers].some((client) => client.isClosed);
  }

  async #pace(seconds: number, readers: readonly LoadClient[], withBeats: boolean): Promise<Delays> {
    const messages = seconds * this.#boards.length;
    const dueMsOf: number[] = [];
    const delaysMs: number[] = [];
    for (const reader of readers) {
      reader.onMessage = ({ body, payloadAt }) => {
        const dueMs = dueMsOf[seqOfLive(body, payloadAt)];
        // What is no record has no number, and records of an earlier round have another one.
        if (dueMs !== undefined) delaysMs.push(performance.now() - dueMs);
      };
    }
    await paced(messages, this.#boards.length, (number, dueMs) => {
      const index = number % this.#boards.length;
      const board = this.#boards[index];
      const seq = number + 1;
      dueMsOf[seq] = dueMs;
      if (withBeats) {
        board?.send(publishPacket({ topic: this.#topic(index, 'beat'), payload: beatPayload(seq) }));
      }
      board?.send(publishPacket({ topic: this.#topic(index, 'live'), payload: livePayload(seq), number }));
    });
    const due = messages * readers.length;
    await settled(() => delaysMs.length >= due, SETTLE_MS);
    for (const reader of readers) reader.onMessage = () => {};
    delaysMs.sort((a, b) => a - b);
    const at = (quantile: number) => delaysMs[Math.floor(quantile * (delaysMs.length - 1))] ?? Number.NaN;
    return { p50Ms: at(0.5), p99Ms: at(0.99), share: delaysMs.length / due };
  }

  async #reader(filter: string): Promise<LoadClient> {
    const reader = new LoadClient(this.#port);
    await reader.logIn(loginOf('alice', `alice.${this.#readers.length}`));
    this.#readers.push(reader);
    await reader.subscribe(filter);
    return reader;
  }

  #topic(index: number, what: 'live' | 'beat'): string {
    return `vedette/1/node/${this.#names[index]}/${what}`;
  }
}
