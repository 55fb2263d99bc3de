import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { keepHeapSmall } from '../../base/small-heap.js';
import { parseJson } from '../../protocol/codec.js';
import type { RecordLine } from './epoch-shelf.js';
import type { IndexReply, IndexRequest } from './index-message.js';
import type { RecordLog } from './record-log.js';
import type { IndexDocument, RecordQuery } from './record-query.js';

export type RecordIndexOptions = {
  readonly records: RecordLog;
  readonly clock: Clock;
  readonly log: Log;
  /** Records in the window; about 2 kB of memory each. */
  readonly documentsMax: number;
  /** The worker's module, compiled; beside this one unless told (tests run from sources). */
  readonly workerUrl?: URL;
};

/** NeDB takes 24,000 records/s in batches of 256 and 2,700 one by one. */
const BATCH_RECORDS = 256;
/** A query sees a record at most this long after its append. */
const GATHER_MS = 500;
const GATHERED_ENOUGH = 64;
const REQUEST_TIMEOUT_MS = 30_000;
const RESTART_MS = 5_000;
/** A thread costs 10 MiB and its window 2 kB a record: nobody has asked for so long, nobody needs them. */
const IDLE_MS = 60_000;

type Waiting = { readonly settle: (reply: IndexReply | Error) => void };
type Position = { epoch: string; nextSeq: number };

const Indexed = z.looseObject({
  t: z.number(),
  k: z.string(),
  c: z.string().optional(),
  l: z.string().optional(),
});

/**
 * The NeDB index of the node's own records, in a worker thread that is there while somebody asks. It follows the log by
 * itself, so that it holds what the files hold after every start: there is no second truth that could disagree.
 */
export class RecordIndex {
  readonly #options: RecordIndexOptions;
  readonly #counters = new Counters(['inserted', 'queries', 'failures', 'workerRestarts'] as const);
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #position: Position | undefined;
  #isFollowing = false;
  #isWakeWanted = false;
  #cancelGather: (() => void) | undefined;
  #cancelIdle = () => {};
  #sinceMs = 0;
  #size = 0;
  #isClosed = false;

  constructor(options: RecordIndexOptions) {
    this.#options = options;
  }

  /** Starts the worker unless it is there, and begins to read the window from the log; returns at once. */
  open(): void {
    this.#cancelIdle();
    this.#cancelIdle = this.#options.clock.after(IDLE_MS, () => void this.#rest());
    if (this.#worker !== undefined || this.#isClosed) return;
    this.#startWorker();
    this.#follow();
  }

  /** A record was appended. Cheap. */
  wake(): void {
    if (this.#worker === undefined) return;
    const backlog = this.#backlog();
    if (backlog >= GATHERED_ENOUGH) this.#follow();
    else this.#cancelGather ??= this.#options.clock.after(GATHER_MS, () => this.#follow());
  }

  /** Time of the oldest record in the window, wall clock ms. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get size(): number {
    return this.#size;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  /** Records of the live epoch that are in the log and not yet in the index; 0 while there is none. */
  get backlog(): number {
    return this.#worker === undefined ? 0 : this.#backlog();
  }

  /**
   * The newest records that meet a query, newest first, from the window alone.
   * @throws OperationError try-again while the worker restarts, timeout
   */
  async find(query: RecordQuery): Promise<readonly IndexDocument[]> {
    this.#counters.add('queries');
    this.open();
    await this.#catchUp();
    return (await this.#request((id) => ({ id, kind: 'find', query }))).documents;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelIdle();
    this.#cancelGather?.();
    for (const { settle } of this.#waiting.values()) settle(this.#unavailable('the index is closed'));
    await this.#worker?.terminate();
  }

  // What it held is read from the log again by the next who asks.
  async #rest(): Promise<void> {
    const worker = this.#worker;
    if (this.#waiting.size > 0) return this.open();
    this.#worker = undefined;
    this.#position = undefined;
    this.#size = 0;
    this.#sinceMs = 0;
    await worker?.terminate();
  }

  #startWorker(): void {
    const url = this.#options.workerUrl ?? new URL('./index-worker.js', import.meta.url);
    const worker = new Worker(url, { workerData: { documentsMax: this.#options.documentsMax }, name: 'record-index' });
    worker.once('online', keepHeapSmall);
    this.#worker = worker;
    worker.on('message', (reply: IndexReply) => {
      this.#sinceMs = reply.sinceMs;
      this.#size = reply.size;
      const failed = reply.error === undefined ? undefined : this.#unavailable(reply.error);
      this.#waiting.get(reply.id)?.settle(failed ?? reply);
    });
    worker.on('error', (error) => this.#options.log.error('record index failed', { error: messageOf(error) }));
    worker.on('exit', () => this.#noteExit(worker));
    // The index must not keep a process alive that has nothing else to do.
    worker.unref();
  }

  #noteExit(worker: Worker): void {
    if (this.#isClosed || this.#worker !== worker) return;
    this.#worker = undefined;
    this.#position = undefined;
    this.#counters.add('workerRestarts');
    for (const { settle } of this.#waiting.values()) settle(this.#unavailable('the index restarts'));
    this.#options.clock.after(RESTART_MS, () => {
      if (this.#isClosed || this.#worker !== undefined) return;
      this.#startWorker();
      this.#follow();
    });
  }

  #follow(): void {
    this.#cancelGather?.();
    this.#cancelGather = undefined;
    this.#isWakeWanted = true;
    if (this.#isFollowing || this.#isClosed) return;
    this.#isFollowing = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWakeWanted && this.#worker !== undefined && !this.#isClosed) {
        this.#isWakeWanted = false;
        await this.#catchUp();
      }
    } catch (error) {
      this.#counters.add('failures');
      this.#options.log.warn('record index fell behind', { error: messageOf(error) });
    } finally {
      this.#isFollowing = false;
    }
  }

  #catching: Promise<void> | undefined;

  #catchUp(): Promise<void> {
    this.#catching ??= this.#insertNew().finally(() => {
      this.#catching = undefined;
    });
    return this.#catching;
  }

  async #insertNew(): Promise<void> {
    const { records } = this.#options;
    this.#position ??= this.#windowStart();
    for (let position = this.#position; position !== undefined; position = this.#position) {
      const until = records.publishableSeq(position.epoch);
      const lines = await records.read(position.epoch, position.nextSeq, BATCH_RECORDS);
      const ready = lines.filter(({ s }) => s <= until);
      const last = ready.at(-1);
      if (last !== undefined) {
        const documents = ready.flatMap((line) => buildDocument(position.epoch, line));
        await this.#request((id) => ({ id, kind: 'insert', documents }));
        this.#counters.add('inserted', documents.length);
        position.nextSeq = last.s + 1;
        continue;
      }
      const next = this.#epochAfter(position.epoch);
      if (next === undefined) return;
      this.#position = { epoch: next, nextSeq: 1 };
    }
  }

  // The window begins so many records before the end of the log, counted over epochs from the newest back.
  #windowStart(): Position | undefined {
    const extents = this.#options.records.extents();
    let room = this.#options.documentsMax;
    for (const { epoch, first } of [...extents].reverse()) {
      const count = this.#options.records.publishableSeq(epoch) - first + 1;
      if (count >= room) return { epoch, nextSeq: first + count - room };
      room -= count;
    }
    const oldest = extents[0];
    return oldest === undefined ? undefined : { epoch: oldest.epoch, nextSeq: oldest.first };
  }

  #epochAfter(epoch: string): string | undefined {
    const extents = this.#options.records.extents();
    const index = extents.findIndex((extent) => extent.epoch === epoch);
    return extents[index + 1]?.epoch;
  }

  #backlog(): number {
    const { records } = this.#options;
    const live = records.liveEpoch;
    if (live === undefined) return 0;
    const next = this.#position?.epoch === live ? this.#position.nextSeq : 1;
    return Math.max(0, records.publishableSeq(live) - next + 1);
  }

  #request(build: (id: number) => IndexRequest): Promise<IndexReply> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.reject(this.#unavailable('the index restarts'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(REQUEST_TIMEOUT_MS, () => settle(this.#unavailable('no answer')));
      const settle = (reply: IndexReply | Error) => {
        cancel();
        this.#waiting.delete(id);
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      };
      this.#waiting.set(id, { settle });
      worker.postMessage(build(id));
    });
  }

  #unavailable(message: string): OperationError {
    return new OperationError({ code: 'try-again', op: 'ask', subject: 'record index', message, transient: true });
  }
}

/** The document of a record line; none if the line is not one of ours. */
export function buildDocument(epoch: string, { s, text }: RecordLine): IndexDocument[] {
  const parsed = Indexed.safeParse(parseJson(text));
  if (!parsed.success) return [];
  const { t, k, c = null, l = null } = parsed.data;
  return [{ _id: `${epoch}/${s}`, e: epoch, s, t, k, c, l, text }];
}
