import type { ModelManifest } from '../../model/manifest.js';
import type { ValueShape } from '../../model/onnx-file.js';
import { labelIndex } from './class-columns.js';
import type { Decoder, DecoderBuilder } from './decoder.js';
import { finishedBoxes } from './finished-boxes.js';
import { checkShape, floatsOf, listOutputs } from './output-shape.js';

const OPENVINO_COLUMNS = 7;

/**
 * SSD with NMS in the graph. TensorFlow's export: `detection_boxes f32 [1, n, 4]` as y1, x1, y2, x2 fractions,
 * `detection_scores f32 [1, n]`, `detection_classes f32 [1, n]`; found by name, their order varies. OpenVINO's form:
 * `f32 [1, 1, n, 7]`, rows image number (-1 ends), class, score, x1, y1, x2, y2 fractions.
 */
export const buildSsdDecoder: DecoderBuilder = (manifest, outputs) => {
  const rows = outputs.find(({ name, dims }) =>
    manifest.outputs.rows === undefined
      ? dims.length === 4 && dims[3] === OPENVINO_COLUMNS
      : name === manifest.outputs.rows,
  );
  return rows === undefined ? buildNamed(manifest, outputs) : buildRows(manifest, rows);
};

function buildNamed(manifest: ModelManifest, outputs: readonly ValueShape[]): Decoder {
  const named = (role: 'boxes' | 'scores' | 'classes') => outputOf(manifest, outputs, role);
  const boxes = named('boxes');
  const scores = named('scores');
  const classes = named('classes');
  checkShape(boxes, [1, null, 4], manifest);
  checkShape(scores, [1, boxes.dims[1] ?? null], manifest);
  checkShape(classes, [1, boxes.dims[1] ?? null], manifest);
  return finishedBoxes(manifest, { boxes, scores, classes }, { order: 'y1-x1-y2-x2', unit: 'fractions' });
}

function buildRows(manifest: ModelManifest, rows: ValueShape): Decoder {
  checkShape(rows, [1, 1, null, OPENVINO_COLUMNS], manifest);
  const labelOf = labelIndex(manifest);
  const { widthPx, heightPx } = manifest.input;
  return {
    outputNames: [rows.name],
    decode(tensors, scoreMin, candidates) {
      const data = floatsOf(tensors, rows.name);
      for (let at = 0; at + OPENVINO_COLUMNS <= data.length; at += OPENVINO_COLUMNS) {
        if ((data[at] ?? 0) < 0) return;
        const score = data[at + 2] ?? 0;
        if (score < scoreMin) continue;
        const x1 = (data[at + 3] ?? 0) * widthPx;
        const y1 = (data[at + 4] ?? 0) * heightPx;
        const x2 = (data[at + 5] ?? 0) * widthPx;
        const y2 = (data[at + 6] ?? 0) * heightPx;
        candidates.add(x1, y1, x2, y2, score, labelOf(Math.round(data[at + 1] ?? -1)));
      }
    },
  };
}

function outputOf(
  manifest: ModelManifest,
  outputs: readonly ValueShape[],
  role: 'boxes' | 'scores' | 'classes',
): ValueShape {
  const name = manifest.outputs[role];
  // TensorFlow's converter adds `:0` to the names.
  const found = outputs.find((output) =>
    name === undefined ? output.name.includes(`detection_${role}`) : output.name === name,
  );
  if (found !== undefined) return found;
  throw new RangeError(`no output ${name ?? `detection_${role}`}; it has ${listOutputs(outputs)}`);
}
