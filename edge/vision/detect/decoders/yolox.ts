import { classColumns, indexOfMax, labelIndex, sigmoid } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { cellCount, gridLevels } from './grid.js';
import { checkShape, floatsOf, onlyOutput } from './output-shape.js';

/**
 * YOLOX: `f32 [1, cells, 5 + classes]`, rows dx, dy, log w, log h, objectness, classes; score = objectness * class.
 * With `decoded` (exported with `--decode_in_inference`) the first four are cx, cy, w, h in input pixels.
 * Source: Megvii-BaseDetection/YOLOX:yolox/utils/demo_utils.py.
 */
export const buildYoloxDecoder: DecoderBuilder = (manifest, outputs) => {
  const output = onlyOutput(outputs, manifest);
  const levels = gridLevels(manifest.input, manifest.head.strides ?? [8, 16, 32]);
  const classes = classColumns(manifest);
  const columns = 5 + classes;
  const cells = cellCount(levels);
  checkShape(output, [1, cells, columns], manifest);
  const labelOf = labelIndex(manifest);
  const activate = manifest.activated ? (score: number) => score : sigmoid;
  return {
    outputNames: [output.name],
    decode(tensors, scoreMin, candidates) {
      const data = floatsOf(tensors, output.name, cells * columns);
      let at = 0;
      for (const { stride, columns: gridColumns, cells: levelCells } of levels) {
        for (let cell = 0; cell < levelCells; cell++, at += columns) {
          // No class makes a score larger than the objectness: nearly all cells end here.
          const objectness = activate(data[at + 4] ?? 0);
          if (objectness < scoreMin) continue;
          const best = indexOfMax(data, at + 5, classes, 1);
          const score = objectness * activate(data[at + 5 + best] ?? 0);
          if (score < scoreMin) continue;
          let cx = data[at] ?? 0;
          let cy = data[at + 1] ?? 0;
          let width = data[at + 2] ?? 0;
          let height = data[at + 3] ?? 0;
          if (!manifest.decoded) {
            cx = (cx + (cell % gridColumns)) * stride;
            cy = (cy + Math.floor(cell / gridColumns)) * stride;
            width = Math.exp(width) * stride;
            height = Math.exp(height) * stride;
          }
          candidates.add(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2, score, labelOf(best));
        }
      }
    },
  };
};
