import { classColumns, indexOfMax, labelIndex, sigmoid } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { gridLevels } from './grid.js';
import { checkShape, floatsOf, onlyOutput } from './output-shape.js';

/**
 * FastestDet: `f32 [1, 5 + classes, rows, columns]` of one grid, channels objectness, tx, ty, tw, th, classes, scores
 * already 0..1; score = objectness^0.6 * class^0.4. Source: dog-qiuqiu/FastestDet:utils/tool.py.
 */
export const buildFastestDetDecoder: DecoderBuilder = (manifest, outputs) => {
  const output = onlyOutput(outputs, manifest);
  const [level] = gridLevels(manifest.input, manifest.head.strides ?? [16]);
  if (level === undefined) throw new RangeError('no stride given');
  const { columns, rows, cells } = level;
  const classes = classColumns(manifest);
  checkShape(output, [1, 5 + classes, rows, columns], manifest);
  const labelOf = labelIndex(manifest);
  const { widthPx, heightPx } = manifest.input;
  return {
    outputNames: [output.name],
    decode(tensors, scoreMin, candidates) {
      const data = floatsOf(tensors, output.name, cells * (5 + classes));
      // Below this objectness no class can lift the score to the floor.
      const objectnessMin = scoreMin ** (1 / 0.6);
      for (let cell = 0; cell < cells; cell++) {
        const objectness = data[cell] ?? 0;
        if (objectness < objectnessMin) continue;
        const best = indexOfMax(data, 5 * cells + cell, classes, cells);
        const score = objectness ** 0.6 * (data[(5 + best) * cells + cell] ?? 0) ** 0.4;
        if (score < scoreMin) continue;
        const cx = (((cell % columns) + Math.tanh(data[cells + cell] ?? 0)) / columns) * widthPx;
        const cy = ((Math.floor(cell / columns) + Math.tanh(data[2 * cells + cell] ?? 0)) / rows) * heightPx;
        const halfWidth = (sigmoid(data[3 * cells + cell] ?? 0) * widthPx) / 2;
        const halfHeight = (sigmoid(data[4 * cells + cell] ?? 0) * heightPx) / 2;
        candidates.add(cx - halfWidth, cy - halfHeight, cx + halfWidth, cy + halfHeight, score, labelOf(best));
      }
    },
  };
};
