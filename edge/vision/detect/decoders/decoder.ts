import type { ModelManifest } from '../../model/manifest.js';
import type { ValueShape } from '../../model/onnx-file.js';
import type { Candidates } from '../candidates.js';

/** Numbers of an output, in the element type the graph gives; row-major. */
export type TensorData = Float32Array | Int32Array | BigInt64Array;
export type OutputTensor = { readonly dims: readonly number[]; readonly data: TensorData };
export type OutputTensors = ReadonlyMap<string, OutputTensor>;

/** Turns the outputs of one model into candidates. Keeps no state from picture to picture but scratch buffers. */
export type Decoder = {
  /** The outputs it needs; others need not be fetched. */
  readonly outputNames: readonly string[];
  /**
   * Adds what scores at least `scoreMin`, boxes in pixels of the model's input. No NMS.
   * @throws RangeError if an output has another shape than at load.
   */
  decode(outputs: OutputTensors, scoreMin: number, candidates: Candidates): void;
};

/**
 * Binds a family's outputs: which is which, how large the grids are.
 * @param outputs as the file declares them; a dimension that is not fixed is null and checked when it runs.
 * @throws RangeError if they cannot be this family's, or not with this number of labels; names both shapes.
 */
export type DecoderBuilder = (manifest: ModelManifest, outputs: readonly ValueShape[]) => Decoder;
