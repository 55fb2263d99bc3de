import type { OnnxDescription } from './onnx-file.js';

/** onnxruntime-node 1.30 is built for operator sets up to 26; 7 is the oldest it promises to run. */
const OPSET_MIN = 7;
const OPSET_MAX = 26;

/**
 * Standard operators that detection models use. What is left out on purpose: `Loop` (a model of 180 bytes can turn for
 * ever and only the end of the process stops it), text, image decoding, random numbers, training, sequences of strings.
 */
const OPERATORS: ReadonlySet<string> = new Set(
  `Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Clip Compress Concat ConcatFromSequence
  Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout
  DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm
  GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Identity If
  InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul
  MatMulInteger Max MaxPool Mean Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow
  QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean
  ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RoiAlign Round Scatter ScatterElements ScatterND
  Selu SequenceAt SequenceConstruct SequenceEmpty SequenceInsert SequenceLength Shape Sigmoid Sign Sin Size Slice
  Softmax Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK
  Transpose Trilu Unsqueeze Upsample Where Xor`.split(/\s+/),
);

/** Quantised and fused operators that onnxruntime's own tools write. */
const RUNTIME_OPERATORS: ReadonlySet<string> = new Set(
  `BiasGelu DequantizeLinear DynamicQuantizeMatMul FastGelu FusedConv FusedMatMul Gelu MatMulIntegerToFloat
  NhwcMaxPool QLinearAdd QLinearAveragePool QLinearConcat QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
  QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu`
    .split(/\s+/)
    .map((operator) => `com.microsoft:${operator}`),
);

/**
 * Why a model may not be run here, or nothing. Decided from the file alone, before a runtime sees it.
 * @param allowLoop TensorFlow's exports of SSD need `Loop`; their user says so by naming the family.
 */
export function refusalOf(model: OnnxDescription, allowLoop: boolean): string | undefined {
  if (model.externalTensors.length > 0) {
    return `its weights lie in other files (${model.externalTensors[0]} and ${model.externalTensors.length - 1} more)`;
  }
  const opset = model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version;
  if (opset === undefined) return 'it names no version of the standard operators';
  if (opset < OPSET_MIN || opset > OPSET_MAX) {
    return `operator set ${opset}, allowed ${OPSET_MIN} to ${OPSET_MAX}`;
  }
  for (const operator of model.operators.keys()) {
    if (OPERATORS.has(operator) || RUNTIME_OPERATORS.has(operator)) continue;
    if (operator === 'Loop' && allowLoop) continue;
    return `operator ${operator} is not on the list of those allowed`;
  }
  return undefined;
}
