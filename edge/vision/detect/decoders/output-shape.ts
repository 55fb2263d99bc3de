import type { ModelManifest } from '../../model/manifest.js';
import type { ValueShape } from '../../model/onnx-file.js';
import type { OutputTensor, OutputTensors } from './decoder.js';

type Dims = readonly (number | null)[];

/** A shape as people write it: `[1, 3549, 85]`, `?` where not fixed. */
export function formatDims(dims: Dims): string {
  return `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

/** True if nothing that is fixed differs. An output without a declared rank fits anything. */
export function fits(dims: Dims, expected: Dims): boolean {
  if (dims.length === 0) return true;
  if (dims.length !== expected.length) return false;
  return dims.every((dim, i) => dim === null || expected[i] === null || dim === expected[i]);
}

/** @throws RangeError with both shapes in one line. */
export function checkShape(output: ValueShape, expected: Dims, manifest: ModelManifest): void {
  if (fits(output.dims, expected)) return;
  throw new RangeError(
    `output ${output.name} is ${formatDims(output.dims)}, expected ${formatDims(expected)} for family ` +
      `${manifest.family} with ${manifest.labels.length} labels at ${manifest.input.widthPx}x${manifest.input.heightPx}`,
  );
}

/** The one output of a family that has one. @throws RangeError */
export function onlyOutput(outputs: readonly ValueShape[], manifest: ModelManifest): ValueShape {
  const [output] = outputs;
  if (output !== undefined && outputs.length === 1) return output;
  throw new RangeError(`${outputs.length} outputs (${listOutputs(outputs)}), expected 1 for family ${manifest.family}`);
}

/** `a [1, 2], b [3]` */
export function listOutputs(outputs: readonly ValueShape[]): string {
  return outputs.map(({ name, dims }) => `${name} ${formatDims(dims)}`).join(', ');
}

/** The output of that name. @throws RangeError that lists those there are. */
export function outputNamed(outputs: readonly ValueShape[], name: string): ValueShape {
  const output = outputs.find((candidate) => candidate.name === name);
  if (output !== undefined) return output;
  throw new RangeError(`no output ${name}; it has ${listOutputs(outputs)}`);
}

/** Data of an f32 output. @throws RangeError if it is absent, of another type or another length. */
export function floatsOf(outputs: OutputTensors, name: string, length?: number): Float32Array {
  const { data, dims } = tensorOf(outputs, name);
  if (!(data instanceof Float32Array)) throw new RangeError(`output ${name} is not float32`);
  if (length === undefined || data.length === length) return data;
  throw new RangeError(`output ${name} came as ${formatDims(dims)}, ${data.length} numbers, expected ${length}`);
}

/** An output of any element type. @throws RangeError if it is absent. */
export function tensorOf(outputs: OutputTensors, name: string): OutputTensor {
  const tensor = outputs.get(name);
  if (tensor === undefined) throw new RangeError(`the run gave no output ${name}`);
  return tensor;
}
