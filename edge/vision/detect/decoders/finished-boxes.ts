import type { ModelManifest } from '../../model/manifest.js';
import type { ValueShape } from '../../model/onnx-file.js';
import { labelIndex } from './class-columns.js';
import type { Decoder } from './decoder.js';
import { floatsOf, tensorOf } from './output-shape.js';

/** Outputs of a graph that has done everything: a box, a score and a class for each object, in the same order. */
export type FinishedOutputs = {
  /** f32, four numbers for each score. */
  readonly boxes: ValueShape;
  readonly scores: ValueShape;
  /** Of any number type; rounded. */
  readonly classes: ValueShape;
};

/** How the four numbers of a box are to be read. */
export type CornerForm = {
  readonly order: 'x1-y1-x2-y2' | 'y1-x1-y2-x2';
  /** Of the input; pixels are taken as they are. */
  readonly unit: 'fractions' | 'pixels';
};

/** Decoder of outputs whose shapes have been checked. */
export function finishedBoxes(manifest: ModelManifest, outputs: FinishedOutputs, form: CornerForm): Decoder {
  const { boxes, scores, classes } = outputs;
  const labelOf = labelIndex(manifest);
  const { widthPx, heightPx } = manifest.input;
  const [scaleX, scaleY] = form.unit === 'pixels' ? [1, 1] : [widthPx, heightPx];
  const [x, y] = form.order === 'x1-y1-x2-y2' ? [0, 1] : [1, 0];
  return {
    outputNames: [boxes.name, scores.name, classes.name],
    decode(tensors, scoreMin, candidates) {
      const scoreData = floatsOf(tensors, scores.name);
      const corners = floatsOf(tensors, boxes.name, scoreData.length * 4);
      const { data: classData } = tensorOf(tensors, classes.name);
      for (let i = 0; i < scoreData.length; i++) {
        const score = scoreData[i] ?? 0;
        if (score < scoreMin) continue;
        const at = 4 * i;
        const x1 = (corners[at + x] ?? 0) * scaleX;
        const y1 = (corners[at + y] ?? 0) * scaleY;
        const x2 = (corners[at + x + 2] ?? 0) * scaleX;
        const y2 = (corners[at + y + 2] ?? 0) * scaleY;
        candidates.add(x1, y1, x2, y2, score, labelOf(Math.round(Number(classData[i] ?? -1))));
      }
    },
  };
}
