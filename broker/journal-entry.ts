import { crc32 } from 'node:zlib';
import type { Retained } from './retained-store.js';

/**
 * Both files of the retained messages have this form. Header: 8 bytes `VEDRET1\n`, u32 generation. Then entries: u32
 * body length, u32 CRC-32 of the body, body. Body: u8 QoS, u16 topic length, topic in UTF-8, payload; an empty payload
 * is a removal. Numbers are big-endian.
 */
const MAGIC = Buffer.from('VEDRET1\n');
export const HEADER_BYTES = MAGIC.length + 4;
const ENTRY_HEADER_BYTES = 8;
const BODY_HEADER_BYTES = 3;

/** Longest body believed: a length that was rotted must not make us read a gigabyte. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

export function encodeHeader(generation: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(generation, MAGIC.length);
  return header;
}

/** The generation in a header; undefined if it is none. */
export function decodeHeader(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  return bytes.readUInt32BE(MAGIC.length);
}

export function encodeEntry({ topic, payload, qos }: Retained): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const bodyBytes = BODY_HEADER_BYTES + topicBytes + payload.byteLength;
  const entry = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + bodyBytes);
  const body = entry.subarray(ENTRY_HEADER_BYTES);
  body.writeUInt8(qos, 0);
  body.writeUInt16BE(topicBytes, 1);
  body.write(topic, BODY_HEADER_BYTES);
  payload.copy(body, BODY_HEADER_BYTES + topicBytes);
  entry.writeUInt32BE(bodyBytes, 0);
  entry.writeUInt32BE(crc32(body), 4);
  return entry;
}

export type Decoded = {
  readonly entries: readonly Retained[];
  /** Bytes behind the last whole entry: a torn tail after a crash, or rot. */
  readonly badBytes: number;
};

/** The entries of a file's bytes, up to the first that is not whole. Payloads are copies. */
export function decodeEntries(bytes: Buffer): Decoded {
  const entries: Retained[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const entry = decodeEntryAt(bytes, at);
    if (entry === undefined) break;
    entries.push(entry.message);
    at = entry.end;
  }
  return { entries, badBytes: Math.max(0, bytes.length - at) };
}

function decodeEntryAt(bytes: Buffer, at: number): { message: Retained; end: number } | undefined {
  if (at + ENTRY_HEADER_BYTES > bytes.length) return undefined;
  const bodyBytes = bytes.readUInt32BE(at);
  const end = at + ENTRY_HEADER_BYTES + bodyBytes;
  if (bodyBytes < BODY_HEADER_BYTES || bodyBytes > BODY_BYTES_MAX || end > bytes.length) return undefined;
  const body = bytes.subarray(at + ENTRY_HEADER_BYTES, end);
  if (crc32(body) !== bytes.readUInt32BE(at + 4)) return undefined;
  const qos = body.readUInt8(0);
  const topicEnd = BODY_HEADER_BYTES + body.readUInt16BE(1);
  if ((qos !== 0 && qos !== 1) || topicEnd > body.length) return undefined;
  const topic = body.toString('utf8', BODY_HEADER_BYTES, topicEnd);
  return { message: { topic, payload: Buffer.from(body.subarray(topicEnd)), qos }, end };
}
