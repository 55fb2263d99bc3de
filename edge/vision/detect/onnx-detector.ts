import type { InferenceSession } from 'onnxruntime-node';
import { messageOf, OperationError } from '../../../base/errors.js';
import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';
import type { Detection } from '../detection.js';
import type { Detector } from '../detector.js';
import type { ModelManifest } from '../model/manifest.js';
import { type CandidateDrops, Candidates } from './candidates.js';
import type { Decoder, OutputTensor } from './decoders/decoder.js';
import type { ModelInputs } from './model-inputs.js';
import { Nms } from './nms.js';
import { OutputGarbage } from './output-garbage.js';

/** A loaded model: the session, and what its manifest says of its two ends. */
export type OnnxDetectorParts = {
  readonly session: InferenceSession;
  readonly inputs: ModelInputs;
  readonly decoder: Decoder;
  readonly manifest: ModelManifest;
  /** 0..1, used where a call names no other. */
  readonly scoreMin: number;
};

/**
 * A detector that runs an ONNX model in this process; `loadDetector` makes one.
 * A run blocks the event loop for its whole length (onnxruntime-node 1.30, microsoft/onnxruntime#26968).
 */
export class OnnxDetector implements Detector {
  readonly labels: readonly string[];
  readonly inputWidthPx: number;
  readonly inputHeightPx: number;
  readonly manifest: ModelManifest;
  readonly #parts: OnnxDetectorParts;
  readonly #candidates = new Candidates();
  readonly #nms = new Nms();
  readonly #garbage = new OutputGarbage();
  #closed = false;

  constructor(parts: OnnxDetectorParts) {
    this.#parts = parts;
    this.manifest = parts.manifest;
    this.labels = parts.manifest.labels;
    this.inputWidthPx = parts.manifest.input.widthPx;
    this.inputHeightPx = parts.manifest.input.heightPx;
  }

  /** What the model gave and was not taken, since it was opened. The object counts on. */
  get drops(): CandidateDrops {
    return this.#candidates.drops;
  }

  async detect(
    picture: RgbPicture,
    options: { readonly region?: BoxXyxyPx; readonly scoreMin?: number } = {},
  ): Promise<readonly Detection[]> {
    const { session, inputs, decoder, manifest } = this.#parts;
    const scoreMin = options.scoreMin ?? this.#parts.scoreMin;
    try {
      const region = checkRegion(picture, options.region ?? [0, 0, picture.widthPx, picture.heightPx]);
      this.#candidates.start(inputs.fill(picture, region, scoreMin));
      const outputs = typedOutputs(await session.run(inputs.feeds, decoder.outputNames));
      decoder.decode(outputs, scoreMin, this.#candidates);
      for (const { data } of outputs.values()) this.#garbage.release(data.buffer);
    } catch (cause) {
      const message = messageOf(cause);
      throw new OperationError({ code: 'inference-failed', op: 'run model', subject: manifest.id, message, cause });
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
    const detections: Detection[] = [];
    for (const at of this.#nms.select(candidates, this.manifest.thresholds.nmsIou)) {
      const classId = candidates.labels[at] ?? 0;
      const label = this.labels[classId] ?? '';
      detections.push({ classId, label, score: candidates.scores[at] ?? 0, box: candidates.boxAt(at) });
    }
    return detections;
  }
}

// The pixels are read without looking at each index: a wrong region would read the next row or nothing.
function checkRegion(picture: RgbPicture, region: BoxXyxyPx): BoxXyxyPx {
  const { widthPx, heightPx, data } = picture;
  if (data.length !== widthPx * heightPx * 3) {
    throw new RangeError(`a picture of ${widthPx}x${heightPx} came with ${data.length} bytes`);
  }
  const [x1, y1, x2, y2] = region;
  const inside = x1 >= 0 && y1 >= 0 && x2 <= widthPx && y2 <= heightPx && x1 < x2 && y1 < y2;
  if (inside && region.every(Number.isInteger)) return region;
  throw new RangeError(`region ${region.join(', ')} is not whole pixels inside ${widthPx}x${heightPx}`);
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
