import type { DecoderBuilder } from './decoder.js';
import { checkShape, floatsOf, listOutputs } from './output-shape.js';

/**
 * Ultra-Light faces: `scores f32 [1, n, 1 + classes]` (column 0 is the background) and `boxes f32 [1, n, 4]`, corners as
 * fractions of the input. Source: Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB:run_video_face_detect_onnx.py.
 */
export const buildUltraFaceDecoder: DecoderBuilder = (manifest, outputs) => {
  const columns = manifest.labels.length + 1;
  const { boxes: boxesName, scores: scoresName } = manifest.outputs;
  const boxes = outputs.find(({ name, dims }) => (boxesName === undefined ? dims.at(-1) === 4 : name === boxesName));
  const scores = outputs.find(({ name }) => (scoresName === undefined ? name !== boxes?.name : name === scoresName));
  if (boxes === undefined || scores === undefined) {
    throw new RangeError(`no scores and boxes [1, ?, 4]; it has ${listOutputs(outputs)}`);
  }
  checkShape(boxes, [1, null, 4], manifest);
  checkShape(scores, [1, boxes.dims[1] ?? null, columns], manifest);
  const { widthPx, heightPx } = manifest.input;
  return {
    outputNames: [scores.name, boxes.name],
    decode(tensors, scoreMin, candidates) {
      const corners = floatsOf(tensors, boxes.name);
      const rows = corners.length / 4;
      const scoreData = floatsOf(tensors, scores.name, rows * columns);
      for (let row = 0; row < rows; row++) {
        for (let column = 1; column < columns; column++) {
          const score = scoreData[row * columns + column] ?? 0;
          if (score < scoreMin) continue;
          const x1 = (corners[4 * row] ?? 0) * widthPx;
          const y1 = (corners[4 * row + 1] ?? 0) * heightPx;
          const x2 = (corners[4 * row + 2] ?? 0) * widthPx;
          const y2 = (corners[4 * row + 3] ?? 0) * heightPx;
          candidates.add(x1, y1, x2, y2, score, column - 1);
        }
      }
    },
  };
};
