import { Tensor } from 'onnxruntime-node';
import type { ModelManifest } from '../model/manifest.js';
import type { ValueShape } from '../model/onnx-file.js';
import { fits, formatDims, listOutputs } from './decoders/output-shape.js';
import { type PictureData, pictureDims } from './picture-tensor.js';

/** What is fed to one model: tensors made once; that of the picture is a view of whatever it is made from. */
export type ModelInputs = {
  /** As of the last `feed`; zeros before. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** From now on this picture is fed, and this score floor where the model wants one. */
  feed(picture: PictureData, scoreMin: number): void;
};

/**
 * Makes the tensors of a model's inputs.
 * @param inputs as the file declares them, without weights.
 * @throws RangeError if the file's inputs are not those the manifest names; gives both shapes.
 */
export function bindInputs(manifest: ModelManifest, inputs: readonly ValueShape[]): ModelInputs {
  const { input, extraInputs } = manifest;
  const dims = pictureDims(input);
  const pictureName = input.name ?? onlyOther(inputs, manifest);
  checkInput(inputs, pictureName, input.dtype, dims);
  const feeds: Record<string, Tensor> = {};
  const floors: Float32Array[] = [];
  for (const { name, feed } of extraInputs) {
    if (feed === 'input-size-wh') {
      checkInput(inputs, name, 'int64', [1, 2]);
      const size = BigInt64Array.of(BigInt(input.widthPx), BigInt(input.heightPx));
      feeds[name] = new Tensor('int64', size, [1, 2]);
    } else if (feed === 'scale-factor') {
      checkInput(inputs, name, 'float32', [1, 2]);
      feeds[name] = new Tensor('float32', Float32Array.of(1, 1), [1, 2]);
    } else {
      checkInput(inputs, name, 'float32', [1]);
      const floor = new Float32Array(1);
      floors.push(floor);
      feeds[name] = new Tensor('float32', floor, [1]);
    }
  }
  const left = inputs.find(({ name }) => name !== pictureName && !(name in feeds));
  if (left !== undefined) {
    throw new RangeError(`the manifest does not say what to feed input ${left.name} ${formatDims(left.dims)}`);
  }
  let fed = input.dtype === 'float32' ? new Float32Array(volumeOf(dims)) : new Uint8Array(volumeOf(dims));
  feeds[pictureName] = pictureFeed(fed, dims);
  return {
    feeds,
    feed(picture, scoreMin) {
      for (const floor of floors) floor[0] = scoreMin;
      if (picture === fed) return;
      fed = picture;
      feeds[pictureName] = pictureFeed(picture, dims);
    },
  };
}

function pictureFeed(data: PictureData, dims: readonly number[]): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, dims);
  return new Tensor('uint8', data, dims);
}

function volumeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function onlyOther(inputs: readonly ValueShape[], { extraInputs }: ModelManifest): string {
  const others = inputs.filter(({ name }) => !extraInputs.some((extra) => extra.name === name));
  const [input] = others;
  if (input !== undefined && others.length === 1) return input.name;
  throw new RangeError(`which of its inputs is the picture? It has ${listOutputs(inputs)}`);
}

function checkInput(inputs: readonly ValueShape[], name: string, dtype: string, dims: readonly number[]): void {
  const input = inputs.find((candidate) => candidate.name === name);
  if (input === undefined) throw new RangeError(`no input ${name}; it has ${listOutputs(inputs)}`);
  if (input.dtype === dtype && fits(input.dims, dims)) return;
  throw new RangeError(
    `input ${name} is ${input.dtype} ${formatDims(input.dims)}, the manifest says ${dtype} ${formatDims(dims)}`,
  );
}
