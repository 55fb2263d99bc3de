import { encodeModule, op, type WasmCode, type WasmFunction } from './wasm-code.js';

/** 14 bits of weight times 8 bits of pixel, less 8 bits, is what a row of the first pass holds: pixel * 64 in 16 bits. */
export const ROW_WEIGHT_ONE = 1 << 14;
const ROW_SHIFT = 8;
/** What one step of pixel brightness is in a row of the first pass. */
export const ROW_UNIT = ROW_WEIGHT_ONE >> ROW_SHIFT;

/** Bytes of one entry of the tables the two passes read. */
export const ROW_ENTRY_BYTES = 12;
export const columnEntryBytes = (taps: number): number => 4 * (1 + taps);
/** A pass reads and writes whole vectors: so many bytes past the end must be there. */
export const OVERRUN_BYTES = 32;

const PAGE_BYTES = 65_536;
/** 1 GiB; a picture of 16 megapixels and the tensor of the largest model take a quarter of it. */
const PAGES_MAX = 16_384;

const add = (local: number, value: number): WasmCode => [op.get(local), op.i32Const(value), op.i32Add, op.set(local)];
const addLocal = (local: number, other: number): WasmCode => [op.get(local), op.get(other), op.i32Add, op.set(local)];

/**
 * First pass: one row, blended from source rows. `table` holds entries of two row addresses and their two weights (i16,
 * i16); `samples` are the bytes of a row. Eight samples at a time, each pair of rows with one multiply-add of pairs.
 */
const blendRows: WasmFunction = (() => {
  const [out, table, tableEnd, samples, x, entry, low, high, a, b, weights] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const pixels = (offset: number): WasmCode => [
    op.get(entry),
    op.i32Load(offset),
    op.get(x),
    op.i32Add,
    op.v128Load8x8U,
  ];
  const accumulate = (sum: number, ...lanes: number[]): WasmCode => [
    [op.get(a), op.get(b), op.i8x16Shuffle(...lanes), op.get(weights), op.i32x4DotI16x8S],
    [op.get(sum), op.i32x4Add, op.set(sum)],
  ];
  const round: WasmCode = [op.i32Const(1 << (ROW_SHIFT - 1)), op.i32x4Splat];
  const shifted = (sum: number): WasmCode => [op.get(sum), op.i32Const(ROW_SHIFT), op.i32x4ShrS];
  const body = op.loopWhile(
    [round, op.set(low), round, op.set(high), op.get(table), op.set(entry)],
    op.loopWhile(
      [pixels(0), op.set(a), pixels(4), op.set(b), op.get(entry), op.v128Load32Splat(8), op.set(weights)],
      accumulate(low, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23),
      accumulate(high, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31),
      add(entry, ROW_ENTRY_BYTES),
      [op.get(entry), op.get(tableEnd), op.i32LtU],
    ),
    [op.get(out), shifted(low), shifted(high), op.i16x8NarrowI32x4S, op.v128Store],
    [add(out, 16), add(x, 8)],
    [op.get(x), op.get(samples), op.i32LtU],
  );
  return { name: 'blendRows', params: 4, localsI32: 2, localsV128: 5, body };
})();

/**
 * Second pass: the pixels of one target row, blended from a row of the first pass, scaled, and written colour by colour.
 * `table` holds for each pixel the offset of its first sample and its weights (f32); `scale` is the address of factors
 * and offsets (f32 x 4 each); the last parameters say where red, green and blue go and how far it is to the next pixel.
 */
function blendColumns(name: string, store: (lane: number) => WasmCode, convert: WasmCode): WasmFunction {
  const [table, tableEnd, tapBytes, row, scale, red, green, blue, step] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [entryEnd, at, sum, factor, offset] = [9, 10, 11, 12, 13];
  const body: WasmCode = [
    [op.get(scale), op.v128Load(0), op.set(factor), op.get(scale), op.v128Load(16), op.set(offset)],
    op.loopWhile(
      [op.get(row), op.get(table), op.i32Load(0), op.i32Add, op.set(at)],
      [add(table, 4), op.get(table), op.get(tapBytes), op.i32Add, op.set(entryEnd)],
      [op.i32Const(0), op.i32x4Splat, op.set(sum)],
      op.loopWhile(
        [op.get(at), op.v128Load16x4S, op.f32x4ConvertI32x4S, op.get(table), op.v128Load32Splat(0), op.f32x4Mul],
        [op.get(sum), op.f32x4Add, op.set(sum), add(at, 6), add(table, 4)],
        [op.get(table), op.get(entryEnd), op.i32LtU],
      ),
      [op.get(sum), op.get(factor), op.f32x4Mul, op.get(offset), op.f32x4Add, convert, op.set(sum)],
      [op.get(red), op.get(sum), store(0), op.get(green), op.get(sum), store(1), op.get(blue), op.get(sum), store(2)],
      [addLocal(red, step), addLocal(green, step), addLocal(blue, step)],
      [op.get(table), op.get(tableEnd), op.i32LtU],
    ),
  ];
  return { name, params: 9, localsI32: 2, localsV128: 3, body };
}

const FUNCTIONS: readonly WasmFunction[] = [
  blendRows,
  blendColumns('columnsToFloats', (lane) => op.v128Store32Lane(lane), []),
  blendColumns('columnsToBytes', (lane) => op.v128Store8Lane(4 * lane), op.i32x4TruncSatF32x4U),
];

// TypeScript ships the types of WebAssembly with those of browsers only.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

type Call = (...args: number[]) => void;

/**
 * The two loops that turn pixels into a tensor, as WebAssembly with SIMD, made when first used.
 * 640x480 -> 416x312 f32 takes 0.7 ms so, its copy into this memory included. The best of six loops in JavaScript took
 * 1.25 ms with a quarter of the work: two samples a side and no smoothing (Node 20, one x86-64 core).
 */
export class ResizeKernel {
  readonly blendRows: Call;
  readonly columnsToFloats: Call;
  readonly columnsToBytes: Call;
  readonly #memory: { readonly buffer: ArrayBuffer; grow(pages: number): void };

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(encodeModule(FUNCTIONS, 1, PAGES_MAX)));
    this.blendRows = callOf(exports.blendRows);
    this.columnsToFloats = callOf(exports.columnsToFloats);
    this.columnsToBytes = callOf(exports.columnsToBytes);
    this.#memory = memoryOf(exports.memory);
  }

  /** All the memory there is; another buffer after `reserve` made it larger. */
  get buffer(): ArrayBuffer {
    return this.#memory.buffer;
  }

  /** Makes the memory at least so large; what is in it stays. @throws RangeError beyond 1 GiB. */
  reserve(bytes: number): void {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}

function callOf(value: unknown): Call {
  if (typeof value !== 'function') throw new TypeError('the kernel lacks a function');
  return (...args) => {
    value(...args);
  };
}

function memoryOf(value: unknown): { readonly buffer: ArrayBuffer; grow(pages: number): void } {
  if (!isMemory(value)) throw new TypeError('the kernel lacks its memory');
  return value;
}

function isMemory(value: unknown): value is { readonly buffer: ArrayBuffer; grow(pages: number): void } {
  return typeof value === 'object' && value !== null && 'buffer' in value && value.buffer instanceof ArrayBuffer;
}
