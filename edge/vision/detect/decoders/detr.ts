import type { ValueShape } from '../../model/onnx-file.js';
import { classColumns, labelIndex, logit, sigmoid } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { finishedBoxes } from './finished-boxes.js';
import { checkShape, floatsOf, listOutputs } from './output-shape.js';

/**
 * RT-DETR, D-FINE, DEIM with their post-processing in the graph: `labels i64 [1, n]`, `boxes f32 [1, n, 4]` corners in
 * pixels of the size fed as `orig_target_sizes` (we feed the input's width, height), `scores f32 [1, n]`. No NMS.
 * Source: lyuwenyu/RT-DETR:rtdetrv2_pytorch/src/zoo/rtdetr/rtdetr_postprocessor.py.
 */
export const buildRtDetrDecoder: DecoderBuilder = (manifest, outputs) => {
  const names = manifest.outputs;
  const boxes = find(outputs, names.boxes, ({ dims }) => dims.at(-1) === 4 && dims.length === 3);
  const classes = find(outputs, names.classes, ({ dtype }) => dtype === 'int64' || dtype === 'int32');
  const scores = find(outputs, names.scores, ({ dtype, dims }) => dtype === 'float32' && dims.length === 2);
  const queries = boxes.dims[1] ?? null;
  checkShape(boxes, [1, null, 4], manifest);
  checkShape(classes, [1, queries], manifest);
  checkShape(scores, [1, queries], manifest);
  return finishedBoxes(manifest, { boxes, scores, classes }, { order: 'x1-y1-x2-y2', unit: 'pixels' });
};

/**
 * RF-DETR: `dets f32 [1, n, 4]` cx, cy, w, h as fractions of the input, `labels f32 [1, n, classes]` logits; the score is
 * the sigmoid, each class of a query by itself; columns are COCO category numbers. No softmax, no NMS.
 * Source: roboflow/rf-detr:rfdetr/models/lwdetr.py, `PostProcess`.
 */
export const buildRfDetrDecoder: DecoderBuilder = (manifest, outputs) => {
  const columns = classColumns(manifest);
  const names = manifest.outputs;
  const boxes = find(outputs, names.boxes, ({ dims }) => dims.at(-1) === 4 && dims.length === 3);
  const scores = find(outputs, names.scores, ({ name, dims }) => name !== boxes.name && dims.length === 3);
  checkShape(boxes, [1, null, 4], manifest);
  checkShape(scores, [1, boxes.dims[1] ?? null, columns], manifest);
  const labelOf = labelIndex(manifest);
  const { widthPx, heightPx } = manifest.input;
  return {
    outputNames: [boxes.name, scores.name],
    decode(tensors, scoreMin, candidates) {
      const boxData = floatsOf(tensors, boxes.name);
      const scoreData = floatsOf(tensors, scores.name, (boxData.length / 4) * columns);
      const valueMin = manifest.activated ? scoreMin : logit(scoreMin);
      for (let i = 0; i < scoreData.length; i++) {
        const value = scoreData[i] ?? 0;
        if (value < valueMin) continue;
        const label = labelOf(i % columns);
        // Column 0 and the gaps of COCO's numbers are no classes.
        if (label < 0) continue;
        const at = 4 * Math.floor(i / columns);
        const cx = (boxData[at] ?? 0) * widthPx;
        const cy = (boxData[at + 1] ?? 0) * heightPx;
        const halfWidth = ((boxData[at + 2] ?? 0) * widthPx) / 2;
        const halfHeight = ((boxData[at + 3] ?? 0) * heightPx) / 2;
        const score = manifest.activated ? value : sigmoid(value);
        candidates.add(cx - halfWidth, cy - halfHeight, cx + halfWidth, cy + halfHeight, score, label);
      }
    },
  };
};

function find(
  outputs: readonly ValueShape[],
  name: string | undefined,
  isIt: (output: ValueShape) => boolean,
): ValueShape {
  const found = outputs.find((output) => (name === undefined ? isIt(output) : output.name === name));
  if (found !== undefined) return found;
  throw new RangeError(`no output ${name ?? 'of the right shape'}; it has ${listOutputs(outputs)}`);
}
