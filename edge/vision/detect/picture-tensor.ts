import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';
import type { ModelInput } from '../model/manifest.js';
import { type InputGeometry, planGeometry } from './input-geometry.js';
import { ResizeKernel, ROW_ENTRY_BYTES, ROW_UNIT } from './resize-kernel.js';
import { buildResizeTables, type ResizeTables } from './resize-tables.js';

/**
 * Tables kept, one for each size of region seen; the oldest goes. The regions of a motion gate come in few sizes, and
 * making one takes 0.1 ms.
 */
const TABLES_MAX = 16;

/** Where the factors (f32 x 4) and offsets (f32 x 4) of the colours lie in the kernel's memory; the tensor follows. */
const SCALE_AT = 0;
const TENSOR_AT = 64;

/** A picture as a model takes it: f32 or u8, NCHW or NHWC as its manifest says, batch 1. */
export type PictureData = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** The shape of a model's picture input. */
export function pictureDims({ layout, widthPx, heightPx }: ModelInput): readonly [number, number, number, number] {
  return layout === 'nchw' ? [1, 3, heightPx, widthPx] : [1, heightPx, widthPx, 3];
}

/**
 * The picture input of one model: turns a picture, or a region of it, into the model's tensor in one pass over its rows.
 */
export class PictureTensor {
  readonly #input: ModelInput;
  readonly #kernel = new ResizeKernel();
  readonly #length: number;
  readonly #known = new Map<string, ResizeTables>();
  #data: PictureData;
  #loaded: ResizeTables | undefined;
  #borderOf = '';

  constructor(input: ModelInput) {
    const { widthPx, heightPx } = input;
    this.#input = input;
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
  get data(): PictureData {
    return this.#data;
  }

  /**
   * Writes the region into `data`.
   * @param region integer pixels inside the picture, not empty.
   * @returns where the region lies in the input, to map boxes back.
   * @throws RangeError for a picture or a region that are not what they say.
   */
  fill(picture: RgbPicture, region: BoxXyxyPx): InputGeometry {
    check(picture, region);
    const geometry = planGeometry(this.#input, region);
    const rowBytes = picture.widthPx * 3;
    const start = geometry.regionY * rowBytes + geometry.regionX * 3;
    if (this.#isAsGiven(picture, geometry)) {
      this.#data.set(picture.data.subarray(start, start + this.#length));
      this.#borderOf = '';
      return geometry;
    }
    const tables = this.#tablesFor(geometry, rowBytes);
    this.#data = this.#reserve(tables.memoryBytes);
    this.#fillBorder(geometry);
    const memory = new Uint8Array(this.#kernel.buffer);
    this.#loadTables(memory, tables);
    memory.set(picture.data.subarray(start, start + tables.sourceBytes), tables.sourceAt);
    this.#resize(tables, geometry);
    return geometry;
  }

  /** Rows of the picture that are the tensor's own, byte for byte: a source that shrinks to the model's input saves the rest. */
  #isAsGiven(picture: RgbPicture, { regionWidth, regionHeight }: InputGeometry): boolean {
    const { dtype, layout, colour, widthPx, heightPx } = this.#input;
    const isPlain = dtype === 'uint8' && layout === 'nhwc' && colour === 'rgb';
    return isPlain && regionWidth === widthPx && regionHeight === heightPx && picture.widthPx === widthPx;
  }

  #resize(tables: ResizeTables, geometry: InputGeometry): void {
    const { widthPx, heightPx, layout, colour } = this.#input;
    const bytes = this.#data.BYTES_PER_ELEMENT;
    const step = bytes * (layout === 'nchw' ? 1 : 3);
    const plane = bytes * (layout === 'nchw' ? widthPx * heightPx : 1);
    const redPlane = colour === 'rgb' ? 0 : 2 * plane;
    const { rowAt, rowEntries, rowTableAt, columnTableAt, columnTaps } = tables;
    const columnTableEnd = columnTableAt + tables.columnTable.length;
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

  #tablesFor(geometry: InputGeometry, rowBytes: number): ResizeTables {
    const { regionWidth, regionHeight } = geometry;
    const key = `${regionWidth}x${regionHeight}/${rowBytes}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const tables = buildResizeTables(geometry, rowBytes, TENSOR_AT + this.#tensorBytes());
    const oldest = this.#known.keys().next();
    if (this.#known.size >= TABLES_MAX && oldest.done !== true) this.#known.delete(oldest.value);
    this.#known.set(key, tables);
    return tables;
  }

  #loadTables(memory: Uint8Array, tables: ResizeTables): void {
    if (this.#loaded === tables) return;
    this.#loaded = tables;
    memory.set(tables.columnTable, tables.columnTableAt);
    memory.set(tables.rowTable, tables.rowTableAt);
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

  #reserve(bytes: number): PictureData {
    this.#kernel.reserve(bytes);
    const { buffer } = this.#kernel;
    if (this.#data?.buffer === buffer) return this.#data;
    if (this.#input.dtype === 'uint8') return new Uint8Array(buffer, TENSOR_AT, this.#length);
    return new Float32Array(buffer, TENSOR_AT, this.#length);
  }
}

// The pixels are read without looking at each index: a wrong region would read the next row or nothing.
function check({ widthPx, heightPx, data }: RgbPicture, region: BoxXyxyPx): void {
  if (data.length !== widthPx * heightPx * 3) {
    throw new RangeError(`a picture of ${widthPx}x${heightPx} came with ${data.length} bytes`);
  }
  const [x1, y1, x2, y2] = region;
  const inside = x1 >= 0 && y1 >= 0 && x2 <= widthPx && y2 <= heightPx && x1 < x2 && y1 < y2;
  if (inside && region.every(Number.isInteger)) return;
  throw new RangeError(`region ${region.join(', ')} is not whole pixels inside ${widthPx}x${heightPx}`);
}
