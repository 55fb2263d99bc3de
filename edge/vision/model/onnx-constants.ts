import { readValue } from './onnx-file.js';
import { encodeVarint, readFields } from './protobuf.js';

/** The first version of the format in which a weight need not be an input (onnx/onnx:docs/IR.md). */
const IR_VERSION_WITH_CONSTANT_WEIGHTS = 4;
const TAG_IR_VERSION = 0x08;
const TAG_GRAPH = 0x3a;

/**
 * The same model with its weights taken out of the graph's inputs, so that the runtime may treat them as constants:
 * Ultra-Light runs three times faster (6.5 to 2.2 ms, onnxruntime 1.30).
 * @param weightInputs names as `describeOnnx` gives them; none: the same bytes come back.
 */
export function withConstantWeights(bytes: Uint8Array, weightInputs: readonly string[]): Uint8Array {
  if (weightInputs.length === 0) return bytes;
  const weights = new Set(weightInputs);
  const parts: Uint8Array[] = [];
  for (const field of readFields(bytes)) {
    if (field.number === 7) parts.push(...graphField(withoutInputs(field.bytes, weights)));
    else if (field.number === 1) parts.push(versionField(field.value ?? 0));
    else parts.push(bytes.subarray(field.start, field.end));
  }
  return Buffer.concat(parts);
}

function withoutInputs(graph: Uint8Array, weights: ReadonlySet<string>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of readFields(graph)) {
    const isWeight = field.number === 11 && weights.has(readValue(field.bytes).name);
    if (!isWeight) parts.push(graph.subarray(field.start, field.end));
  }
  return Buffer.concat(parts);
}

function graphField(graph: Uint8Array): Uint8Array[] {
  return [Uint8Array.of(TAG_GRAPH), encodeVarint(graph.length), graph];
}

function versionField(irVersion: number): Uint8Array {
  const version = Math.max(irVersion, IR_VERSION_WITH_CONSTANT_WEIGHTS);
  return Uint8Array.from([TAG_IR_VERSION, ...encodeVarint(version)]);
}
