import type { Clock } from '../base/clock.js';
import type { Counters } from '../base/counters.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { JournalConfig } from './config.js';
import type { BrokerCounter } from './counter-names.js';
import { encodeEntry, HEADER_BYTES } from './journal-entry.js';
import type { JournalFile, RetainedDisk } from './retained-disk.js';
import type { Retained } from './retained-store.js';

export type RetainedJournalOptions = {
  readonly disk: RetainedDisk;
  readonly config: JournalConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters<BrokerCounter>;
  /** What is retained now, without what is not journaled. The journal keeps no copy of its own. */
  readonly current: () => Retained[];
};

/** Called when a message is as safe as the configuration promises; with an error when it is not and will not be. */
export type OnSafe = (error?: Error) => void;

type Waiting = { readonly bytes: Buffer; readonly onSafe: OnSafe };

/** How long a failing disk is left alone before the next attempt. */
const RETRY_MS = 1000;
const NOTHING = Buffer.alloc(0);

/**
 * The journal of retained messages: what `append` was called with is written in that order, in groups. After a kill of
 * the process everything that was called safe is found again; after a power cut too with fsync `always`, else all but
 * the last interval. When the disk fails, nothing is called safe until a new journal and a snapshot of everything have
 * been written; what waits is bounded, and refused beyond. The caller's store must hold a message before it is appended.
 */
export class RetainedJournal {
  readonly #options: RetainedJournalOptions;
  readonly #closing = new AbortController();
  #file: JournalFile | undefined;
  #generation = 0;
  #position = HEADER_BYTES;
  #waiting: Waiting[] = [];
  #heldBytes = 0;
  #running: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  #cancelSync: (() => void) | undefined;
  #syncing: Promise<void> | undefined;
  #suspect = false;
  #snapshotBytes = 0;

  constructor(options: RetainedJournalOptions) {
    this.#options = options;
  }

  /** Begins a new journal above a generation. `compact`: the old files are worth a snapshot. @throws the system's error */
  async open(aboveGeneration: number, compact: boolean): Promise<void> {
    this.#generation = aboveGeneration + 1;
    this.#file = await this.#options.disk.createJournal(this.#generation);
    if (compact) this.#compacting = this.#writeSnapshot(this.#generation, this.#options.current());
  }

  /** True while the disk refuses to take what is appended. */
  get failing(): boolean {
    return this.#suspect;
  }

  append(message: Retained, onSafe: OnSafe): void {
    const bytes = encodeEntry(message);
    if (this.#heldBytes + bytes.byteLength > this.#options.config.holdBytes && this.#suspect) {
      this.#options.counters.add('journal-held-refused');
      onSafe(new Error('the journal cannot be written'));
      return;
    }
    this.#options.counters.add('journal-entries');
    this.#options.counters.add('journal-bytes', bytes.byteLength);
    this.#enqueue({ bytes, onSafe });
  }

  /** Calls back when everything appended before is safe; at once if it is. */
  barrier(onSafe: OnSafe): void {
    if (this.#running === undefined) onSafe();
    else this.#enqueue({ bytes: NOTHING, onSafe });
  }

  /** Writes what waits and a last snapshot of `messages`, then closes. What a failing disk holds is refused. */
  async close(messages: Iterable<Retained>): Promise<void> {
    this.#closing.abort();
    this.#cancelSync?.();
    await this.#running;
    await this.#compacting;
    await this.#syncing;
    try {
      this.#generation++;
      await this.#options.disk.writeSnapshot(this.#generation, messages);
      await this.#options.disk.removeBefore(this.#generation);
    } catch (error) {
      // The journal still has everything but the pictures.
      this.#options.counters.add('journal-failures');
      this.#options.log.error('retained snapshot not written', { cause: messageOf(error) });
    }
    await this.#file?.close().catch(() => {});
    this.#file = undefined;
  }

  #enqueue(entry: Waiting): void {
    this.#waiting.push(entry);
    this.#heldBytes += entry.bytes.byteLength;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0 && !this.#closing.signal.aborted) this.#enqueue({ bytes: NOTHING, onSafe() {} });
    });
  }

  // One write in flight; what arrives meanwhile is the next group.
  async #run(): Promise<void> {
    // Lets the rest of this turn's messages join the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#suspect) {
      const group = this.#waiting;
      this.#waiting = [];
      const error = await this.#writeGroup(group).then(
        () => undefined,
        (cause: unknown) => this.#recover(cause),
      );
      for (const { bytes, onSafe } of group) {
        this.#heldBytes -= bytes.byteLength;
        this.#tell(onSafe, error);
      }
      if (error !== undefined) this.#refuseWaiting(error);
    }
  }

  // What follows a PUBACK runs in here: its fault must end neither the journal nor the process.
  #tell(onSafe: OnSafe, error: Error | undefined): void {
    try {
      onSafe(error);
    } catch (cause) {
      this.#options.counters.add('hook-failures');
      this.#options.log.error('message not passed on', { cause: messageOf(cause) });
    }
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#suspect) throw new Error('a sync failed');
    const file = this.#file;
    if (file === undefined) throw new Error('the journal is closed');
    const bytes = group.length === 1 ? (group[0]?.bytes ?? NOTHING) : Buffer.concat(group.map((entry) => entry.bytes));
    for (let at = 0; at < bytes.byteLength; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, this.#position);
      at += bytesWritten;
      this.#position += bytesWritten;
    }
    if (bytes.byteLength > 0) await this.#syncAsConfigured(file);
    if (this.#position > this.#compactAtBytes()) await this.#rotate();
  }

  // A snapshot costs as many bytes as are retained: not before as many have been appended.
  #compactAtBytes(): number {
    return Math.max(this.#options.config.compactBytes, this.#snapshotBytes);
  }

  async #syncAsConfigured(file: JournalFile): Promise<void> {
    const { fsync, intervalMs } = this.#options.config;
    if (fsync === 'always') {
      await file.datasync();
      this.#options.counters.add('journal-syncs');
    } else if (fsync === 'interval') {
      this.#cancelSync ??= this.#options.clock.after(intervalMs, () => {
        this.#cancelSync = undefined;
        this.#syncing = this.#syncLater(file);
      });
    }
  }

  async #syncLater(file: JournalFile): Promise<void> {
    // A file that was rotated away is covered by the snapshot that replaced it.
    if (file !== this.#file) return;
    try {
      await file.datasync();
      this.#options.counters.add('journal-syncs');
    } catch (error) {
      if (file !== this.#file) return;
      this.#options.log.error('journal sync failed', { cause: messageOf(error) });
      // After a failed fsync the kernel may call lost pages clean, so the same file is not believed again.
      this.#suspect = true;
      this.#enqueue({ bytes: NOTHING, onSafe() {} });
    }
  }

  async #rotate(): Promise<void> {
    if (this.#compacting !== undefined) return;
    const file = await this.#options.disk.createJournal(this.#generation + 1);
    const old = this.#file;
    this.#generation++;
    this.#file = file;
    this.#position = HEADER_BYTES;
    // Taken in the same turn as the switch: everything older is in it, everything newer goes to the new journal.
    this.#compacting = this.#writeSnapshot(this.#generation, this.#options.current());
    await this.#syncing;
    await old?.close().catch(() => {});
  }

  async #writeSnapshot(generation: number, messages: readonly Retained[]): Promise<void> {
    try {
      this.#snapshotBytes = await this.#options.disk.writeSnapshot(generation, messages);
      await this.#options.disk.removeBefore(generation);
      this.#options.counters.add('snapshots');
      this.#options.counters.add('snapshot-bytes', this.#snapshotBytes);
    } catch (error) {
      // The older files are all still there; the next rotation tries again.
      this.#options.counters.add('journal-failures');
      this.#options.log.error('retained snapshot failed', { generation, cause: messageOf(error) });
    } finally {
      this.#compacting = undefined;
    }
  }

  // A file that failed may end in half an entry: it is left as it is, and all that is retained is written anew.
  async #recover(cause: unknown): Promise<Error | undefined> {
    const { disk, counters, log, clock, current } = this.#options;
    this.#suspect = true;
    for (let attempt = 1; ; attempt++) {
      counters.add('journal-failures');
      if (attempt === 1)
        log.error('journal failed, retained messages are not acknowledged', { cause: messageOf(cause) });
      try {
        await this.#compacting;
        const generation = this.#generation + 1;
        const file = await disk.createJournal(generation);
        try {
          await disk.writeSnapshot(generation, current());
        } catch (error) {
          await file.close().catch(() => {});
          throw error;
        }
        const old = this.#file;
        this.#generation = generation;
        this.#file = file;
        this.#position = HEADER_BYTES;
        await old?.close().catch(() => {});
        await disk.removeBefore(generation);
        this.#suspect = false;
        log.info('journal written again', { attempts: attempt });
        return undefined;
      } catch (error) {
        if (attempt % 60 === 0) log.error('journal still failing', { attempts: attempt, cause: messageOf(error) });
      }
      const closed = await clock.sleep(RETRY_MS, this.#closing.signal).then(
        () => false,
        () => true,
      );
      if (closed) {
        this.#suspect = false;
        return new Error('the broker closed before the journal could be written');
      }
    }
  }

  #refuseWaiting(error: Error): void {
    for (const { onSafe } of this.#waiting.splice(0)) this.#tell(onSafe, error);
    this.#heldBytes = 0;
  }
}
