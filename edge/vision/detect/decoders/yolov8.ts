import type { Candidates } from '../candidates.js';
import { classColumns, indexOfMax, labelIndex } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { cellCount, gridLevels } from './grid.js';
import { checkShape, fits, floatsOf, onlyOutput } from './output-shape.js';

/**
 * YOLOv8, v9 and 11: `f32 [1, 4 + classes, cells]`, channels cx, cy, w, h in input pixels, classes 0..1; no objectness.
 * Some exporters turn it to `[1, cells, 4 + classes]`. Source: ultralytics/ultralytics:ultralytics/nn/modules/head.py.
 */
export const buildYolov8Decoder: DecoderBuilder = (manifest, outputs) => {
  const output = onlyOutput(outputs, manifest);
  const classes = classColumns(manifest);
  const channels = 4 + classes;
  const cells = cellCount(gridLevels(manifest.input, manifest.head.strides ?? [8, 16, 32]));
  const turned = output.dims.length === 3 && fits(output.dims, [1, cells, channels]);
  if (!turned) checkShape(output, [1, channels, cells], manifest);
  const cellStep = turned ? channels : 1;
  const channelStep = turned ? 1 : cells;
  const labelOf = labelIndex(manifest);
  const strongest = new Float32Array(cells);

  const add = (data: Float32Array, cell: number, scoreMin: number, candidates: Candidates): void => {
    const at = cell * cellStep;
    const best = indexOfMax(data, at + 4 * channelStep, classes, channelStep);
    const score = data[at + (4 + best) * channelStep] ?? 0;
    if (score < scoreMin) return;
    const cx = data[at] ?? 0;
    const cy = data[at + channelStep] ?? 0;
    const halfWidth = (data[at + 2 * channelStep] ?? 0) / 2;
    const halfHeight = (data[at + 3 * channelStep] ?? 0) / 2;
    candidates.add(cx - halfWidth, cy - halfHeight, cx + halfWidth, cy + halfHeight, score, labelOf(best));
  };

  return {
    outputNames: [output.name],
    decode(tensors, scoreMin, candidates) {
      const data = floatsOf(tensors, output.name, cells * channels);
      if (turned) {
        for (let cell = 0; cell < cells; cell++) add(data, cell, scoreMin, candidates);
        return;
      }
      // Channel by channel through memory; cell by cell jumps 33 kB from class to class.
      strongest.set(data.subarray(4 * cells, 5 * cells));
      for (let channel = 5; channel < channels; channel++) {
        const from = channel * cells;
        for (let cell = 0; cell < cells; cell++) {
          const score = data[from + cell] ?? 0;
          if (score > (strongest[cell] ?? 0)) strongest[cell] = score;
        }
      }
      for (let cell = 0; cell < cells; cell++) {
        if ((strongest[cell] ?? 0) < scoreMin) continue;
        add(data, cell, scoreMin, candidates);
      }
    },
  };
};
