/**
 * Pairs rows with columns so that the sum of the affinities is largest, each used at most once (the Hungarian method
 * with potentials, O(n^2 m)). Pairs of affinity -Infinity are never made.
 * @param affinity called once for each pair; larger is better, at most 2, at least -2 when allowed.
 * @returns for each row its column, or -1.
 */
export function assign(rows: number, columns: number, affinity: (row: number, column: number) => number): Int32Array {
  if (rows === 0 || columns === 0) return new Int32Array(rows).fill(-1);
  if (rows > columns)
    return invert(
      assign(columns, rows, (column, row) => affinity(row, column)),
      rows,
    );
  const costs = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const value = affinity(r, c);
      costs[r * columns + c] = value === Number.NEGATIVE_INFINITY ? FORBIDDEN : 2 - value;
    }
  }
  const columnOfRow = solve(costs, rows, columns);
  for (let r = 0; r < rows; r++) {
    if ((costs[r * columns + (columnOfRow[r] ?? 0)] ?? FORBIDDEN) >= FORBIDDEN) columnOfRow[r] = -1;
  }
  return columnOfRow;
}

// Dearer than any sum of allowed pairs (4 each), so that as few forbidden pairs as possible are made, then struck out.
const FORBIDDEN = 1e6;

function invert(rowOfColumn: Int32Array, rows: number): Int32Array {
  const columnOfRow = new Int32Array(rows).fill(-1);
  rowOfColumn.forEach((row, column) => {
    if (row >= 0) columnOfRow[row] = column;
  });
  return columnOfRow;
}

// Shortest augmenting paths, one row at a time; index 0 of the working arrays is the row being placed.
function solve(costs: Float64Array, rows: number, columns: number): Int32Array {
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  const rowOfColumn = new Int32Array(columns + 1);
  const cameFrom = new Int32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    const shortest = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
    const isDone = new Uint8Array(columns + 1);
    rowOfColumn[0] = row;
    let column = 0;
    do {
      isDone[column] = 1;
      const at = rowOfColumn[column] ?? 0;
      let step = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let c = 1; c <= columns; c++) {
        if (isDone[c] === 1) continue;
        const reduced = (costs[(at - 1) * columns + c - 1] ?? 0) - (rowPotential[at] ?? 0) - (columnPotential[c] ?? 0);
        if (reduced < (shortest[c] ?? 0)) {
          shortest[c] = reduced;
          cameFrom[c] = column;
        }
        if ((shortest[c] ?? 0) < step) {
          step = shortest[c] ?? 0;
          next = c;
        }
      }
      for (let c = 0; c <= columns; c++) {
        if (isDone[c] === 1) {
          const owner = rowOfColumn[c] ?? 0;
          rowPotential[owner] = (rowPotential[owner] ?? 0) + step;
          columnPotential[c] = (columnPotential[c] ?? 0) - step;
        } else shortest[c] = (shortest[c] ?? 0) - step;
      }
      column = next;
    } while (rowOfColumn[column] !== 0);
    while (column !== 0) {
      const from = cameFrom[column] ?? 0;
      rowOfColumn[column] = rowOfColumn[from] ?? 0;
      column = from;
    }
  }
  const columnOfRow = new Int32Array(rows).fill(-1);
  for (let c = 1; c <= columns; c++) {
    const row = rowOfColumn[c] ?? 0;
    if (row > 0) columnOfRow[row - 1] = c - 1;
  }
  return columnOfRow;
}
