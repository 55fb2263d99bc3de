import { PICTURE_PIXELS_MAX, PICTURE_SIDE_PX_MAX } from '../limits.js';

/**
 * Header of one frame on the pipe of a simulated camera, little-endian: `VDF1`, u16 width, u16 height, u8 format
 * (1 = RGB, 3 bytes per pixel), 7 zero bytes, f64 capture time (wall clock, ms), u32 frame index, u32 payload bytes.
 * The payload follows.
 */
export const PIPE_HEADER_BYTES = 32;

const MAGIC = 0x31464456; // 'VDF1'
const FORMAT_RGB24 = 1;

export type PipeHeader = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly capturedAtMs: number;
  readonly index: number;
  readonly payloadBytes: number;
};

/** Decodes a header; text instead of a header says what is wrong with it. */
export function decodePipeHeader(bytes: Uint8Array): PipeHeader | string {
  if (bytes.byteLength < PIPE_HEADER_BYTES) return `a header of ${bytes.byteLength} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, PIPE_HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC) return 'no frame header where one was due';
  if (view.getUint8(8) !== FORMAT_RGB24) return `unknown pixel format ${view.getUint8(8)}`;
  for (let at = 9; at < 16; at++) if (view.getUint8(at) !== 0) return 'reserved bytes are not zero';
  const widthPx = view.getUint16(4, true);
  const heightPx = view.getUint16(6, true);
  const payloadBytes = view.getUint32(28, true);
  const capturedAtMs = view.getFloat64(16, true);
  if (widthPx === 0 || heightPx === 0 || Math.max(widthPx, heightPx) > PICTURE_SIDE_PX_MAX) {
    return `a picture of ${widthPx}x${heightPx} pixels`;
  }
  if (widthPx * heightPx > PICTURE_PIXELS_MAX) return `a picture of ${widthPx}x${heightPx} pixels`;
  if (payloadBytes !== widthPx * heightPx * 3) return `${payloadBytes} bytes for ${widthPx}x${heightPx} pixels`;
  if (!Number.isFinite(capturedAtMs) || capturedAtMs < 0) return `capture time ${capturedAtMs}`;
  return { widthPx, heightPx, capturedAtMs, index: view.getUint32(24, true), payloadBytes };
}
