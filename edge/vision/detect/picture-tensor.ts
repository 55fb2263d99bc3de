import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';
import type { ModelInput } from '../model/manifest.js';
import { type InputGeometry, planGeometry } from './input-geometry.js';
import {
  columnEntryBytes,
  OVERRUN_BYTES,
  ResizeKernel,
  ROW_ENTRY_BYTES,
  ROW_UNIT,
  ROW_WEIGHT_ONE,
} from './resize-kernel.js';
import { type AxisPlan, planAxis } from './resize-plan.js';

/**
 * Plans kept, one for each size of region seen; the oldest goes. The regions of a motion gate come in few sizes, and
 * making a plan takes 0.1 ms.
 */
const PLANS_MAX = 16;

/** Where the factors (f32 x 4) and offsets (f32 x 4) of the colours lie in the kernel's memory; the tensor follows. */
const SCALE_AT = 0;
const TENSOR_AT = 64;

/** One size of region on its way into the input: the tables of the kernel and where they go in its memory. */
type ResizePlan = {
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
 * The picture input of one model: turns a picture, or a region of it, into the model's tensor in one pass over its rows.
 * The tensor is f32 or u8, NCHW or NHWC as the manifest says, batch 1.
 */
export class PictureTensor {
  readonly dims: readonly [number, number, number, number];
  readonly #input: ModelInput;
  readonly #kernel = new ResizeKernel();
  readonly #length: number;
  readonly #plans = new Map<string, ResizePlan>();
  #data: Float32Array | Uint8Array;
  #tablesOf: ResizePlan | undefined;
  #borderOf = '';

  constructor(input: ModelInput) {
    const { widthPx, heightPx } = input;
    this.#input = input;
    this.dims = input.layout === 'nchw' ? [1, 3, heightPx, widthPx] : [1, heightPx, widthPx, 3];
    this.#length = 3 * widthPx * heightPx;
    this.#data = this.#reserve(TENSOR_AT + this.#tensorBytes());
    const scale = new Float32Array(this.#kernel.buffer, SCALE_AT, 8);
    for (let colour = 0; colour < 3; colour++) {
      scale[colour] = this.#factorOf(colour) / ROW_UNIT;
      // Bytes are cut, not rounded, when they are stored.
      scale[4 + colour] = this.#offsetOf(colour) + (input.dtype === 'uint8' ? 0.5 : 0);
    }
  }

  /** The tensor; valid until the next `fill`, which may put another buffer in its place. */
  get data(): Float32Array | Uint8Array {
    return this.#data;
  }

  /**
   * Writes the region into `data`.
   * @param region integer pixels inside the picture, not empty.
   * @returns where the region lies in the input, to map boxes back.
   */
  fill(picture: RgbPicture, region: BoxXyxyPx): InputGeometry {
    const geometry = planGeometry(this.#input, region);
    const rowBytes = picture.widthPx * 3;
    const plan = this.#planFor(geometry, rowBytes);
    this.#data = this.#reserve(plan.memoryBytes);
    this.#fillBorder(geometry);
    const memory = new Uint8Array(this.#kernel.buffer);
    this.#loadTables(memory, plan);
    const start = geometry.regionY * rowBytes + geometry.regionX * 3;
    memory.set(picture.data.subarray(start, start + plan.sourceBytes), plan.sourceAt);
    this.#resize(plan, geometry);
    return geometry;
  }

  #resize(plan: ResizePlan, geometry: InputGeometry): void {
    const { widthPx, heightPx, layout, colour } = this.#input;
    const bytes = this.#data.BYTES_PER_ELEMENT;
    const step = bytes * (layout === 'nchw' ? 1 : 3);
    const plane = bytes * (layout === 'nchw' ? widthPx * heightPx : 1);
    const redPlane = colour === 'rgb' ? 0 : 2 * plane;
    const { rowAt, rowEntries, rowTableAt, columnTableAt, columnTaps } = plan;
    const columnTableEnd = columnTableAt + plan.columnTable.length;
    const blendColumns = bytes === 4 ? this.#kernel.columnsToFloats : this.#kernel.columnsToBytes;
    for (let y = 0; y < geometry.contentHeight; y++) {
      const table = rowTableAt + y * rowEntries * ROW_ENTRY_BYTES;
      this.#kernel.blendRows(rowAt, table, table + rowEntries * ROW_ENTRY_BYTES, geometry.regionWidth * 3);
      const out = TENSOR_AT + ((geometry.contentY + y) * widthPx + geometry.contentX) * step;
      const red = out + redPlane;
      const blue = out + 2 * plane - redPlane;
      blendColumns(columnTableAt, columnTableEnd, 4 * columnTaps, rowAt, SCALE_AT, red, out + plane, blue, step);
    }
  }

  #planFor(geometry: InputGeometry, rowBytes: number): ResizePlan {
    const { regionWidth, regionHeight } = geometry;
    const key = `${regionWidth}x${regionHeight}/${rowBytes}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = buildPlan(geometry, rowBytes, TENSOR_AT + this.#tensorBytes());
    const oldest = this.#plans.keys().next();
    if (this.#plans.size >= PLANS_MAX && oldest.done !== true) this.#plans.delete(oldest.value);
    this.#plans.set(key, plan);
    return plan;
  }

  #loadTables(memory: Uint8Array, plan: ResizePlan): void {
    if (this.#tablesOf === plan) return;
    this.#tablesOf = plan;
    memory.set(plan.columnTable, plan.columnTableAt);
    memory.set(plan.rowTable, plan.rowTableAt);
  }

  // The border stays as it is while the content keeps its place.
  #fillBorder(geometry: InputGeometry): void {
    const { contentX, contentY, contentWidth, contentHeight } = geometry;
    const place = `${contentX},${contentY},${contentWidth},${contentHeight}`;
    if (place === this.#borderOf) return;
    this.#borderOf = place;
    const data = this.#data;
    const plane = data.length / 3;
    for (let channel = 0; channel < 3; channel++) {
      const colour = this.#input.colour === 'rgb' ? channel : 2 - channel;
      const value = this.#input.padValue * this.#factorOf(colour) + this.#offsetOf(colour);
      if (this.#input.layout === 'nchw') data.fill(value, channel * plane, (channel + 1) * plane);
      else for (let i = channel; i < data.length; i += 3) data[i] = value;
    }
  }

  // (pixel * scale - mean) / std as one multiplication and one addition. Colours are counted red, green, blue.
  #factorOf(colour: number): number {
    const { dtype, scale, std } = this.#input;
    return dtype === 'uint8' ? 1 : scale / (std[this.#channelOf(colour)] ?? 1);
  }

  #offsetOf(colour: number): number {
    const { dtype, mean, std } = this.#input;
    const channel = this.#channelOf(colour);
    return dtype === 'uint8' ? 0 : -(mean[channel] ?? 0) / (std[channel] ?? 1);
  }

  #channelOf(colour: number): number {
    return this.#input.colour === 'rgb' ? colour : 2 - colour;
  }

  #tensorBytes(): number {
    return this.#length * (this.#input.dtype === 'float32' ? 4 : 1);
  }

  #reserve(bytes: number): Float32Array | Uint8Array {
    this.#kernel.reserve(bytes);
    const { buffer } = this.#kernel;
    if (this.#data?.buffer === buffer) return this.#data;
    if (this.#input.dtype === 'uint8') return new Uint8Array(buffer, TENSOR_AT, this.#length);
    return new Float32Array(buffer, TENSOR_AT, this.#length);
  }
}

function buildPlan(geometry: InputGeometry, rowBytes: number, free: number): ResizePlan {
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
