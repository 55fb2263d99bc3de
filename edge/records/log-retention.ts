import type { Clock } from '../../base/clock.js';
import type { Counters } from '../../base/counters.js';
import type { EpochFolder } from './epoch-folder.js';
import type { EpochShelf } from './epoch-shelf.js';
import { judgeAge, keptUntilMs, type RetentionLimits } from './retention.js';
import type { SegmentMeta } from './segment.js';

export type LogRetentionOptions = {
  readonly shelf: EpochShelf;
  readonly clock: Clock;
  readonly limits: RetentionLimits;
  readonly counters: Pick<Counters<'segmentsExpired' | 'recordsExpired'>, 'add'>;
  /** Nothing expires by age until the clock was set. */
  readonly isClockSynchronised: () => boolean;
  /** Records given up. */
  readonly onExpired: (epoch: string, first: number, last: number) => void;
};

/** Gives up the oldest segments of a log. One call at a time. */
export class LogRetention {
  readonly #options: LogRetentionOptions;
  /** Of segments whose kinds decide how long they stay. */
  readonly #keptUntilMs = new WeakMap<SegmentMeta, number>();

  constructor(options: LogRetentionOptions) {
    this.#options = options;
  }

  /**
   * Gives up what is too old or too much: oldest first, whole segments, over all epochs; the epoch being written keeps at
   * least its open segment.
   */
  async expire(): Promise<void> {
    const { shelf, limits } = this.#options;
    const { retentionBytes, retentionRecords } = limits;
    let { bytes } = shelf;
    let records = shelf.folders.reduce((sum, { segments }) => segments.reduce((own, { count }) => own + count, sum), 0);
    for (const folder of [...shelf.folders]) {
      for (const meta of [...folder.segments]) {
        const isTooMuch = bytes > retentionBytes || records > retentionRecords;
        // A segment that is still wanted holds those behind it: `first` only rises.
        if (!isTooMuch && !(await this.#isPastAge(folder, meta))) return;
        bytes -= meta.bytes;
        records -= meta.count;
        // Found rotten just now, and put aside.
        if (folder.segments[0] !== meta) continue;
        await this.#giveUpOldest(folder, meta);
      }
      if (this.#isOver(folder) && folder.isSpent) await shelf.forget(folder);
    }
  }

  /** Gives up the segments of an epoch that lie below a seq, unless it is still written. */
  async giveUp(epoch: string, first: number): Promise<void> {
    const folder = this.#options.shelf.folders.find((each) => each.epoch === epoch);
    if (folder === undefined || !this.#isOver(folder)) return;
    for (const meta of [...folder.segments]) {
      if (meta.first + meta.count <= first) await this.#giveUpOldest(folder, meta);
    }
  }

  #isOver(folder: EpochFolder): boolean {
    const { shelf } = this.#options;
    return folder !== shelf.live?.folder && !shelf.ending.has(folder.epoch);
  }

  async #giveUpOldest(folder: EpochFolder, { first, count }: SegmentMeta): Promise<void> {
    const { counters, onExpired } = this.#options;
    await folder.expireOldest();
    counters.add('segmentsExpired');
    counters.add('recordsExpired', count);
    onExpired(folder.epoch, first, first + count - 1);
  }

  async #isPastAge(folder: EpochFolder, meta: SegmentMeta): Promise<boolean> {
    const { shelf, clock, limits, isClockSynchronised } = this.#options;
    if (!isClockSynchronised()) return false;
    const nowMs = clock.nowMs();
    const judgement = judgeAge(meta.t1, nowMs, limits);
    if (judgement !== 'either') return judgement === 'expire';
    let untilMs = this.#keptUntilMs.get(meta);
    if (untilMs === undefined) {
      const lines = await shelf.readLines(folder, meta, meta.first, meta.count);
      untilMs = keptUntilMs(
        lines.map(({ text }) => text),
        limits,
      );
      // One that could not be read now is asked again.
      if (lines.length === 0) return !folder.segments.includes(meta);
      this.#keptUntilMs.set(meta, untilMs);
    }
    return untilMs < nowMs;
  }
}
