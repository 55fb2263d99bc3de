import type { DecoderBuilder } from './decoder.js';
import { finishedBoxes } from './finished-boxes.js';
import { checkShape, outputNamed } from './output-shape.js';

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
  return finishedBoxes(manifest, { boxes, scores, classes }, { order: 'x1-y1-x2-y2', unit: 'fractions' });
};
