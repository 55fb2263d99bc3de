import type { InferenceSession } from 'onnxruntime-node';
import { messageOf, OperationError } from '../../../base/errors.js';
import type { Detection } from '../detection.js';
import type { ModelManifest } from '../model/manifest.js';
import { type CandidateDrops, Candidates } from './candidates.js';
import type { Decoder, OutputTensor } from './decoders/decoder.js';
import type { InputGeometry } from './input-geometry.js';
import type { ModelInputs } from './model-inputs.js';
import { Nms } from './nms.js';
import { OutputGarbage } from './output-garbage.js';
import type { PictureData } from './picture-tensor.js';

/** A loaded model: the session, and what its manifest says of its two ends. */
export type ModelRunParts = {
  readonly session: InferenceSession;
  readonly inputs: ModelInputs;
  readonly decoder: Decoder;
  readonly manifest: ModelManifest;
};

/** A picture as the model takes it, and where it lies in what it was made from. */
export type InputPicture = { readonly data: PictureData; readonly geometry: InputGeometry };

/**
 * The second half of a detector, from the model's input to boxes; `loadModelRun` makes one. Runs must not overlap.
 * A run blocks the event loop for its whole length (onnxruntime-node 1.30, microsoft/onnxruntime#26968).
 */
export class ModelRun {
  readonly manifest: ModelManifest;
  readonly #parts: ModelRunParts;
  readonly #candidates = new Candidates();
  readonly #nms = new Nms();
  readonly #garbage = new OutputGarbage();
  #closed = false;

  constructor(parts: ModelRunParts) {
    this.#parts = parts;
    this.manifest = parts.manifest;
  }

  /** What the model gave and was not taken, since it was opened. The object counts on. */
  get drops(): CandidateDrops {
    return this.#candidates.drops;
  }

  /**
   * @param scoreMin 0..1.
   * @returns as a detector.
   * @throws OperationError `inference-failed`.
   */
  async run({ data, geometry }: InputPicture, scoreMin: number): Promise<Detection[]> {
    const { session, inputs, decoder, manifest } = this.#parts;
    try {
      inputs.feed(data, scoreMin);
      this.#candidates.start(geometry);
      const outputs = typedOutputs(await session.run(inputs.feeds, decoder.outputNames));
      decoder.decode(outputs, scoreMin, this.#candidates);
      for (const output of outputs.values()) this.#garbage.release(output.data.buffer);
    } catch (cause) {
      throw inferenceFailed(manifest, cause);
    }
    return this.#selected();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#parts.session.release();
  }

  #selected(): Detection[] {
    const candidates = this.#candidates;
    const { labels, thresholds } = this.manifest;
    const detections: Detection[] = [];
    for (const at of this.#nms.select(candidates, thresholds.nmsIou)) {
      const classId = candidates.labels[at] ?? 0;
      const label = labels[classId] ?? '';
      detections.push({ classId, label, score: candidates.scores[at] ?? 0, box: candidates.boxAt(at) });
    }
    return detections;
  }
}

/** What a look that failed is told as. */
export function inferenceFailed({ id }: ModelManifest, cause: unknown): OperationError {
  const message = messageOf(cause);
  return new OperationError({ code: 'inference-failed', op: 'run model', subject: id, message, cause });
}

function typedOutputs(outputs: InferenceSession.OnnxValueMapType): Map<string, OutputTensor> {
  const typed = new Map<string, OutputTensor>();
  for (const [name, { dims, data }] of Object.entries(outputs)) {
    if (!(data instanceof Float32Array || data instanceof Int32Array || data instanceof BigInt64Array)) {
      throw new RangeError(`output ${name} has an element type that is not read`);
    }
    typed.set(name, { dims, data });
  }
  return typed;
}
