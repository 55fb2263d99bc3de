import type { ModelInput } from './manifest.js';
import type { OnnxDescription, ValueShape } from './onnx-file.js';

/** The input of a graph that takes the picture, as far as its shape tells. */
export type PictureInput = Pick<ModelInput, 'layout' | 'dtype' | 'widthPx' | 'heightPx'> & {
  readonly name: string;
  /** Set if the graph takes any size and one was assumed: the sentence that says so. */
  readonly sizeAssumed: string | undefined;
};

/** Most exports that take any size were trained at it. */
const SIDE_ASSUMED_PX = 640;

/** The input of rank 4 with three channels, or undefined. */
export function pictureInputOf(model: OnnxDescription): PictureInput | undefined {
  for (const input of model.inputs) {
    const picture = asPicture(input);
    if (picture !== undefined) return picture;
  }
  return undefined;
}

function asPicture({ name, dtype, dims }: ValueShape): PictureInput | undefined {
  if (dims.length !== 4 || (dtype !== 'float32' && dtype !== 'uint8')) return undefined;
  const [, second, third, fourth] = dims;
  const layout = second === 3 ? 'nchw' : fourth === 3 ? 'nhwc' : undefined;
  if (layout === undefined) return undefined;
  const [height, width] = layout === 'nchw' ? [third, fourth] : [second, third];
  const fixed = typeof height === 'number' && typeof width === 'number';
  return {
    name,
    layout,
    dtype,
    heightPx: height ?? SIDE_ASSUMED_PX,
    widthPx: width ?? SIDE_ASSUMED_PX,
    sizeAssumed: fixed ? undefined : `it takes pictures of any size; ${SIDE_ASSUMED_PX} px was assumed`,
  };
}
