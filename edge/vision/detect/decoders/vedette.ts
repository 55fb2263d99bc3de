import { labelIndex } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { checkShape, floatsOf, outputNamed, tensorOf } from './output-shape.js';

/**
 * The project's own models, decode and NMS in the graph: `det_boxes f32 [n, 4]` corners as fractions of the input,
 * `det_scores f32 [n]`, `det_classes i32 [n]`; n is what the picture holds.
 */
export const buildVedetteDecoder: DecoderBuilder = (manifest, outputs) => {
  const boxes = outputNamed(outputs, manifest.outputs.boxes ?? 'det_boxes');
  const scores = outputNamed(outputs, manifest.outputs.scores ?? 'det_scores');
  const classes = outputNamed(outputs, manifest.outputs.classes ?? 'det_classes');
  checkShape(boxes, [null, 4], manifest);
  checkShape(scores, [null], manifest);
  checkShape(classes, [null], manifest);
  const labelOf = labelIndex(manifest);
  const { widthPx, heightPx } = manifest.input;
  return {
    outputNames: [boxes.name, scores.name, classes.name],
    decode(tensors, scoreMin, candidates) {
      const scoreData = floatsOf(tensors, scores.name);
      const corners = floatsOf(tensors, boxes.name, scoreData.length * 4);
      const { data: classData } = tensorOf(tensors, classes.name);
      for (let i = 0; i < scoreData.length; i++) {
        const score = scoreData[i] ?? 0;
        if (score < scoreMin) continue;
        const x1 = (corners[4 * i] ?? 0) * widthPx;
        const y1 = (corners[4 * i + 1] ?? 0) * heightPx;
        const x2 = (corners[4 * i + 2] ?? 0) * widthPx;
        const y2 = (corners[4 * i + 3] ?? 0) * heightPx;
        candidates.add(x1, y1, x2, y2, score, labelOf(Number(classData[i] ?? -1)));
      }
    },
  };
};
