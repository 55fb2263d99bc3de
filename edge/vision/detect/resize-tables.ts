import type { InputGeometry } from './input-geometry.js';
import { columnEntryBytes, OVERRUN_BYTES, ROW_ENTRY_BYTES, ROW_WEIGHT_ONE } from './resize-kernel.js';
import { type AxisPlan, planAxis } from './resize-plan.js';

/** One size of region on its way into the input: the tables of the kernel and where they go in its memory. */
export type ResizeTables = {
  readonly columnTable: Uint8Array;
  readonly rowTable: Uint8Array;
  readonly columnTaps: number;
  readonly rowEntries: number;
  readonly columnTableAt: number;
  readonly rowTableAt: number;
  readonly rowAt: number;
  readonly sourceAt: number;
  readonly sourceBytes: number;
  readonly memoryBytes: number;
};

/**
 * Tables for one size of region.
 * @param rowBytes from one row of the picture to the next.
 * @param free the first address of the kernel's memory that is not taken.
 */
export function buildResizeTables(geometry: InputGeometry, rowBytes: number, free: number): ResizeTables {
  const { regionWidth, regionHeight, contentWidth, contentHeight } = geometry;
  const columns = planAxis(regionWidth, contentWidth, geometry.shift > 0);
  const rows = planAxis(regionHeight, contentHeight, geometry.shift > 0);
  const rowEntries = Math.ceil(rows.taps / 2);
  const columnTableAt = aligned(free);
  const rowTableAt = aligned(columnTableAt + contentWidth * columnEntryBytes(columns.taps));
  const rowAt = aligned(rowTableAt + contentHeight * rowEntries * ROW_ENTRY_BYTES);
  const sourceAt = aligned(rowAt + regionWidth * 3 * 2 + OVERRUN_BYTES);
  const sourceBytes = (regionHeight - 1) * rowBytes + regionWidth * 3;
  return {
    columnTable: columnTable(columns),
    rowTable: rowTable(rows, rowEntries, sourceAt, rowBytes),
    columnTaps: columns.taps,
    rowEntries,
    columnTableAt,
    rowTableAt,
    rowAt,
    sourceAt,
    sourceBytes,
    memoryBytes: sourceAt + sourceBytes + OVERRUN_BYTES,
  };
}

function aligned(address: number): number {
  return Math.ceil(address / 16) * 16;
}

function columnTable({ first, taps, weights }: AxisPlan): Uint8Array {
  const table = new DataView(new ArrayBuffer(first.length * columnEntryBytes(taps)));
  for (let i = 0; i < first.length; i++) {
    const entry = i * columnEntryBytes(taps);
    table.setInt32(entry, (first[i] ?? 0) * 3 * 2, true);
    for (let tap = 0; tap < taps; tap++) table.setFloat32(entry + 4 + 4 * tap, weights[i * taps + tap] ?? 0, true);
  }
  return new Uint8Array(table.buffer);
}

function rowTable({ first, taps, weights }: AxisPlan, entries: number, sourceAt: number, rowBytes: number): Uint8Array {
  const table = new DataView(new ArrayBuffer(first.length * entries * ROW_ENTRY_BYTES));
  for (let i = 0; i < first.length; i++) {
    const whole = wholeWeights(weights.subarray(i * taps, (i + 1) * taps));
    for (let tap = 0; tap < 2 * entries; tap++) {
      const entry = (i * entries + (tap >> 1)) * ROW_ENTRY_BYTES;
      // An odd number of rows is made even by one that weighs nothing.
      const row = (first[i] ?? 0) + Math.min(tap, taps - 1);
      table.setInt32(entry + 4 * (tap & 1), sourceAt + row * rowBytes, true);
      table.setInt16(entry + 8 + 2 * (tap & 1), whole[tap] ?? 0, true);
    }
  }
  return new Uint8Array(table.buffer);
}

// Rounded so that they add up to one exactly: a white picture stays white.
function wholeWeights(weights: Float64Array): Int32Array {
  const whole = new Int32Array(weights.length);
  let left = ROW_WEIGHT_ONE;
  let largest = 0;
  for (let tap = 0; tap < weights.length; tap++) {
    const rounded = Math.round((weights[tap] ?? 0) * ROW_WEIGHT_ONE);
    whole[tap] = rounded;
    left -= rounded;
    if (rounded > (whole[largest] ?? 0)) largest = tap;
  }
  whole[largest] = (whole[largest] ?? 0) + left;
  return whole;
}
