import { classColumns, indexOfMax, labelIndex } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { cellCount, gridLevels } from './grid.js';
import { checkShape, floatsOf, onlyOutput } from './output-shape.js';

/** Every cell of a stride has three anchor boxes. */
const ANCHORS_PER_CELL = 3;

/**
 * YOLOv5 and YOLOv7 with decode in the graph: `f32 [1, 3 * cells, 5 + classes]`, rows cx, cy, w, h in input pixels,
 * objectness, classes; score = objectness * class. The column of objectness tells it from YOLOv8.
 * Source: ultralytics/yolov5:models/yolo.py, `Detect`.
 */
export const buildYolov5Decoder: DecoderBuilder = (manifest, outputs) => {
  if (!manifest.decoded)
    throw new RangeError('raw YOLOv5 heads (with anchors) are not read; export with decode in the graph');
  // Exports without the end-to-end switch also carry the raw heads, of rank 5.
  const output = onlyOutput(
    outputs.filter(({ dims }) => dims.length !== 5),
    manifest,
  );
  const classes = classColumns(manifest);
  const columns = 5 + classes;
  const levels = gridLevels(manifest.input, manifest.head.strides ?? [8, 16, 32]);
  const rows = ANCHORS_PER_CELL * cellCount(levels);
  checkShape(output, [1, rows, columns], manifest);
  const labelOf = labelIndex(manifest);
  return {
    outputNames: [output.name],
    decode(tensors, scoreMin, candidates) {
      const data = floatsOf(tensors, output.name, rows * columns);
      for (let at = 0; at < data.length; at += columns) {
        const objectness = data[at + 4] ?? 0;
        if (objectness < scoreMin) continue;
        const best = indexOfMax(data, at + 5, classes, 1);
        const score = objectness * (data[at + 5 + best] ?? 0);
        if (score < scoreMin) continue;
        const cx = data[at] ?? 0;
        const cy = data[at + 1] ?? 0;
        const halfWidth = (data[at + 2] ?? 0) / 2;
        const halfHeight = (data[at + 3] ?? 0) / 2;
        candidates.add(cx - halfWidth, cy - halfHeight, cx + halfWidth, cy + halfHeight, score, labelOf(best));
      }
    },
  };
};
