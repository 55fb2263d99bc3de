import { Worker } from 'node:worker_threads';
import { isErrorCode, messageOf, OperationError } from '../../base/errors.js';
import type { ModelManifest } from '../vision/model/manifest.js';
import type { DetectorCall, DetectorReply, DetectorStart } from './detector-message.js';

export type DetectorThreadOptions = DetectorStart & {
  /** The worker's module, compiled; beside this one unless told (tests run from sources). */
  readonly workerUrl?: URL;
};

type Waiting = { readonly resolve: (reply: DetectorReply) => void; readonly reject: (error: Error) => void };

/** One model in a thread of its own; it does one call after the other. */
export class DetectorThread {
  readonly manifest: ModelManifest;
  readonly #worker: Worker;
  /** In the order of their calls, which is that of the replies. */
  #waiting: Waiting[] = [];
  #ended: Error | undefined;

  private constructor(worker: Worker, manifest: ModelManifest) {
    this.#worker = worker;
    this.manifest = manifest;
    worker.on('message', (reply: DetectorReply) => this.#waiting.shift()?.resolve(reply));
    worker.on('error', (error) => this.#end(new Error(messageOf(error))));
    worker.on('exit', () => this.#end(new Error('the thread of the detector ended')));
  }

  /** Starts the thread and loads the model in it. @throws OperationError as `loadModelRun`. */
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

  /** Calls that have no reply yet. */
  get calls(): number {
    return this.#waiting.length;
  }

  /**
   * The picture's memory goes with the call: it has no length until the reply brings it back.
   * @throws Error when the thread is gone.
   */
  look(call: DetectorCall): Promise<DetectorReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(call, [call.data.buffer]);
    });
  }

  async close(): Promise<void> {
    this.#ended ??= new Error('the detector is closed');
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function failureOf(reply: DetectorReply, modelPath: string): Error {
  if (reply.type !== 'failed') return new Error(`the thread of the detector said ${reply.type} first`);
  const { code, message, hint } = reply;
  if (!isErrorCode(code)) return new Error(message);
  const more = hint === undefined ? {} : { hint };
  return new OperationError({ code, op: 'load', subject: `model ${modelPath}`, message, ...more });
}
