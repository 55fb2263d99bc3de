import type { Clock } from '../../base/clock.js';
import { withDeadline } from '../../base/deadline.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { type Health, SCHEMA_MINOR } from '../../protocol/status.js';
import { BoardProbe, type BoardReading, UNKNOWN_BOARD } from './board-probe.js';
import { decideLoad, type Load } from './load.js';

/** What the node's parts say of themselves when asked. Counts are since the start. */
export type NodeReading = {
  /** Frames delivered by all cameras, and those replaced before anybody looked at them. */
  readonly frames: number;
  readonly overruns: number;
  /** Share of the time the detectors may work, 0..1. */
  readonly share: number;
  readonly disk: { readonly ok: boolean; readonly reason?: string };
  /** Resident memory of both processes, MiB. */
  readonly rssMiB: number;
  /** Address of the broker the node is at, or tries next. */
  readonly broker: string;
  readonly queues: Readonly<Record<string, number>>;
  readonly drops: Readonly<Record<string, number>>;
};

export type HealthReporterOptions = {
  readonly stateDir: string;
  readonly periodMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly read: () => NodeReading;
  readonly publish: (health: Health) => void;
  /** Reads the board; the machine itself unless told. */
  readonly probe?: (stateDir: string) => Promise<BoardReading>;
};

/** Load is judged this often; the board itself is only asked once per period. */
const JUDGE_MS = 5000;
/** A reading takes 0.1 s; one that takes this long asks a disk that does not answer, and health must tell just that. */
const PROBE_MS = 5000;

/** Publishes the node's health once a period and whenever its load or its broker changes. */
export class HealthReporter {
  readonly #options: HealthReporterOptions;
  readonly #ownProbe = new BoardProbe();
  #load: Load = 'active';
  #share = 1;
  #previous = { frames: 0, overruns: 0 };
  #framesMonoMs = 0;
  #diskOk = true;
  #broker = '';
  #board = UNKNOWN_BOARD;
  #reading: Promise<BoardReading> | undefined;
  #isLate = false;
  #cancels: (() => void)[] = [];

  constructor(options: HealthReporterOptions) {
    this.#options = options;
  }

  open(): void {
    const { clock, periodMs, read } = this.#options;
    this.#broker = read().broker;
    this.#framesMonoMs = clock.monoMs();
    this.#cancels = [clock.every(periodMs, () => void this.#report()), clock.every(JUDGE_MS, () => this.#judge())];
    void this.#report();
  }

  /** Something changed that others should hear of at once. */
  reportNow(): void {
    this.#judge();
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }

  #judge(): void {
    const { frames, overruns, share, disk, broker } = this.#options.read();
    // Counters start anew with the vision process.
    const isNewLife = frames < this.#previous.frames;
    const newFrames = isNewLife ? frames : frames - this.#previous.frames;
    const newOverruns = isNewLife ? overruns : overruns - this.#previous.overruns;
    this.#previous = { frames, overruns };
    const nowMonoMs = this.#options.clock.monoMs();
    if (newFrames > 0) this.#framesMonoMs = nowMonoMs;
    const quietMs = nowMonoMs - this.#framesMonoMs;
    const load = decideLoad(this.#load, { frames: newFrames, overruns: newOverruns, quietMs });
    const isSame = load === this.#load && share === this.#share && disk.ok === this.#diskOk && broker === this.#broker;
    if (isSame) return;
    this.#load = load;
    this.#share = share;
    this.#diskOk = disk.ok;
    this.#broker = broker;
    void this.#report();
  }

  async #report(): Promise<void> {
    await this.#probe();
    try {
      this.#options.publish(this.#build(this.#board));
    } catch (error) {
      this.#options.log.warn('health not published', { error: messageOf(error) });
    }
  }

  // One at a time, for all who report meanwhile: asked again and again, a disk that does not answer would take every
  // thread there is.
  async #probe(): Promise<void> {
    const { clock, log, stateDir } = this.#options;
    const probe = this.#options.probe ?? ((dir: string) => this.#ownProbe.read(dir));
    this.#reading ??= probe(stateDir).finally(() => {
      this.#reading = undefined;
      this.#isLate = false;
    });
    if (this.#isLate) return;
    const late = () =>
      new OperationError({ code: 'timeout', op: 'read', subject: 'board', message: `no answer in ${PROBE_MS} ms` });
    try {
      this.#board = await withDeadline(clock, PROBE_MS, this.#reading, late);
    } catch (error) {
      this.#isLate = this.#reading !== undefined;
      log.warn('board not read, telling what it was', { error: messageOf(error) });
    }
  }

  #build(board: BoardReading): Health {
    const { disk, share, rssMiB, broker, queues, drops } = this.#options.read();
    return {
      v: SCHEMA_MINOR,
      // A node that cannot keep records is overloaded, whatever its frames do.
      load: disk.ok ? this.#load : 'overloaded',
      cpu: board.cpu,
      temperatureC: board.temperatureC,
      memory: { usedMiB: board.usedMiB, totalMiB: board.totalMiB, rssMiB: Math.round(rssMiB) },
      disk: { freeMiB: board.diskFreeMiB, totalMiB: board.diskTotalMiB, ...disk },
      throttled: board.throttled,
      share,
      broker,
      queues: { ...queues },
      drops: Object.fromEntries(Object.entries(drops).map(([cause, count]) => [cause, Math.round(count)])),
    };
  }
}
