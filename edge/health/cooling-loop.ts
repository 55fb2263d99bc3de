import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import { COOLING_PERIOD_MS, type CoolingLimits, decideShare } from './cooling.js';
import { readThermal, type ThermalReading } from './thermal.js';

export type CoolingOptions = {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: CoolingLimits;
  /** The share changed. */
  readonly onShare: (share: number) => void;
  /** Reads the board's sensors; the machine itself unless told. */
  readonly read?: () => Promise<ThermalReading>;
};

/** Reads how hot the board is and tells how much its detectors may work. */
export class Cooling {
  readonly #options: CoolingOptions;
  #share: number;
  #isReading = false;
  #isClosed = false;
  #cancel: () => void = () => {};

  constructor(options: CoolingOptions) {
    this.#options = options;
    this.#share = options.limits.shareMax;
  }

  /** Share of the time the detectors may work, 0..1. */
  get share(): number {
    return this.#share;
  }

  open(): void {
    this.#cancel = this.#options.clock.every(COOLING_PERIOD_MS, () => void this.#judge());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  async #judge(): Promise<void> {
    // A sensor that does not answer must not be asked again and again.
    if (this.#isReading) return;
    this.#isReading = true;
    const { read = readThermal, limits, log, onShare } = this.#options;
    const reading = await read().finally(() => {
      this.#isReading = false;
    });
    if (this.#isClosed) return;
    const share = decideShare(this.#share, reading, limits);
    if (share === this.#share) return;
    if (this.#share === limits.shareMax || share === limits.shareMax)
      log.warn(share < limits.shareMax ? 'board is hot: looking at fewer frames' : 'board has cooled down', {
        ...reading,
        share,
      });
    this.#share = share;
    onShare(share);
  }
}
