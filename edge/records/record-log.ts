import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, SystemClock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { describeIssues } from '../../protocol/codec.js';
import { buildEpoch } from '../../protocol/ids.js';
import { LogRecord } from '../../protocol/record.js';
import { SEGMENT_AGE_MAX_MS, type SegmentHeader } from '../../protocol/segment.js';
import { type DiskState, DiskTrouble, recordsToShed } from './disk-trouble.js';
import { EpochFolder, parseEpochFolderName, type RotReport } from './epoch-folder.js';
import { attempt, openInstance } from './instance-file.js';
import { LiveEpoch } from './live-epoch.js';
import type { RecordDisk } from './record-disk.js';
import { RECORD_LINE_BYTES_MAX, type RecordLimits } from './record-limits.js';
import { judgeAge, keptUntilMs } from './retention.js';
import { type OpenedSegment, RottenSegmentError, type SegmentMeta } from './segment.js';
import { SyncBudget } from './sync-budget.js';

/** A record without what the log gives it: `s` and `t`. */
export type RecordFields = { readonly k: string; readonly [field: string]: unknown };

/** What an open record says for all that follow; asked for when an epoch begins. */
export type OpeningFields = {
  readonly sw: string;
  readonly model: { readonly id: string; readonly sha256: string } | null;
  readonly labels: readonly string[];
  readonly cameras: readonly string[];
};

/** A record line with its seq. */
export type RecordLine = { readonly s: number; readonly text: string };

/** A part of one epoch as it lies on disk and in memory. */
export type EpochSlice = {
  readonly segments: readonly (SegmentMeta & { readonly path: string })[];
  readonly lines: readonly RecordLine[];
};

/** One log as a head lists it. */
export type LogExtent = {
  readonly epoch: string;
  readonly isLive: boolean;
  readonly first: number;
  /** Largest seq that survives a power cut; of a closed epoch: its length. */
  readonly seq: number;
  readonly hash: string;
  readonly segments: number;
  /** Header of the last closed segment, whose hash is `hash`. */
  readonly tail: SegmentHeader | undefined;
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
  readonly #syncBudget: SyncBudget;
  readonly #trouble: DiskTrouble;
  #folders: EpochFolder[] = [];
  #live: LiveEpoch | undefined;
  #prev: { readonly e: string; readonly s: number } | null = null;
  #instance = '';
  #waiters: Waiter[] = [];
  #work: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isSyncing = false;
  #isSealing = false;
  #isTidying = false;
  #cancelSync: (() => void) | undefined;
  #cancelTimers: (() => void)[] = [];
  /** Epochs that are over and not closed on disk; where that failed, until the next life. */
  readonly #ending = new Set<string>();
  /** Of segments whose kinds decide how long they stay. */
  readonly #keptUntilMs = new WeakMap<SegmentMeta, number>();
  #isClosed = false;

  constructor(options: RecordLogOptions) {
    this.#options = options;
    this.#limits = options.limits;
    const { fsyncMs: soonMs, fsyncRefillMs: refillMs, fsyncBurst: burst } = options.limits;
    this.#syncBudget = new SyncBudget({ soonMs, refillMs, burst });
    const { clock, diskClock = new SystemClock(), log, limits, onDisk } = options;
    const onRetry = () => void this.#enqueue(() => this.#retry());
    const onStall = () => this.#goOnInMemory();
    this.#trouble = new DiskTrouble({ clock, diskClock, log, limits, onDisk, onRetry, onStall });
  }

  /**
   * Reads what earlier lives left, closing their open segments.
   * @returns what was found rotten.
   * @throws OperationError state-unwritable, disk-full
   */
  async open(): Promise<RotReport[]> {
    const { dir, node, disk, clock } = this.#options;
    this.#instance = await openInstance(join(dir, 'instance'), disk);
    const reports: RotReport[] = [];
    const found = (await disk.list(dir)).flatMap((name) => parseEpochFolderName(name) ?? []);
    found.sort((a, b) => a.ordinal - b.ordinal);
    for (const { epoch, ordinal } of found) {
      const folder = new EpochFolder({ node, epoch, ordinal, root: dir, disk });
      reports.push(...(await attempt('read', folder.path, () => folder.load())));
      this.#folders.push(folder);
    }
    const last = this.#folders.at(-1);
    this.#prev = last === undefined ? null : { e: last.epoch, s: last.closedSeq };
    for (const report of reports) this.#noteRot(report);
    await this.#expire().catch((error) => {
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
    return this.#live?.folder.epoch;
  }

  get diskState(): DiskState {
    return this.#trouble.state;
  }

  /** Records in memory alone, waiting for the disk. */
  get unwritten(): number {
    return this.#live?.unwritten ?? 0;
  }

  /** Bytes of all closed segments. */
  get bytes(): number {
    return this.#folders.reduce((sum, folder) => sum + folder.bytes, 0);
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
    const live = this.#live ?? this.#beginEpoch(wallMs);
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
    return this.#folders.map((folder) => {
      const isLive = folder === this.#live?.folder;
      return {
        epoch: folder.epoch,
        isLive,
        first: folder.first,
        seq: isLive ? (this.#live?.syncedSeq ?? 0) : folder.closedSeq,
        hash: folder.lastHash,
        segments: folder.nextSegment,
        tail: folder.tail,
      };
    });
  }

  /** Largest seq that may be published: in the file, or in memory while the disk fails. 0 for an unknown epoch. */
  publishableSeq(epoch: string): number {
    const live = this.#live;
    if (live?.folder.epoch === epoch) return this.#trouble.isPresent ? live.seq : live.writtenSeq;
    return this.#folder(epoch)?.closedSeq ?? 0;
  }

  /** True while an epoch that is over may still grow on disk, up to what it was given. */
  isEnding(epoch: string): boolean {
    return this.#ending.has(epoch);
  }

  /**
   * Lines of one epoch with seq from `from`, in order, at most `max`. Rotten and expired ones are missing; an empty
   * answer means that there is nothing at or behind `from`.
   */
  async read(epoch: string, from: number, max: number): Promise<readonly RecordLine[]> {
    const folder = this.#folder(epoch);
    if (folder === undefined) return [];
    const lines: RecordLine[] = [];
    let next = from;
    while (lines.length < max) {
      // Looked up anew each time: segments are closed and expire while we read.
      const meta = folder.segments.find((segment) => segment.first + segment.count > next);
      if (meta === undefined) break;
      lines.push(...(await this.#readSegment(folder, meta, next, max - lines.length)));
      const last = lines.at(-1)?.s ?? 0;
      next = last >= next ? last + 1 : meta.first + meta.count;
    }
    const room = max - lines.length;
    if (room <= 0) return lines;
    const isLive = this.#live?.folder === folder;
    return [...lines, ...((isLive ? this.#live?.openLines(next, room) : folder.looseLines(next, room)) ?? [])];
  }

  /**
   * What lies here of one epoch between two seqs, as it is now: the closed segments that overlap, with their files, and
   * the lines in none of them, up to what may be published. Undefined for an unknown epoch.
   */
  slice(epoch: string, from: number, to: number): EpochSlice | undefined {
    const folder = this.#folder(epoch);
    if (folder === undefined) return undefined;
    const end = Math.min(to, this.publishableSeq(epoch));
    const segments = folder.segments
      .filter(({ first, count }) => first <= end && first + count > from)
      .map((meta) => ({ ...meta, path: folder.segmentPath(meta) }));
    const openFrom = Math.max(from, lastSeqOf(folder.segments) + 1);
    const room = Math.max(0, end - openFrom + 1);
    const isLive = this.#live?.folder === folder;
    const lines = isLive ? this.#live?.openLines(openFrom, room) : folder.looseLines(openFrom, room);
    return { segments, lines: lines ?? [] };
  }

  /** Closed segments of one epoch, in order. */
  segmentsOf(epoch: string): readonly SegmentMeta[] {
    return this.#folder(epoch)?.segments ?? [];
  }

  /** Smallest seq of an epoch that lies in no closed segment. */
  openFrom(epoch: string): number {
    const folder = this.#folder(epoch);
    if (folder === undefined) return 1;
    const isLive = this.#live?.folder === folder;
    return (isLive ? this.#live?.openFrom : folder.looseLines(1, 1)[0]?.s) ?? folder.closedSeq + 1;
  }

  /** A closed segment as it lies; undefined if it is rotten, which is put aside, or not there any more. */
  async readSegment(epoch: string, n: number): Promise<OpenedSegment | undefined> {
    const folder = this.#folder(epoch);
    const meta = folder?.segments.find((segment) => segment.n === n);
    if (folder === undefined || meta === undefined) return undefined;
    try {
      return await folder.read(meta);
    } catch (error) {
      await this.#meetUnreadable(folder, meta, error);
      return undefined;
    }
  }

  /** All closed segments, newest first. */
  *segmentsNewestFirst(): Generator<{ readonly epoch: string; readonly meta: SegmentMeta }> {
    for (const folder of [...this.#folders].reverse()) {
      for (const meta of [...folder.segments].reverse()) yield { epoch: folder.epoch, meta };
    }
  }

  /** A closed segment as it lies on disk, gzip, checked; undefined if it is gone or damaged. */
  async segmentBytes(epoch: string, n: number): Promise<Buffer | undefined> {
    const folder = this.#folder(epoch);
    const meta = folder?.segments.find((segment) => segment.n === n);
    if (folder === undefined || meta === undefined) return undefined;
    try {
      return await folder.readFile(meta);
    } catch (error) {
      await this.#meetUnreadable(folder, meta, error);
      return undefined;
    }
  }

  /** Closes the open segment, so that everything lies in closed ones; resolves without that while the disk fails. */
  async closeSegment(): Promise<void> {
    await this.flush();
    if (this.#trouble.isStalled) return;
    const work = this.#enqueue(async () => {
      if (this.#live !== undefined) this.#noteClosed(await this.#live.closeSegment());
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
    this.#cancelSync?.();
    this.#trouble.close();
    for (const cancel of this.#cancelTimers) cancel();
    if (this.#live !== undefined) await this.#trouble.untilStalled(this.#live.close());
  }

  #folder(epoch: string): EpochFolder | undefined {
    return this.#folders.find((folder) => folder.epoch === epoch);
  }

  // t is monotone within an epoch: a clock that was set back begins another one instead of freezing the time.
  #endEpochAfterClockStep(wallMs: number): void {
    const live = this.#live;
    if (live === undefined || live.lastT - wallMs <= this.#limits.clockStepMs) return;
    // Each epoch that ends waits in memory for the disk: one more for every step would have no limit.
    if (this.#trouble.isStalled) return;
    this.#options.log.warn('wall clock was set back, beginning a new epoch', { byMs: live.lastT - wallMs });
    this.#endEpoch(live);
  }

  #endEpoch(live: LiveEpoch): void {
    this.#prev = { e: live.folder.epoch, s: live.seq };
    this.#live = undefined;
    this.#ending.add(live.folder.epoch);
    void this.#enqueue(() => this.#finishEpoch(live));
  }

  // What the disk does not take now is lost: memory is kept for the epoch that goes on. The next life closes what is written.
  async #finishEpoch(live: LiveEpoch): Promise<void> {
    try {
      await live.writeTail();
      this.#noteClosed(await live.closeSegment());
      this.#ending.delete(live.folder.epoch);
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
    const { node, dir: root, disk } = this.#options;
    const ordinal = (this.#folders.at(-1)?.ordinal ?? 0) + 1;
    const folder = new EpochFolder({ node, epoch: buildEpoch(randomBytes(12)), ordinal, root, disk });
    const live = new LiveEpoch(folder, disk);
    const opening = { k: 'open', prev: this.#prev, inst: this.#instance, ...this.#options.opening() };
    this.#push(live, opening, wallMs);
    this.#folders.push(folder);
    this.#live = live;
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
    const attempted = () => this.#trouble.watch(task().catch((error) => this.#meetTrouble(error)));
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
    const live = this.#live;
    if (live === undefined) return;
    if (live.isSealDue) this.#startSeal(live);
    this.#armSync(live);
  }

  // Memory may run over while a slow disk takes what waits: then the rest goes to a new epoch.
  async #writeOut(): Promise<void> {
    const live = this.#live;
    await live?.writeTail();
    if (live !== undefined && live === this.#live && live.isBroken) await this.#replaceBroken(live);
  }

  #startSeal(live: LiveEpoch): void {
    if (this.#isSealing) return;
    this.#isSealing = true;
    this.#trouble.watch(live.seal()).then(
      (closed) => {
        this.#isSealing = false;
        this.#noteClosed(closed);
        void this.#enqueue(() => this.#expire());
        if (live.isSealDue) this.#startSeal(live);
        else if (live === this.#live && !this.#trouble.isPresent && !this.#isClosed) this.#armSync(live);
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
      isInTrouble || waiter.epoch !== this.#live || waiter.seq <= waiter.epoch.writtenSeq;
    const done = this.#waiters.filter(isDone);
    this.#waiters = this.#waiters.filter((waiter) => !isDone(waiter));
    for (const { resolve } of done) resolve();
  }

  // fsync runs beside the writes: on a card it takes long, and the next record must not wait for it.
  #armSync(live: LiveEpoch): void {
    // Until the full segments are closed no fsync counts, and one without a file in hand ends at once: asked for again and
    // again, it would leave the closing no turn.
    if (live.isSealDue) return;
    const unsynced = live.writtenSeq - live.syncedSeq;
    if (unsynced >= this.#limits.fsyncRecords) {
      this.#startSync();
    } else if (unsynced > 0) {
      this.#cancelSync ??= this.#options.clock.after(this.#syncBudget.take(this.#options.clock.monoMs()), () =>
        this.#startSync(),
      );
    }
  }

  #startSync(): void {
    this.#cancelSync?.();
    this.#cancelSync = undefined;
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    const settled = () => {
      this.#isSyncing = false;
    };
    const synced = () => {
      settled();
      this.#options.onSynced?.();
      // What was written while a slow disk synced is not covered by it, and its own timer may have passed.
      if (this.#live !== undefined && !this.#trouble.isPresent && !this.#isClosed) this.#armSync(this.#live);
    };
    this.#trouble.watch(this.#live?.sync() ?? Promise.resolve()).then(synced, (error) => {
      settled();
      void this.#enqueue(() => Promise.reject(error));
    });
  }

  async #sync(): Promise<void> {
    const live = this.#live;
    if (live === undefined || this.#trouble.isPresent) return;
    // One that is under way already is counted by who began it.
    const isOwn = !this.#isSealing;
    const closed = await live.seal();
    if (isOwn) this.#noteClosed(closed);
    await live.sync();
    await this.#expire();
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
    const live = this.#live;
    const sinceT = live?.openSinceT;
    if (live !== undefined && sinceT !== undefined && this.#options.clock.nowMs() - sinceT > SEGMENT_AGE_MAX_MS) {
      this.#noteClosed(await live.closeSegment());
    }
    await this.#expire();
  }

  // Oldest first, whole segments, over all epochs; the epoch being written keeps at least its open segment.
  async #expire(): Promise<void> {
    const { retentionBytes, retentionRecords } = this.#limits;
    let bytes = this.bytes;
    let records = this.#folders.reduce((sum, { segments }) => segments.reduce((own, { count }) => own + count, sum), 0);
    for (const folder of [...this.#folders]) {
      for (const meta of [...folder.segments]) {
        const isTooMuch = bytes > retentionBytes || records > retentionRecords;
        // A segment that is still wanted holds those behind it: `first` only rises.
        if (!isTooMuch && !(await this.#isPastAge(folder, meta))) return;
        bytes -= meta.bytes;
        records -= meta.count;
        // Found rotten just now, and put aside.
        if (folder.segments[0] !== meta) continue;
        await folder.expireOldest();
        this.#counters.add('segmentsExpired');
        this.#counters.add('recordsExpired', meta.count);
        this.#options.onExpired(folder.epoch, meta.first, meta.first + meta.count - 1);
      }
      const isOver = folder !== this.#live?.folder && !this.#ending.has(folder.epoch);
      if (isOver && folder.isSpent) await this.#forget(folder);
    }
  }

  async #isPastAge(folder: EpochFolder, meta: SegmentMeta): Promise<boolean> {
    if (!this.#options.isClockSynchronised()) return false;
    const nowMs = this.#options.clock.nowMs();
    const judgement = judgeAge(meta.t1, nowMs, this.#limits);
    if (judgement !== 'either') return judgement === 'expire';
    let untilMs = this.#keptUntilMs.get(meta);
    if (untilMs === undefined) {
      const lines = await this.#readSegment(folder, meta, meta.first, meta.count);
      untilMs = keptUntilMs(
        lines.map(({ text }) => text),
        this.#limits,
      );
      // One that could not be read now is asked again.
      if (lines.length === 0) return !folder.segments.includes(meta);
      this.#keptUntilMs.set(meta, untilMs);
    }
    return untilMs < nowMs;
  }

  async #forget(folder: EpochFolder): Promise<void> {
    this.#folders = this.#folders.filter((other) => other !== folder);
    await folder.remove();
  }

  async #readSegment(folder: EpochFolder, meta: SegmentMeta, from: number, max: number): Promise<RecordLine[]> {
    try {
      const { lines } = await folder.read(meta);
      const skip = Math.max(0, from - meta.first);
      return lines.slice(skip, skip + max).map((text, i) => ({ s: meta.first + skip + i, text }));
    } catch (error) {
      await this.#meetUnreadable(folder, meta, error);
      return [];
    }
  }

  async #meetUnreadable(folder: EpochFolder, meta: SegmentMeta, error: unknown): Promise<void> {
    // Retention took it while we read: not rot.
    if (!folder.segments.includes(meta)) return;
    const isRot = error instanceof RottenSegmentError || systemCodeOf(error) === 'ENOENT';
    if (isRot) {
      this.#noteRot(await folder.putAside(meta, messageOf(error)));
      this.#options.onRot?.();
    } else this.#options.log.warn('segment not readable', { epoch: folder.epoch, error: messageOf(error) });
  }

  #noteRot(report: RotReport): void {
    this.#counters.add('rottenFiles');
    this.#counters.add('rottenRecords', report.records);
    this.#options.log.error('log is damaged', {
      ...report,
      hint: 'the file was kept as .rot; is the card failing?',
    });
  }

  async #meetTrouble(error: unknown): Promise<void> {
    this.#counters.add('diskErrors');
    this.#trouble.note(error);
    await this.#live?.distrustFile();
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
    const live = this.#live;
    await live?.seal();
    await this.#writeOut();
    await this.#live?.sync();
    this.#trouble.clear();
    this.#kick();
  }

  // The broken epoch ends with what the disk has; the next one begins by saying how much is gone.
  async #replaceBroken(broken: LiveEpoch): Promise<void> {
    await broken.closeSegment();
    const lost = broken.seq - broken.writtenSeq;
    this.#counters.add('recordsLost', broken.unwritten);
    this.#prev = { e: broken.folder.epoch, s: broken.folder.closedSeq };
    if (broken.folder.segments.length === 0) this.#prev = this.#prevOf(broken.folder);
    const wallMs = this.#options.clock.nowMs();
    const next = this.#beginEpoch(wallMs);
    this.#push(next, { k: 'loss', why: this.#trouble.lossCause, n: lost, e: broken.folder.epoch }, wallMs);
    await next.writeTail();
  }

  #prevOf(folder: EpochFolder): { readonly e: string; readonly s: number } | null {
    const before = this.#folders[this.#folders.indexOf(folder) - 1];
    return before === undefined ? null : { e: before.epoch, s: before.closedSeq };
  }
}

function lastSeqOf(segments: readonly SegmentMeta[]): number {
  const last = segments.at(-1);
  return last === undefined ? 0 : last.first + last.count - 1;
}
