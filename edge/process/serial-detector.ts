import type { Clock } from '../../base/clock.js';
import type { RgbPicture } from '../capture/frame.js';
import type { Detection } from '../vision/detection.js';
import type { Detector } from '../vision/detector.js';

/**
 * One detector for several cameras: one call after the other, in the order they were made. A detector's buffers are
 * filled before its run starts, so two calls must never overlap; first come, first served is fair to every camera,
 * because each has at most one call waiting.
 */
export class SerialDetector implements Detector {
  readonly #detector: Detector;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #busyMs = 0;

  constructor(detector: Detector, clock: Clock) {
    this.#detector = detector;
    this.#clock = clock;
  }

  /** Time it has looked, ms. */
  get busyMs(): number {
    return this.#busyMs;
  }

  get labels(): readonly string[] {
    return this.#detector.labels;
  }

  get inputWidthPx(): number {
    return this.#detector.inputWidthPx;
  }

  get inputHeightPx(): number {
    return this.#detector.inputHeightPx;
  }

  detect(picture: RgbPicture, options: Parameters<Detector['detect']>[1]): Promise<readonly Detection[]> {
    const turn = this.#last.then(() => this.#look(picture, options));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #look(...call: Parameters<Detector['detect']>): Promise<readonly Detection[]> {
    const startedMonoMs = this.#clock.monoMs();
    try {
      return await this.#detector.detect(...call);
    } finally {
      this.#busyMs += this.#clock.monoMs() - startedMonoMs;
    }
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#detector.close();
  }
}
