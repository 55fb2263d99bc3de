import { InferenceSession } from 'onnxruntime-node';
import { messageOf } from '../../../base/errors.js';
import type { RgbPicture } from '../../capture/frame.js';
import { withConstantWeights } from '../model/onnx-constants.js';
import type { ValueShape } from '../model/onnx-file.js';
import { modelInvalid, type ResolvedModel, resolveModel } from '../model/resolve-model.js';
import { DECODER_BUILDERS } from './decoders/decoder-table.js';
import { bindInputs } from './model-inputs.js';
import { ModelRun } from './model-run.js';
import { OnnxDetector } from './onnx-detector.js';

export type LoadDetectorOptions = {
  /** A .onnx file; its manifest lies beside it, or it is a known file. */
  readonly modelPath: string;
  /** Threads of one run, default 1: two processes of one thread do 420 runs/s where one of two does 195 (FastestDet, 2 cores). */
  readonly threads?: number;
  /** 0..1; default: the manifest's. */
  readonly scoreMin?: number;
};

/**
 * Reads, checks and loads a model, and runs it once on grey so that a wrong one fails here and not on the first frame.
 * @throws OperationError `model-missing`, `model-invalid`, `manifest-invalid`.
 */
export async function loadModelRun({ modelPath, threads }: Omit<LoadDetectorOptions, 'scoreMin'>): Promise<ModelRun> {
  const model = await resolveModel(modelPath);
  const session = await createSession(model, threads ?? 1);
  try {
    const run = new ModelRun({ session, ...bindModel(model, session) });
    // On grey, in a detector of its own: the memory its pictures take is given back.
    await new OnnxDetector(run).detect(greyPicture());
    return run;
  } catch (cause) {
    await session.release();
    throw modelInvalid(model.path, messageOf(cause), { cause });
  }
}

/** A detector in this thread. @throws OperationError as `loadModelRun`. */
export async function loadDetector({ scoreMin, ...options }: LoadDetectorOptions): Promise<OnnxDetector> {
  return new OnnxDetector(await loadModelRun(options), scoreMin);
}

/** The two ends of a loaded model: how a picture gets in, how boxes come out. */
export function bindModel({ manifest, description }: ResolvedModel, session: InferenceSession) {
  const inputs = bindInputs(manifest, description.inputs);
  const decoder = DECODER_BUILDERS[manifest.family](manifest, session.outputMetadata.map(outputShape));
  return { inputs, decoder, manifest };
}

// The runtime knows more shapes than the file declares: it has followed them through the graph.
function outputShape(output: InferenceSession.ValueMetadata): ValueShape {
  if (!output.isTensor) throw new RangeError(`output ${output.name} is not a tensor`);
  const dims = output.shape.map((dim) => (typeof dim === 'number' && dim >= 0 ? dim : null));
  return { name: output.name, dtype: output.type, dims };
}

/** The runtime session of a model, with the options every detector here runs with. @throws OperationError `model-invalid`. */
export async function createSession(model: ResolvedModel, threads: number): Promise<InferenceSession> {
  const bytes = withConstantWeights(model.bytes, model.description.weightInputs);
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Errors only: old exports bring a warning for every weight.
      logSeverityLevel: 3,
      // Threads that wait by spinning take 76 ms of CPU a run instead of 20 at 9 frames/s (YOLOX-Nano, 2 threads).
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
  } catch (cause) {
    // Its messages come in several lines.
    const reason = messageOf(cause).replace(/\s+/g, ' ').trim();
    throw modelInvalid(model.path, `onnxruntime refuses it: ${reason}`, { cause });
  }
}

function greyPicture(): RgbPicture {
  const side = 64;
  return { kind: 'rgb', widthPx: side, heightPx: side, data: new Uint8Array(side * side * 3).fill(128) };
}
