import type { RgbPicture } from '../capture/frame.js';
import type { Detection } from '../vision/detection.js';
import type { Detector } from '../vision/detector.js';
import type { ModelManifest } from '../vision/model/manifest.js';
import { DetectorThread, type DetectorThreadOptions } from './detector-thread.js';

/**
 * Several detectors of one thread each, for several cameras: two of them do twice the frames of one with two threads
 * (FastestDet, YOLOX-Nano, 2 cores). Who calls first is served first; because a camera has at most one call waiting, every
 * camera gets its share, and nothing queues up.
 */
export class DetectorPool implements Detector {
  readonly manifest: ModelManifest;
  readonly #threads: readonly DetectorThread[];
  readonly #free: DetectorThread[];
  readonly #waiting: ((thread: DetectorThread) => void)[] = [];

  private constructor(threads: readonly DetectorThread[], manifest: ModelManifest) {
    this.#threads = threads;
    this.#free = [...threads];
    this.manifest = manifest;
  }

  /** @throws OperationError as `loadDetector`; no thread is left then. */
  static async open(options: DetectorThreadOptions & { readonly instances: number }): Promise<DetectorPool> {
    const { instances, ...start } = options;
    const first = await DetectorThread.start(start);
    const others = await Promise.allSettled(Array.from({ length: instances - 1 }, () => DetectorThread.start(start)));
    const threads = [first, ...others.flatMap((other) => (other.status === 'fulfilled' ? [other.value] : []))];
    const failed = others.find((other) => other.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all(threads.map((thread) => thread.close()));
      throw failed.reason;
    }
    return new DetectorPool(threads, first.manifest);
  }

  get labels(): readonly string[] {
    return this.manifest.labels;
  }

  get inputWidthPx(): number {
    return this.manifest.input.widthPx;
  }

  get inputHeightPx(): number {
    return this.manifest.input.heightPx;
  }

  /** Candidates that were not taken, of all threads, since their start, by cause. */
  get drops(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { drops } of this.#threads) {
      for (const [cause, count] of Object.entries(drops)) sums[cause] = (sums[cause] ?? 0) + count;
    }
    return sums;
  }

  /** Time its threads have looked, all together, ms. */
  get busyMs(): number {
    return this.#threads.reduce((sum, { busyMs }) => sum + busyMs, 0);
  }

  async detect(picture: RgbPicture, options: Parameters<Detector['detect']>[1]): Promise<readonly Detection[]> {
    const thread = this.#free.pop() ?? (await new Promise<DetectorThread>((resolve) => this.#waiting.push(resolve)));
    try {
      return await thread.detect(picture, options);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(thread);
      else next(thread);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}
