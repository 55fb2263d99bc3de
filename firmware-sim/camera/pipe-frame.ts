/**
 * A frame on the pipe of a simulated camera: this header, little-endian, then the payload.
 *
 * | bytes | what |
 * |---|---|
 * | 0..3 | `VDF1` |
 * | 4..5, 6..7 | u16 width, u16 height |
 * | 8 | u8 pixel format: 1 = RGB, 3 bytes per pixel |
 * | 9..15 | zero |
 * | 16..23 | f64 capture time, wall clock, ms |
 * | 24..27 | u32 frame index; gaps are frames that were skipped |
 * | 28..31 | u32 payload bytes |
 */
export const PIPE_HEADER_BYTES = 32;

const FORMAT_RGB24 = 1;

export type PipeFrame = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly capturedAtMs: number;
  readonly index: number;
  /** u8 [height, width, 3], RGB. */
  readonly rgb: Uint8Array;
};

/** Header and payload in one newly allocated buffer. */
export function encodePipeFrame(frame: PipeFrame): Uint8Array {
  const bytes = new Uint8Array(PIPE_HEADER_BYTES + frame.rgb.byteLength);
  const header = new DataView(bytes.buffer, 0, PIPE_HEADER_BYTES);
  bytes.set([0x56, 0x44, 0x46, 0x31]); // VDF1
  header.setUint16(4, frame.widthPx, true);
  header.setUint16(6, frame.heightPx, true);
  header.setUint8(8, FORMAT_RGB24);
  header.setFloat64(16, frame.capturedAtMs, true);
  header.setUint32(24, frame.index >>> 0, true);
  header.setUint32(28, frame.rgb.byteLength, true);
  bytes.set(frame.rgb, PIPE_HEADER_BYTES);
  return bytes;
}
