import type { ModelManifest } from '../../model/manifest.js';
import type { ValueShape } from '../../model/onnx-file.js';
import { classColumns, indexOfMax, labelIndex, sigmoid } from './class-columns.js';
import type { DecoderBuilder } from './decoder.js';
import { cellCount, type GridLevel, gridLevels } from './grid.js';
import { checkShape, floatsOf, listOutputs } from './output-shape.js';

/** Where the numbers of one level lie. A row is one cell. */
type Part = {
  readonly level: GridLevel;
  readonly scores: string;
  readonly boxes: string;
  readonly firstRow: number;
  readonly scoreColumns: number;
  readonly boxColumns: number;
  /** Of the first box bin in its row. */
  readonly boxAt: number;
  /** Rows of the outputs. */
  readonly rows: number;
};

const SIDES = 4;

/**
 * Heads that give each side of a box as a distribution over `regMax + 1` bins: old NanoDet (two outputs a stride),
 * PicoDet without its decode (the same, 4 strides) and NanoDet-Plus (one output, class columns first).
 * Outputs are paired by their shape, never by name or order: exporters number them as they like.
 * Sources: RangiLyu/nanodet:nanodet/model/head/, PaddlePaddle/PaddleDetection:ppdet/modeling/heads/pico_head.py.
 */
export const buildNanoDetDecoder: DecoderBuilder = (manifest, outputs) => {
  const bins = (manifest.head.regMax ?? 7) + 1;
  const classes = classColumns(manifest);
  const parts = outputs.length === 1 ? joinedParts(manifest, outputs, bins) : pairedParts(manifest, outputs, bins);
  const labelOf = labelIndex(manifest);
  const activate = manifest.activated ? (score: number) => score : sigmoid;
  const sides = new Float64Array(SIDES);
  return {
    outputNames: [...new Set(parts.flatMap((part) => [part.scores, part.boxes]))],
    decode(tensors, scoreMin, candidates) {
      for (const part of parts) {
        const { stride, columns, cells } = part.level;
        const scores = floatsOf(tensors, part.scores, part.rows * part.scoreColumns);
        const boxes = floatsOf(tensors, part.boxes, part.rows * part.boxColumns);
        const offset = pointOffset(manifest, stride);
        for (let cell = 0; cell < cells; cell++) {
          const row = part.firstRow + cell;
          const best = indexOfMax(scores, row * part.scoreColumns, classes, 1);
          const score = activate(scores[row * part.scoreColumns + best] ?? 0);
          if (score < scoreMin) continue;
          readSides(sides, boxes, row * part.boxColumns + part.boxAt, bins, stride);
          const x = (cell % columns) * stride + offset;
          const y = Math.floor(cell / columns) * stride + offset;
          const [left = 0, top = 0, right = 0, bottom = 0] = sides;
          candidates.add(x - left, y - top, x + right, y + bottom, score, labelOf(best));
        }
      }
    },
  };
};

function pointOffset(manifest: ModelManifest, stride: number): number {
  if (manifest.head.cellPoint === 'centre') return stride / 2;
  return manifest.head.cellPoint === 'pixel-centre' ? (stride - 1) / 2 : 0;
}

// A distance is the mean bin, weighted by the softmax of the bins (Generalized Focal Loss, arXiv:2006.04388), in strides.
function readSides(sides: Float64Array, data: Float32Array, from: number, bins: number, stride: number): void {
  for (let side = 0; side < SIDES; side++) {
    const start = from + side * bins;
    const largest = data[start + indexOfMax(data, start, bins, 1)] ?? 0;
    let sum = 0;
    let weighted = 0;
    for (let bin = 0; bin < bins; bin++) {
      const weight = Math.exp((data[start + bin] ?? 0) - largest);
      sum += weight;
      weighted += bin * weight;
    }
    sides[side] = (weighted / sum) * stride;
  }
}

function joinedParts(manifest: ModelManifest, outputs: readonly ValueShape[], bins: number): Part[] {
  const [output] = outputs;
  if (output === undefined) throw new RangeError('no outputs');
  const levels = gridLevels(manifest.input, manifest.head.strides ?? [8, 16, 32, 64]);
  const scoreColumns = classColumns(manifest) + SIDES * bins;
  const rows = cellCount(levels);
  checkShape(output, [1, rows, scoreColumns], manifest);
  let firstRow = 0;
  return levels.map((level) => {
    const place = { level, firstRow, rows, scores: output.name, boxes: output.name };
    firstRow += level.cells;
    return { ...place, scoreColumns, boxColumns: scoreColumns, boxAt: scoreColumns - SIDES * bins };
  });
}

function pairedParts(manifest: ModelManifest, outputs: readonly ValueShape[], bins: number): Part[] {
  const scoreColumns = classColumns(manifest);
  const boxColumns = SIDES * bins;
  const levels = gridLevels(manifest.input, manifest.head.strides ?? [8, 16, 32, 64].slice(0, outputs.length / 2));
  if (outputs.length !== 2 * levels.length) {
    throw new RangeError(
      `${outputs.length} outputs (${listOutputs(outputs)}), expected 2 for each of ${levels.length} strides`,
    );
  }
  if (scoreColumns === boxColumns) {
    throw new RangeError(`${scoreColumns} classes and ${boxColumns} box columns cannot be told apart by shape`);
  }
  return levels.map((level) => {
    const scores = outputShaped(manifest, outputs, level, scoreColumns);
    const boxes = outputShaped(manifest, outputs, level, boxColumns);
    return { level, scores, boxes, firstRow: 0, rows: level.cells, scoreColumns, boxColumns, boxAt: 0 };
  });
}

function outputShaped(
  manifest: ModelManifest,
  outputs: readonly ValueShape[],
  level: GridLevel,
  columns: number,
): string {
  const found = outputs.find(({ dims }) => dims.length === 3 && dims[1] === level.cells && dims[2] === columns);
  if (found !== undefined) return found.name;
  throw new RangeError(
    `no output is [1, ${level.cells}, ${columns}] (stride ${level.stride}, ${manifest.labels.length} labels); ` +
      `it has ${listOutputs(outputs)}`,
  );
}
