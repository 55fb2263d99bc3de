import type { RgbPicture } from '../capture/frame.js';
import { inferenceFailed } from '../vision/detect/model-run.js';
import { type PictureData, PictureTensor } from '../vision/detect/picture-tensor.js';
import type { Detection } from '../vision/detection.js';
import type { Detector } from '../vision/detector.js';
import type { ModelManifest } from '../vision/model/manifest.js';
import { DetectorThread, type DetectorThreadOptions } from './detector-thread.js';

/** One that is looked at, one that is ready when that is done. */
const CALLS_PER_THREAD = 2;

/**
 * Detectors of one thread each: two of them do twice the frames of one with two threads (FastestDet, YOLOX-Nano, 2
 * cores). The model's input is made in the calling thread while the others look, so that a thread that is done finds its
 * next one there. Who calls first is served first; because a camera has few calls waiting, every camera gets its share,
 * and nothing queues up.
 */
export class DetectorPool implements Detector {
  readonly manifest: ModelManifest;
  /** Whose last call is longest ago comes first. */
  readonly #threads: DetectorThread[];
  readonly #picture: PictureTensor;
  /** Memory for what threads are to look at, where it is not with them: who has none waits. */
  readonly #spare: PictureData[];
  readonly #waiting: ((data: PictureData) => void)[] = [];
  readonly #drops = new Map<DetectorThread, Readonly<Record<string, number>>>();
  #busyMs = 0;

  private constructor(threads: DetectorThread[], manifest: ModelManifest) {
    this.#threads = threads;
    this.#picture = new PictureTensor(manifest.input);
    const { data } = this.#picture;
    this.#spare = Array.from({ length: threads.length * CALLS_PER_THREAD }, () => emptyLike(data));
    this.manifest = manifest;
  }

  /** @throws OperationError as `loadModelRun`; no thread is left then. */
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
    for (const drops of this.#drops.values()) {
      for (const [cause, count] of Object.entries(drops)) sums[cause] = (sums[cause] ?? 0) + count;
    }
    return sums;
  }

  /** Time its threads have looked, all together, ms. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** @throws OperationError `inference-failed`; Error when the thread is gone. */
  async detect(picture: RgbPicture, options: Parameters<Detector['detect']>[1]): Promise<readonly Detection[]> {
    const data = this.#spare.pop() ?? (await new Promise<PictureData>((resolve) => this.#waiting.push(resolve)));
    let back = data;
    try {
      const { region = [0, 0, picture.widthPx, picture.heightPx], scoreMin = this.manifest.thresholds.score } = options;
      const geometry = this.#fill(data, picture, region);
      const thread = this.#chooseThread();
      const reply = await thread.look({ data, geometry, scoreMin });
      if (reply.type === 'ready' || reply.type === 'failed') throw new Error(`the thread said ${reply.type}`);
      back = reply.data;
      this.#busyMs += reply.tookMs;
      if (reply.type === 'fault') throw inferenceFailed(this.manifest, reply.message);
      this.#drops.set(thread, reply.drops);
      return reply.detections;
    } finally {
      // What a thread took with it when it ended has no length.
      this.#giveBack(back.length > 0 ? back : emptyLike(this.#picture.data));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #fill(data: PictureData, picture: RgbPicture, region: Parameters<PictureTensor['fill']>[1]) {
    try {
      const geometry = this.#picture.fill(picture, region);
      data.set(this.#picture.data);
      return geometry;
    } catch (cause) {
      throw inferenceFailed(this.manifest, cause);
    }
  }

  // Runs take alike: of those with as many calls the one that has had its last for longest is done first.
  #chooseThread(): DetectorThread {
    const chosen = this.#threads.reduce((best, thread) => (thread.calls < best.calls ? thread : best));
    this.#threads.splice(this.#threads.indexOf(chosen), 1);
    this.#threads.push(chosen);
    return chosen;
  }

  #giveBack(data: PictureData): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#spare.push(data);
    else next(data);
  }
}

function emptyLike(data: PictureData): PictureData {
  return data instanceof Float32Array ? new Float32Array(data.length) : new Uint8Array(data.length);
}
