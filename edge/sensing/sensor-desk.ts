import type { Clock } from '../../base/clock.js';
import type { DeepReadonly } from '../../base/config.js';
import { Counters } from '../../base/counters.js';
import { withDeadline } from '../../base/deadline.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { SCHEMA_MINOR, type SensorReading } from '../../protocol/status.js';
import type { SensorConfig } from './config.js';
import type { SensorSource } from './sensor-source.js';
import { NEW_SENSOR, type SensorVerdict, takeSample } from './sensor-state.js';

export type SensorDeskOptions = {
  /** By sensor id. */
  readonly sensors: Readonly<Record<string, DeepReadonly<SensorConfig>>>;
  readonly makeSource: (config: DeepReadonly<SensorConfig>) => SensorSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: (sensor: string, reading: SensorReading) => void;
};

/** A driver that hangs in the kernel is not waited for longer than this; the sample counts as missing. */
const READ_MS_MAX = 15_000;
/** More digits than any part measures. */
const DIGITS = 6;

/** The sensors of a node: each read in a loop of its own, at its own pace, so that a slow one delays no other. */
export class SensorDesk {
  readonly #options: SensorDeskOptions;
  readonly #readings = new Map<string, SensorReading>();
  readonly #counters = new Counters(['samples', 'missing', 'stuck', 'range'] as const);
  readonly #stop = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(options: SensorDeskOptions) {
    this.#options = options;
  }

  /** The last reading of each sensor that has said something. */
  get readings(): ReadonlyMap<string, SensorReading> {
    return this.#readings;
  }

  /** Samples taken, and those that gave no reading, by cause. */
  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  open(): void {
    this.#loops = Object.entries(this.#options.sensors).map(([id, config]) => this.#watch(id, config));
  }

  /** Ends the loops and every program they started. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #watch(id: string, config: DeepReadonly<SensorConfig>): Promise<void> {
    const { clock, makeSource } = this.#options;
    const { signal } = this.#stop;
    const source = makeSource(config);
    const unit = config.unit ?? source.unit ?? '';
    let state = NEW_SENSOR;
    let lastWords = '';
    while (!signal.aborted) {
      const startedMonoMs = clock.monoMs();
      const sample = await this.#read(source).catch((error) => {
        lastWords = messageOf(error);
        return undefined;
      });
      if (signal.aborted) break;
      const taken = takeSample(state, sample, clock.monoMs(), config);
      state = taken.state;
      this.#counters.add('samples');
      if (taken.tell !== undefined) this.#tell(id, unit, taken.tell, lastWords);
      const waitMs = Math.max(0, config.intervalMs - (clock.monoMs() - startedMonoMs));
      await clock.sleep(waitMs, signal).catch(() => {});
    }
    await source.close();
  }

  #read(source: SensorSource): Promise<number> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    const late = () => new Error(`no answer in ${READ_MS_MAX} ms`);
    return withDeadline(clock, READ_MS_MAX, source.read(signal), late, signal);
  }

  #tell(id: string, unit: string, verdict: SensorVerdict, lastWords: string): void {
    const { clock, log, tell } = this.#options;
    const atMs = clock.nowMs();
    const before = this.#readings.get(id);
    const reading: SensorReading = verdict.ok
      ? { v: SCHEMA_MINOR, value: Number(verdict.value.toPrecision(DIGITS)), unit, atMs, ok: true }
      : { v: SCHEMA_MINOR, value: null, unit, atMs, ok: false, reason: verdict.reason };
    if (!verdict.ok && before?.reason !== verdict.reason) {
      this.#counters.add(verdict.reason);
      const detail = verdict.reason === 'missing' ? { error: lastWords } : {};
      log.warn('sensor gives no reading', { sensor: id, reason: verdict.reason, ...detail });
    }
    if (verdict.ok && before !== undefined && !before.ok) log.info('sensor reads again', { sensor: id });
    this.#readings.set(id, reading);
    tell(id, reading);
  }
}
