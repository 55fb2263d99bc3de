import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, SystemClock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { describeIssues } from '../../protocol/codec.js';
import { buildEpoch } from '../../protocol/ids.js';
import { LogRecord } from '../../protocol/record.js';
import { SEGMENT_AGE_MAX_MS } from '../../protocol/segment.js';
import { type DiskState, DiskTrouble, recordsToShed } from './disk-trouble.js';
import type { RotReport } from './epoch-folder.js';
import { EpochShelf, type EpochSlice, type LogExtent, type RecordLine } from './epoch-shelf.js';
import { openInstance } from './instance-file.js';
import { LiveEpoch } from './live-epoch.js';
import { LogRetention } from './log-retention.js';
import type { RecordDisk } from './record-disk.js';
import { RECORD_LINE_BYTES_MAX, type RecordLimits } from './record-limits.js';
import type { OpenedSegment, SegmentMeta } from './segment.js';
import { SyncTimer } from './sync-timer.js';

/** A record without what the log gives it: `s` and `t`. */
export type RecordFields = { readonly k: string; readonly [field: string]: unknown };

/** What an open record says for all that follow; asked for when an epoch begins. */
export type OpeningFields = {
  readonly sw: string;
  readonly model: { readonly id: string; readonly sha256: string } | null;
  readonly labels: readonly string[];
  readonly cameras: readonly string[];
};

export type RecordLogOptions = {
  /** Folder of the log; must exist. */
  readonly dir: string;
  readonly node: string;
  readonly disk: RecordDisk;
  readonly clock: Clock;
  /** By which the disk's answers are awaited. The machine's own unless told: a disk is real where time is simulated. */
  readonly diskClock?: Clock;
  readonly log: Log;
  readonly limits: RecordLimits;
  readonly opening: () => OpeningFields;
  /** False until the clock was set; records carry `u:1` until then, and nothing expires by age. */
  readonly isClockSynchronised: () => boolean;
  readonly onAppended: () => void;
  readonly onSegmentClosed: () => void;
  /** More of the log survives a power cut than before. */
  readonly onSynced?: () => void;
  /** A segment was found rotten and put aside. */
  readonly onRot?: () => void;
  readonly onDisk: (state: DiskState) => void;
  /** Records given up by retention. */
  readonly onExpired: (epoch: string, first: number, last: number) => void;
};

const COUNTER_NAMES = [
  'appended',
  'segmentsClosed',
  'segmentsExpired',
  'recordsExpired',
  'diskErrors',
  'recordsLost',
  'rottenFiles',
  'rottenRecords',
] as const;

type Waiter = { readonly seq: number; readonly epoch: LiveEpoch; readonly resolve: () => void };

/**
 * A node's own log: epochs of records in files, the truth of what it has seen. One random epoch per life of the process,
 * made at its first append; the order append, publish, fsync is safe because of that. A failing disk does not stop
 * appends: records stay in memory and are written when it recovers; what memory cannot hold is lost, counted, and told
 * by a `loss` record in a new epoch.
 */
export class RecordLog {
  readonly #options: RecordLogOptions;
  readonly #limits: RecordLimits;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #syncTimer: SyncTimer;
  readonly #trouble: DiskTrouble;
  readonly #shelf: EpochShelf;
  readonly #retention: LogRetention;
  #prev: { readonly e: string; readonly s: number } | null = null;
  #instance = '';
  #waiters: Waiter[] = [];
  #work: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isSealing = false;
  #isTidying = false;
  #cancelTimers: (() => void)[] = [];
  #isClosed = false;

  constructor(options: RecordLogOptions) {
    this.#options = options;
    this.#limits = options.limits;
    const { clock, diskClock = new SystemClock(), log, limits, onDisk } = options;
    const onRetry = () => void this.#enqueue(() => this.#retry());
    const onStall = () => this.#goOnInMemory();
    this.#trouble = new DiskTrouble({ clock, diskClock, log, limits, onDisk, onRetry, onStall });
    const counters = this.#counters;
    this.#shelf = new EpochShelf({
      ...{ dir: options.dir, node: options.node, disk: options.disk, log, counters },
      isInTrouble: () => this.#trouble.isPresent,
      onRot: () => options.onRot?.(),
    });
    this.#syncTimer = new SyncTimer({
      ...{ clock, limits, trouble: this.#trouble },
      live: () => this.#shelf.live,
      onSynced: () => options.onSynced?.(),
      onError: (error) => void this.#enqueue(() => Promise.reject(error)),
    });
    const { isClockSynchronised, onExpired } = options;
    this.#retention = new LogRetention({
      ...{ shelf: this.#shelf, clock, limits, counters, isClockSynchronised, onExpired },
    });
  }

  /**
   * Reads what earlier lives left, closing their open segments.
   * @returns what was found rotten.
   * @throws OperationError state-unwritable, disk-full
   */
  async open(): Promise<RotReport[]> {
    const { dir, disk, clock } = this.#options;
    this.#instance = await openInstance(join(dir, 'instance'), disk);
    const reports = await this.#shelf.open();
    this.#prev = this.#shelf.endBefore(undefined);
    await this.#retention.expire().catch((error) => {
      this.#options.log.warn('old segments not removed', { error: messageOf(error) });
    });
    this.#cancelTimers = [clock.every(60_000, () => this.#tidyInTurn())];
    return reports;
  }

  /** Random id of this disk: tells a cloned card from a restart. */
  get instance(): string {
    return this.#instance;
  }

  get liveEpoch(): string | undefined {
    return this.#shelf.live?.folder.epoch;
  }

  get diskState(): DiskState {
    return this.#trouble.state;
  }

  /** Records in memory alone, waiting for the disk. */
  get unwritten(): number {
    return this.#shelf.live?.unwritten ?? 0;
  }

  /** Bytes of all closed segments. */
  get bytes(): number {
    return this.#shelf.bytes;
  }

  counters(): Record<string, number> {
    return { ...this.#counters.snapshot(), diskStalls: this.#trouble.stalls };
  }

  /**
   * Adds a record. The promise resolves when it is in the file, so that it survives the death of this process; while the
   * disk fails, when it is in memory. A power cut may take what was added in the last second, of a steady stream the last
   * `fsyncRefillMs`.
   * @param capturedAtMs wall clock; never earlier than the record before: it is raised then.
   * @throws OperationError record-invalid; nothing is added.
   */
  append(fields: RecordFields, capturedAtMs?: number): Promise<LogRecord> {
    const wallMs = capturedAtMs ?? this.#options.clock.nowMs();
    this.#endEpochAfterClockStep(wallMs);
    const live = this.#shelf.live ?? this.#beginEpoch(wallMs);
    const record = this.#push(live, fields, wallMs);
    return new Promise((resolve) => {
      this.#waiters.push({ seq: record.s, epoch: live, resolve: () => resolve(record) });
      this.#shed(live);
      if (this.#trouble.isPresent) this.#goOnInMemory();
      else this.#kick();
    });
  }

  /** The logs this node has, oldest first. */
  extents(): LogExtent[] {
    return this.#shelf.extents();
  }

  /** Largest seq that may be published: in the file, or in memory while the disk fails. 0 for an unknown epoch. */
  publishableSeq(epoch: string): number {
    return this.#shelf.publishableSeq(epoch);
  }

  /** True while an epoch that is over may still grow on disk, up to what it was given. */
  isEnding(epoch: string): boolean {
    return this.#shelf.isEnding(epoch);
  }

  /** As `EpochShelf.read`. */
  read(epoch: string, from: number, max: number): Promise<readonly RecordLine[]> {
    return this.#shelf.read(epoch, from, max);
  }

  /** As `EpochShelf.slice`. */
  slice(epoch: string, from: number, to: number): EpochSlice | undefined {
    return this.#shelf.slice(epoch, from, to);
  }

  /** Closed segments of one epoch, in order. */
  segmentsOf(epoch: string): readonly SegmentMeta[] {
    return this.#shelf.segmentsOf(epoch);
  }

  /** Smallest seq of an epoch that lies in no closed segment. */
  openFrom(epoch: string): number {
    return this.#shelf.openFrom(epoch);
  }

  /** A closed segment as it lies; undefined if it is rotten, which is put aside, or not there any more. */
  readSegment(epoch: string, n: number): Promise<OpenedSegment | undefined> {
    return this.#shelf.readSegment(epoch, n);
  }

  /** Gives up closed segments of an epoch that is over, up to a seq: this disk forgot that they had been. */
  giveUp(epoch: string, first: number): Promise<void> {
    return this.#enqueue(() => this.#retention.giveUp(epoch, first));
  }

  /** All closed segments, newest first. */
  segmentsNewestFirst(): Generator<{ readonly epoch: string; readonly meta: SegmentMeta }> {
    return this.#shelf.segmentsNewestFirst();
  }

  /** A closed segment as it lies on disk, gzip, checked; undefined if it is gone or damaged. */
  segmentBytes(epoch: string, n: number): Promise<Buffer | undefined> {
    return this.#shelf.segmentBytes(epoch, n);
  }

  /** Closes the open segment, so that everything lies in closed ones; resolves without that while the disk fails. */
  async closeSegment(): Promise<void> {
    await this.flush();
    if (this.#trouble.isStalled) return;
    const work = this.#enqueue(async () => {
      if (this.#shelf.live !== undefined) this.#noteClosed(await this.#shelf.live.closeSegment());
    });
    await this.#trouble.untilStalled(work);
  }

  /** Makes every record so far survive a power cut; resolves without that while the disk fails or does not answer. */
  async flush(): Promise<void> {
    if (this.#trouble.isStalled) return;
    this.#kick();
    await this.#trouble.untilStalled(this.#enqueue(() => this.#sync()));
  }

  /** Writes and fsyncs what is left. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.flush();
    this.#isClosed = true;
    this.#syncTimer.close();
    this.#trouble.close();
    for (const cancel of this.#cancelTimers) cancel();
    if (this.#shelf.live !== undefined) await this.#trouble.untilStalled(this.#shelf.live.close());
  }

  // t is monotone within an epoch: a clock that was set back begins another one instead of freezing the time.
  #endEpochAfterClockStep(wallMs: number): void {
    const live = this.#shelf.live;
    if (live === undefined || live.lastT - wallMs <= this.#limits.clockStepMs) return;
    // Each epoch that ends waits in memory for the disk: one more for every step would have no limit.
    if (this.#trouble.isStalled) return;
    this.#options.log.warn('wall clock was set back, beginning a new epoch', { byMs: live.lastT - wallMs });
    this.#endEpoch(live);
  }

  #endEpoch(live: LiveEpoch): void {
    this.#prev = { e: live.folder.epoch, s: live.seq };
    this.#shelf.live = undefined;
    this.#shelf.ending.add(live.folder.epoch);
    void this.#enqueue(() => this.#finishEpoch(live));
  }

  // What the disk does not take now is lost: memory is kept for the epoch that goes on. The next life closes what is written.
  async #finishEpoch(live: LiveEpoch): Promise<void> {
    try {
      await live.writeTail();
      this.#noteClosed(await live.closeSegment());
      this.#shelf.ending.delete(live.folder.epoch);
      this.#settleWaiters();
      this.#options.onAppended();
    } finally {
      const lost = live.seq - live.writtenSeq;
      if (lost > 0) this.#noteUnwritable(live, lost);
      await live.close();
    }
  }

  #noteUnwritable(live: LiveEpoch, lost: number): void {
    const { epoch } = live.folder;
    this.#counters.add('recordsLost', live.unwritten);
    this.#options.log.error('end of an epoch not written', { epoch, records: lost });
    this.append({ k: 'loss', why: this.#trouble.lossCause, n: lost, e: epoch }).catch((error) => {
      this.#options.log.error('loss not recorded', { epoch, records: lost, error: messageOf(error) });
    });
  }

  #beginEpoch(wallMs: number): LiveEpoch {
    const { disk } = this.#options;
    const folder = this.#shelf.makeFolder(buildEpoch(randomBytes(12)));
    const live = new LiveEpoch(folder, disk, () => this.#trouble.noteStep());
    const opening = { k: 'open', prev: this.#prev, inst: this.#instance, ...this.#options.opening() };
    this.#push(live, opening, wallMs);
    this.#shelf.add(live);
    return live;
  }

  #push(live: LiveEpoch, fields: RecordFields, wallMs: number): LogRecord {
    const t = Math.max(wallMs, live.lastT, 0);
    const stamp = this.#options.isClockSynchronised() ? {} : { u: 1 };
    const checked = LogRecord.safeParse({ s: live.seq + 1, t, ...fields, ...stamp });
    if (!checked.success) throw this.#invalid(fields, describeIssues(checked.error));
    const text = JSON.stringify(checked.data);
    const bytes = Buffer.byteLength(text);
    if (bytes > RECORD_LINE_BYTES_MAX) {
      throw this.#invalid(fields, `${bytes} bytes, allowed ${RECORD_LINE_BYTES_MAX}`);
    }
    live.push(text, t);
    this.#counters.add('appended');
    return checked.data;
  }

  #invalid(fields: RecordFields, message: string): OperationError {
    return new OperationError({ code: 'record-invalid', op: 'append record', subject: fields.k, message });
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const attempted = () =>
      this.#trouble.watch(
        task().catch((error) => this.#meetTrouble(error)),
        { hasSteps: true },
      );
    this.#work = this.#work.then(attempted);
    return this.#work;
  }

  // One write at a time takes all that has gathered meanwhile: the group commit of the file.
  #kick(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#enqueue(async () => {
      this.#isWriting = false;
      await this.#write();
    });
  }

  async #write(): Promise<void> {
    await this.#writeOut();
    this.#settleWaiters();
    this.#options.onAppended();
    const live = this.#shelf.live;
    if (live === undefined) return;
    if (live.isSealDue) this.#startSeal(live);
    this.#syncTimer.arm(live);
  }

  // Memory may run over while a slow disk takes what waits: then the rest goes to a new epoch.
  async #writeOut(): Promise<void> {
    const live = this.#shelf.live;
    await live?.writeTail();
    if (live !== undefined && live === this.#shelf.live && live.isBroken) await this.#replaceBroken(live);
  }

  #startSeal(live: LiveEpoch): void {
    if (this.#isSealing) return;
    this.#isSealing = true;
    this.#trouble.watch(live.seal(), { hasSteps: true }).then(
      (closed) => {
        this.#isSealing = false;
        this.#noteClosed(closed);
        void this.#enqueue(() => this.#retention.expire());
        if (live.isSealDue) this.#startSeal(live);
        else if (live === this.#shelf.live) this.#syncTimer.armAgain();
      },
      (error) => {
        this.#isSealing = false;
        void this.#enqueue(() => Promise.reject(error));
      },
    );
  }

  #noteClosed(segments: number): void {
    if (segments === 0) return;
    this.#counters.add('segmentsClosed', segments);
    this.#options.onSegmentClosed();
  }

  #settleWaiters(): void {
    const isInTrouble = this.#trouble.isPresent;
    const isDone = (waiter: Waiter) =>
      isInTrouble || waiter.epoch !== this.#shelf.live || waiter.seq <= waiter.epoch.writtenSeq;
    const done = this.#waiters.filter(isDone);
    this.#waiters = this.#waiters.filter((waiter) => !isDone(waiter));
    for (const { resolve } of done) resolve();
  }

  async #sync(): Promise<void> {
    const live = this.#shelf.live;
    if (live === undefined || this.#trouble.isPresent) return;
    // One that is under way already is counted by who began it.
    const isOwn = !this.#isSealing;
    const closed = await live.seal();
    if (isOwn) this.#noteClosed(closed);
    await live.sync();
    await this.#retention.expire();
  }

  // At most one waits for its turn: a disk that does not answer would gather them.
  #tidyInTurn(): void {
    if (this.#isTidying) return;
    this.#isTidying = true;
    void this.#enqueue(() => this.#tidy()).then(() => {
      this.#isTidying = false;
    });
  }

  async #tidy(): Promise<void> {
    const live = this.#shelf.live;
    const sinceT = live?.openSinceT;
    if (live !== undefined && sinceT !== undefined && this.#options.clock.nowMs() - sinceT > SEGMENT_AGE_MAX_MS) {
      this.#noteClosed(await live.closeSegment());
    }
    await this.#retention.expire();
  }

  async #meetTrouble(error: unknown): Promise<void> {
    this.#counters.add('diskErrors');
    this.#trouble.note(error);
    await this.#shelf.live?.distrustFile();
    this.#goOnInMemory();
  }

  #goOnInMemory(): void {
    this.#settleWaiters();
    this.#options.onAppended();
  }

  #shed(live: LiveEpoch): void {
    const lost = recordsToShed(live, this.#trouble.lastedMs, this.#limits);
    for (let i = 0; i < lost; i++) live.dropOldestUnwritten();
    this.#counters.add('recordsLost', lost);
  }

  async #retry(): Promise<void> {
    if (!this.#trouble.isPresent) return;
    const live = this.#shelf.live;
    await live?.seal();
    await this.#writeOut();
    await this.#shelf.live?.sync();
    this.#trouble.clear();
    this.#kick();
  }

  // The broken epoch ends with what the disk has; the next one begins by saying how much is gone.
  async #replaceBroken(broken: LiveEpoch): Promise<void> {
    await broken.closeSegment();
    const lost = broken.seq - broken.writtenSeq;
    this.#counters.add('recordsLost', broken.unwritten);
    this.#prev = { e: broken.folder.epoch, s: broken.folder.closedSeq };
    if (broken.folder.segments.length === 0) this.#prev = this.#shelf.endBefore(broken.folder);
    const wallMs = this.#options.clock.nowMs();
    const next = this.#beginEpoch(wallMs);
    this.#push(next, { k: 'loss', why: this.#trouble.lossCause, n: lost, e: broken.folder.epoch }, wallMs);
    await next.writeTail();
  }
}
