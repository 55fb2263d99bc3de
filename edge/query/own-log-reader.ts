import type { Clock } from '../../base/clock.js';
import type { Cut } from '../../protocol/query.js';
import type { RecordLog } from '../records/record-log.js';
import type { HeldLog, LogReader, LogSlice } from './log-reader.js';

/** How often a log that is behind a cut is looked at: a tenth of what a reader notices. */
const LOOK_MS = 10;

/** A node's own log as queries see it: up to what is in its files. */
export class OwnLogReader implements LogReader {
  readonly #records: RecordLog;
  readonly #node: string;
  readonly #clock: Clock;

  constructor(records: RecordLog, node: string, clock: Clock) {
    this.#records = records;
    this.#node = node;
    this.#clock = clock;
  }

  logs(): readonly HeldLog[] {
    return this.#records.extents().map(({ epoch, first }) => ({
      node: this.#node,
      epoch,
      first,
      frontier: this.#records.publishableSeq(epoch),
    }));
  }

  slice(node: string, epoch: string, from: number, to: number): LogSlice | undefined {
    if (node !== this.#node) return undefined;
    const found = this.#records.slice(epoch, from, to);
    return found === undefined ? undefined : { node, epoch, from, to, ...found };
  }

  isForgotten(): boolean {
    return false;
  }

  /** What is under way to the file is there within milliseconds; nobody else is asked for a node's own records. */
  async catchUp(cut: Cut, waitMs: number, signal: AbortSignal): Promise<void> {
    const own = cut.filter(([node]) => node === this.#node);
    const untilMonoMs = this.#clock.monoMs() + waitMs;
    const isBehind = () => own.some(([, epoch, seq]) => this.#isGrowing(epoch) && this.#frontier(epoch) < seq);
    while (isBehind() && this.#clock.monoMs() < untilMonoMs) await this.#clock.sleep(LOOK_MS, signal);
  }

  /** Reading it again puts it aside: the log itself knows what to do with its rot. */
  async noteRot(node: string, epoch: string, n: number): Promise<void> {
    if (node === this.#node) await this.#records.readSegment(epoch, n);
  }

  /** Nobody knows a node's own log better. */
  noteDoubt(): void {}

  #isGrowing(epoch: string): boolean {
    return epoch === this.#records.liveEpoch || this.#records.isEnding(epoch);
  }

  #frontier(epoch: string): number {
    return this.#records.publishableSeq(epoch);
  }
}
