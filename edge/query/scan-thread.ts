import { Worker } from 'node:worker_threads';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { keepHeapSmall } from '../../base/small-heap.js';
import type { QuerySpec } from '../../protocol/query.js';
import type { AnswerHeader } from './answer-encoding.js';
import type { LogSlice, SegmentFile } from './log-reader.js';
import type { QueryLimits } from './query-limits.js';
import type { ScanLimits, ScanReply, ScanRequest } from './scan-message.js';

/** What to look through for one query. */
export type Scan = {
  readonly spec: QuerySpec;
  readonly slices: readonly LogSlice[];
  /** Files are read again, whatever is known of them. */
  readonly isFresh: boolean;
  /** Asked for when the turn comes; what it throws ends the query. */
  readonly header: () => AnswerHeader;
};

export type ScanThreadOptions = {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: QueryLimits;
  /** The thread's module, compiled; beside this one unless told (tests run from sources). */
  readonly workerUrl?: URL;
};

type Waiting = { readonly job: number; readonly settle: (reply: ScanReply | Error) => void };

/** The thread that looks through records: there from the first segment or query on, or again from the next. One job at a time. */
export class ScanThread {
  readonly #options: ScanThreadOptions;
  readonly #counters = new Counters(['scans', 'recordsScanned', 'segmentsRead', 'failures', 'threadEnds'] as const);
  #worker: Worker | undefined;
  #lastJob = 0;
  #waiting: Waiting | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: ScanThreadOptions) {
    this.#options = options;
  }

  /** Starts the thread unless it is there. */
  open(): void {
    this.#worker ??= this.#start();
  }

  /** Reads segments ahead, slowly, so that the first query finds them. Without any the thread is not needed yet. */
  warm(files: readonly SegmentFile[]): void {
    if (this.#isClosed || files.length === 0) return;
    this.open();
    this.#post({ kind: 'warm', files });
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  /** Looks through slices for one query. @throws OperationError try-again if the thread ended, timeout after `scanMs` */
  scan(scan: Scan): Promise<ScanReply> {
    const turn = this.#turn.then(() => this.#scan(scan));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting?.settle(this.#unavailable('the node stops'));
    await this.#worker?.terminate();
  }

  async #scan({ spec, slices, isFresh, header: makeHeader }: Scan): Promise<ScanReply> {
    if (this.#isClosed) throw this.#unavailable('the node stops');
    const header = makeHeader();
    this.open();
    const job = ++this.#lastJob;
    const reply = this.#reply(job);
    this.#counters.add('scans');
    this.#post({ kind: 'begin', job, spec, isFresh });
    for (const chunk of chunksOf(slices, this.#options.limits.chunkSegments)) {
      this.#post({ kind: 'slices', job, slices: chunk });
      // Naming a month of segments in one go would keep the link waiting.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#post({ kind: 'end', job, header });
    return await reply;
  }

  #post(request: ScanRequest): void {
    this.#worker?.postMessage(request);
  }

  #reply(job: number): Promise<ScanReply> {
    const { clock, limits } = this.#options;
    const reply = new Promise<ScanReply>((resolve, reject) => {
      const cancel = clock.after(limits.scanMs, () => {
        // Nothing else stops a thread that computes; what it knew is read again.
        void this.#worker?.terminate();
        this.#worker = undefined;
        settle(new OperationError({ code: 'timeout', ...SCAN, message: `not through in ${limits.scanMs} ms` }));
      });
      const settle = (outcome: ScanReply | Error) => {
        cancel();
        this.#waiting = undefined;
        if (outcome instanceof Error) {
          this.#counters.add('failures');
          reject(outcome);
          return;
        }
        if (outcome.kind === 'done') {
          this.#counters.add('recordsScanned', outcome.recordsScanned);
          this.#counters.add('segmentsRead', outcome.segmentsRead);
        }
        resolve(outcome);
      };
      this.#waiting = { job, settle };
    });
    // It may fail before anybody awaits it.
    reply.catch(() => {});
    return reply;
  }

  #start(): Worker {
    const { limits, log } = this.#options;
    const url = this.#options.workerUrl ?? new URL('./scan-worker.js', import.meta.url);
    const { columnsRecords, partBytes, warmPauseMs } = limits;
    const workerData: ScanLimits = { columnsRecords, partBytes, warmPauseMs };
    const worker = new Worker(url, { workerData, name: 'record-scan' });
    worker.once('online', keepHeapSmall);
    worker.on('message', (reply: ScanReply) => {
      if (reply.job === this.#waiting?.job) this.#waiting.settle(reply);
    });
    worker.on('error', (error) => log.error('record scan failed', { error: messageOf(error) }));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#counters.add('threadEnds');
      this.#waiting?.settle(this.#unavailable('the thread ended'));
    });
    // Queries must not keep a process alive that has nothing else to do.
    worker.unref();
    return worker;
  }

  #unavailable(message: string): OperationError {
    return new OperationError({ code: 'try-again', ...SCAN, message, transient: true });
  }
}

const SCAN = { op: 'look through', subject: 'records' } as const;

/** Slices in chunks with at most so many segments each. */
export function chunksOf(slices: readonly LogSlice[], segmentsMax: number): LogSlice[][] {
  const chunks: LogSlice[][] = [];
  let room = 0;
  for (const slice of slices) {
    for (let i = 0; i === 0 || i < slice.segments.length; ) {
      if (room <= 0) {
        chunks.push([]);
        room = segmentsMax;
      }
      const segments = slice.segments.slice(i, i + room);
      const isLast = i + segments.length >= slice.segments.length;
      // A slice without segments costs as much as one with some.
      chunks.at(-1)?.push({ ...slice, segments, lines: isLast ? slice.lines : [] });
      room -= Math.max(1, segments.length);
      i += Math.max(1, segments.length);
    }
  }
  return chunks;
}
