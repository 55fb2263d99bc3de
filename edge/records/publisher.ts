import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import { routes } from '../../protocol/routes.js';
import type { CursorFile } from './cursor-file.js';
import type { RecordLine } from './epoch-shelf.js';
import { type Batch, EpochStream } from './epoch-stream.js';
import { encodeLive, takeRun } from './live-batch.js';
import type { RecordLimits } from './record-limits.js';
import type { RecordLog } from './record-log.js';

export type PublisherOptions = {
  readonly link: Link;
  readonly records: RecordLog;
  readonly cursor: CursorFile;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RecordLimits;
};

const COUNTER_NAMES = ['batches', 'records', 'resent', 'failures', 'skipped', 'unsendable', 'expiredUnsent'] as const;

/** Lines read from the log at a time: one closed segment is inflated once, not eight times. */
const READ_AHEAD = 256;
/** A failure that is not the link's end (a full window, a missing PUBACK) is tried again after this. */
const RETRY_MS = 1_000;
/** Several older epochs end within this of each other; the position is written once for them. */
const SAVE_AFTER_CATCH_UP_MS = 500;

/**
 * Sends the log as it grows on `live`, and again what the link or the process lost, from the files. In order in each
 * epoch; the newest epoch goes first, older ones fill the pauses. Nothing is queued here: the log is the queue, bounded by
 * its retention.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #streams = new Map<string, EpochStream>();
  #confirmed = new Map<string, number>();
  #ahead: { readonly epoch: string; lines: readonly RecordLine[] } | undefined;
  #isPumping = false;
  /** A batch failed: nothing is sent until the retry is due or the link is up anew. */
  #isResting = false;
  #isPumpWanted = false;
  #cancelBatch: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #batchSinceMonoMs: number | undefined;
  #stops: (() => void)[] = [];
  #isCursorStale = false;
  #isClosed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Reads the cursor and takes up every epoch that was not published to its end. Call after the log is open. */
  async open(): Promise<void> {
    const { link, clock, limits, records, cursor } = this.#options;
    const confirmed = await cursor.read();
    for (const { epoch, seq, first } of records.extents()) {
      const position = Math.max(confirmed.get(epoch) ?? 0, first - 1);
      this.#confirmed.set(epoch, position);
      if (position < seq) this.#streams.set(epoch, new EpochStream(epoch, position));
    }
    this.#stops = [link.onUp(() => this.#goOn()), clock.every(limits.cursorMs, () => void this.#saveCursor())];
  }

  /** There may be something to send: a record was appended. Cheap. */
  wake(): void {
    this.#isPumpWanted = true;
    if (this.#isPumping || this.#isResting || this.#isClosed) return;
    this.#isPumping = true;
    void this.#pump();
  }

  /** Records that were appended and not confirmed by a broker. */
  get backlog(): number {
    const { records } = this.#options;
    let backlog = 0;
    for (const { epoch } of records.extents()) {
      backlog += Math.max(0, records.publishableSeq(epoch) - this.confirmedSeq(epoch));
    }
    return backlog;
  }

  /** Largest seq of an epoch up to which a broker confirmed everything. */
  confirmedSeq(epoch: string): number {
    return this.#streams.get(epoch)?.confirmedSeq ?? this.#confirmed.get(epoch) ?? 0;
  }

  /** Retention gave up records: those that were never sent are counted and returned. */
  noteExpired(epoch: string, first: number, last: number): number {
    const unsent = Math.max(0, last - Math.max(first - 1, this.confirmedSeq(epoch)));
    this.#counters.add('expiredUnsent', unsent);
    this.#streams.get(epoch)?.skipTo(last);
    return unsent;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  /** Stops sending and writes down how far it came. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelBatch?.();
    this.#cancelSave?.();
    for (const stop of this.#stops) stop();
    await this.#saveCursor();
  }

  async #pump(): Promise<void> {
    try {
      while (this.#isPumpWanted && !this.#isResting && this.#options.link.isUp && !this.#isClosed) {
        this.#isPumpWanted = false;
        const isSent = (await this.#pumpLive()) || (await this.#pumpOlder());
        if (isSent) this.#isPumpWanted = true;
      }
    } catch (error) {
      this.#options.log.error('publishing stumbled', { error: messageOf(error) });
      this.#wakeLater(RETRY_MS);
    } finally {
      this.#isPumping = false;
    }
  }

  // True if a batch was sent and there may be more to send at once.
  async #pumpLive(): Promise<boolean> {
    const { records, limits } = this.#options;
    const epoch = records.liveEpoch;
    if (epoch === undefined) return false;
    const stream = this.#stream(epoch);
    const waiting = records.publishableSeq(epoch) - stream.nextSeq + 1;
    if (waiting <= 0 || stream.underWay >= limits.batchesInFlight) return false;
    if (!this.#isBatchRipe(stream, waiting)) return false;
    this.#batchSinceMonoMs = undefined;
    return this.#sendNext(stream);
  }

  // A lone record goes at once; others gather while one batch is under way, until 32 of them or 200 ms.
  #isBatchRipe(stream: EpochStream, waiting: number): boolean {
    const { clock, limits } = this.#options;
    if (stream.underWay === 0 || waiting >= limits.batchRecords) return true;
    this.#batchSinceMonoMs ??= clock.monoMs();
    const leftMs = this.#batchSinceMonoMs + limits.batchMs - clock.monoMs();
    if (leftMs <= 0) return true;
    this.#wakeLater(leftMs);
    return false;
  }

  // Older epochs one batch at a time, so that history never fills the window of what happens now.
  async #pumpOlder(): Promise<boolean> {
    const { records } = this.#options;
    for (const stream of [...this.#streams.values()].reverse()) {
      if (stream.epoch === records.liveEpoch || records.isEnding(stream.epoch)) continue;
      if (stream.underWay > 0) return false;
      if (stream.nextSeq <= records.publishableSeq(stream.epoch)) return this.#sendNext(stream);
      this.#confirmed.set(stream.epoch, stream.confirmedSeq);
      this.#streams.delete(stream.epoch);
      // Once per life of the process, and it spares the next life sending all of it again.
      this.#isCursorStale = true;
      this.#cancelSave ??= this.#options.clock.after(SAVE_AFTER_CATCH_UP_MS, () => {
        this.#cancelSave = undefined;
        void this.#saveCursor();
      });
    }
    return false;
  }

  async #sendNext(stream: EpochStream): Promise<boolean> {
    const { records, limits } = this.#options;
    const until = records.publishableSeq(stream.epoch);
    const { nextSeq } = stream;
    const lines = await this.#readAhead(stream, until);
    // A batch may have failed while we read: what comes next is then before what was read.
    if (stream.nextSeq !== nextSeq) return true;
    const run = takeRun(lines, limits.batchRecords, routes.live.payloadBytesMax);
    const first = run[0];
    const last = run.at(-1);
    if (first === undefined || last === undefined) {
      this.#counters.add('skipped', until - stream.nextSeq + 1);
      stream.skipTo(until);
      return true;
    }
    this.#counters.add('skipped', first.s - stream.nextSeq);
    const batch: Batch = { from: first.s, to: last.s };
    stream.begin(batch);
    void this.#send(stream, batch, run);
    return true;
  }

  async #send(stream: EpochStream, batch: Batch, run: readonly RecordLine[]): Promise<void> {
    const { link, node } = this.#options;
    try {
      await link.publishEncoded(routes.live, { node }, encodeLive(stream.epoch, run));
      stream.confirm(batch);
      this.#counters.add('batches');
      this.#counters.add('records', run.length);
      this.#isCursorStale = true;
      this.wake();
    } catch (error) {
      this.#noteFailure(stream, batch, error);
    }
  }

  #noteFailure(stream: EpochStream, batch: Batch, error: unknown): void {
    this.#counters.add('failures');
    const isForGood = error instanceof OperationError && !error.transient;
    if (!stream.takeBack(batch)) return;
    if (isForGood) {
      // No later attempt can pass either; behind it the log must go on.
      this.#options.log.error('records cannot be sent', { ...batch, error: messageOf(error) });
      this.#counters.add('unsendable', batch.to - batch.from + 1);
      stream.skipTo(batch.to);
    } else {
      this.#counters.add('resent', batch.to - batch.from + 1);
    }
    this.#ahead = undefined;
    // A link that refuses at once (its window is full) would be asked again before anything else had its turn.
    this.#isResting = true;
    this.#wakeLater(RETRY_MS);
  }

  async #readAhead(stream: EpochStream, until: number): Promise<readonly RecordLine[]> {
    const { records } = this.#options;
    const cached = this.#ahead;
    const next = stream.nextSeq;
    if (cached?.epoch === stream.epoch) {
      const lines = cached.lines.filter(({ s }) => s >= next);
      const hasNext = lines[0]?.s === next;
      if (hasNext && (lines.length >= this.#options.limits.batchRecords || lines.at(-1)?.s === until)) return lines;
    }
    const read = await records.read(stream.epoch, next, READ_AHEAD);
    const lines = read.filter(({ s }) => s <= until);
    this.#ahead = { epoch: stream.epoch, lines };
    return lines;
  }

  #stream(epoch: string): EpochStream {
    const known = this.#streams.get(epoch);
    if (known !== undefined) return known;
    const stream = new EpochStream(epoch, this.#confirmed.get(epoch) ?? 0);
    this.#streams.set(epoch, stream);
    return stream;
  }

  #goOn(): void {
    this.#isResting = false;
    this.wake();
  }

  #wakeLater(delayMs: number): void {
    this.#cancelBatch?.();
    this.#cancelBatch = this.#options.clock.after(delayMs, () => {
      this.#cancelBatch = undefined;
      this.#goOn();
    });
  }

  async #saveCursor(): Promise<void> {
    if (!this.#isCursorStale) return;
    this.#isCursorStale = false;
    const { records, cursor, log } = this.#options;
    const positions = new Map(records.extents().map(({ epoch }) => [epoch, this.confirmedSeq(epoch)]));
    // Epochs that expired fall out here, so that the file stays as small as the log.
    this.#confirmed = new Map(positions);
    try {
      await cursor.write(positions);
    } catch (error) {
      log.warn('published position not kept', { error: messageOf(error) });
    }
  }
}
