/** Bytes of WebAssembly code, nested as it reads. Encodings: webassembly.github.io/spec/core/binary and .../simd. */
export type WasmCode = readonly (number | WasmCode)[];

const I32 = 0x7f;
const V128 = 0x7b;

/** One exported function: parameters are all i32; locals follow them, first the i32, then the v128. */
export type WasmFunction = {
  readonly name: string;
  readonly params: number;
  readonly localsI32: number;
  readonly localsV128: number;
  readonly body: WasmCode;
};

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return isLast ? [low] : [low | 0x80, ...signed(rest)];
}

function flat(code: WasmCode): number[] {
  return code.flatMap((part) => (typeof part === 'number' ? [part] : flat(part)));
}

function sized(code: WasmCode): number[] {
  const bytes = flat(code);
  return [...unsigned(bytes.length), ...bytes];
}

function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)]);
}

const simd = (opcode: number, ...immediate: number[]): WasmCode => [0xfd, ...unsigned(opcode), ...immediate];
// Alignment 0 promises nothing; offset as given.
const at = (offset: number): number[] => [0, ...unsigned(offset)];

/** The instructions that the kernels here use, by the names of the specification. */
export const op = {
  get: (local: number): WasmCode => [0x20, ...unsigned(local)],
  set: (local: number): WasmCode => [0x21, ...unsigned(local)],
  i32Const: (value: number): WasmCode => [0x41, ...signed(value)],
  i32Add: [0x6a],
  i32LtU: [0x49],
  i32Load: (offset: number): WasmCode => [0x28, ...at(offset)],
  /** Repeats while the body leaves something but 0. */
  loopWhile: (...body: WasmCode[]): WasmCode => [0x03, 0x40, ...body, 0x0d, 0, 0x0b],
  v128Load: (offset: number) => simd(0x00, ...at(offset)),
  v128Load8x8U: simd(0x02, ...at(0)),
  v128Load16x4S: simd(0x03, ...at(0)),
  v128Load32Splat: (offset: number) => simd(0x09, ...at(offset)),
  v128Store: simd(0x0b, ...at(0)),
  v128Store8Lane: (lane: number) => simd(0x58, ...at(0), lane),
  v128Store32Lane: (lane: number) => simd(0x5a, ...at(0), lane),
  i8x16Shuffle: (...lanes: number[]) => simd(0x0d, ...lanes),
  i32x4Splat: simd(0x11),
  i16x8NarrowI32x4S: simd(0x85),
  i32x4ShrS: simd(0xac),
  i32x4Add: simd(0xae),
  i32x4DotI16x8S: simd(0xba),
  i32x4TruncSatF32x4U: simd(0xf9),
  f32x4Splat: simd(0x13),
  f32x4Add: simd(0xe4),
  f32x4Mul: simd(0xe6),
  f32x4ConvertI32x4S: simd(0xfa),
} as const;

/** A module of these functions over one memory, exported as `memory`. */
export function encodeModule(functions: readonly WasmFunction[], pages: number, pagesMax: number): Uint8Array {
  const section = (id: number, items: readonly WasmCode[]): WasmCode => [
    id,
    ...sized([...unsigned(items.length), items]),
  ];
  const types = functions.map(({ params }) => [0x60, ...unsigned(params), Array(params).fill(I32), 0]);
  const memory = [0x01, ...unsigned(pages), ...unsigned(pagesMax)];
  const exports = functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]);
  const bodies = functions.map(({ localsI32, localsV128, body }) =>
    sized([2, ...unsigned(localsI32), I32, ...unsigned(localsV128), V128, body, 0x0b]),
  );
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, types),
      section(
        3,
        functions.map((_, index) => unsigned(index)),
      ),
      section(5, [memory]),
      section(7, [...exports, [...text('memory'), 0x02, 0]]),
      section(10, bodies),
    ]),
  );
}
