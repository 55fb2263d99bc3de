import type { ModelInput } from '../../model/manifest.js';

/** One level of a grid head: cells in row-major order. */
export type GridLevel = {
  readonly stride: number;
  readonly columns: number;
  readonly rows: number;
  readonly cells: number;
};

/** The levels of a grid head, strides ascending; a part of a cell at the edge is a cell (NanoDet needs it at stride 64). */
export function gridLevels(input: ModelInput, strides: readonly number[]): GridLevel[] {
  return [...strides]
    .sort((a, b) => a - b)
    .map((stride) => {
      const columns = Math.ceil(input.widthPx / stride);
      const rows = Math.ceil(input.heightPx / stride);
      return { stride, columns, rows, cells: columns * rows };
    });
}

/** Cells of all levels together. */
export function cellCount(levels: readonly GridLevel[]): number {
  return levels.reduce((sum, level) => sum + level.cells, 0);
}
