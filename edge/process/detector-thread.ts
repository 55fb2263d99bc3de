import { Worker } from 'node:worker_threads';
import { isErrorCode, messageOf, OperationError } from '../../base/errors.js';
import type { RgbPicture } from '../capture/frame.js';
import type { BoxXyxyPx } from '../vision/box.js';
import type { Detection } from '../vision/detection.js';
import type { ModelManifest } from '../vision/model/manifest.js';
import type { DetectorCall, DetectorReply, DetectorStart } from './detector-message.js';

export type DetectorThreadOptions = DetectorStart & {
  /** The worker's module, compiled; beside this one unless told (tests run from sources). */
  readonly workerUrl?: URL;
};

type Waiting = { readonly resolve: (reply: DetectorReply) => void; readonly reject: (error: Error) => void };

/** One detector in a thread of its own. Calls do not overlap. */
export class DetectorThread {
  readonly manifest: ModelManifest;
  readonly #worker: Worker;
  #waiting: Waiting | undefined;
  #pixels = new SharedArrayBuffer(0);
  #drops: Readonly<Record<string, number>> = {};
  #ended: Error | undefined;
  /** Time it has looked, ms. */
  busyMs = 0;

  private constructor(worker: Worker, manifest: ModelManifest) {
    this.#worker = worker;
    this.manifest = manifest;
    worker.on('message', (reply: DetectorReply) => this.#settle((waiting) => waiting.resolve(reply)));
    worker.on('error', (error) => this.#end(new Error(messageOf(error))));
    worker.on('exit', () => this.#end(new Error('the thread of the detector ended')));
  }

  /** Starts the thread and loads the model in it. @throws OperationError as `loadDetector`. */
  static async start({ modelPath, threads, workerUrl }: DetectorThreadOptions): Promise<DetectorThread> {
    const url = workerUrl ?? new URL('./detector-worker.js', import.meta.url);
    const worker = new Worker(url, { workerData: { modelPath, threads }, name: 'detector' });
    const first = await new Promise<DetectorReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread of the detector ended')));
    });
    if (first.type === 'ready') return new DetectorThread(worker, first.manifest);
    await worker.terminate();
    throw failureOf(first, modelPath);
  }

  /** Candidates the model gave and that were not taken, since its start, by cause. */
  get drops(): Readonly<Record<string, number>> {
    return this.#drops;
  }

  /** @throws OperationError `inference-failed`; Error when the thread is gone. */
  async detect(
    picture: RgbPicture,
    options: { readonly region?: BoxXyxyPx; readonly scoreMin?: number },
  ): Promise<readonly Detection[]> {
    const { widthPx, heightPx, data } = picture;
    // A copy of 0.1 ms: the frame's buffer goes back to its camera, which does not know of threads.
    if (this.#pixels.byteLength < data.byteLength) this.#pixels = new SharedArrayBuffer(data.byteLength);
    new Uint8Array(this.#pixels).set(data);
    const startedMs = performance.now();
    const reply = await this.#call({ pixels: this.#pixels, widthPx, heightPx, ...options });
    this.busyMs += performance.now() - startedMs;
    if (reply.type === 'detections') {
      this.#drops = reply.drops;
      return reply.detections;
    }
    const message = reply.type === 'fault' ? reply.message : `the thread said ${reply.type}`;
    throw new OperationError({ code: 'inference-failed', op: 'run model', subject: this.manifest.id, message });
  }

  async close(): Promise<void> {
    this.#ended ??= new Error('the detector is closed');
    await this.#worker.terminate();
  }

  #call(call: DetectorCall): Promise<DetectorReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#worker.postMessage(call);
    });
  }

  #settle(action: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) action(waiting);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#settle((waiting) => waiting.reject(error));
  }
}

function failureOf(reply: DetectorReply, modelPath: string): Error {
  if (reply.type !== 'failed') return new Error(`the thread of the detector said ${reply.type} first`);
  const { code, message, hint } = reply;
  if (!isErrorCode(code)) return new Error(message);
  const more = hint === undefined ? {} : { hint };
  return new OperationError({ code, op: 'load', subject: `model ${modelPath}`, message, ...more });
}
