import { crc32 } from 'node:zlib';

const LINE_END = 0x0a;
/** Eight hex digits and a space before the text. */
const SEAL_BYTES = 9;
/** Two of the longest lines. */
const MERGED_BYTES_MAX = 80 * 1024;

/** What a file of checked lines holds. */
export type CheckedLines = {
  readonly lines: readonly string[];
  /** Lines whose checksum differs, as they lie there: rot, never a torn write. */
  readonly damaged: readonly Uint8Array[];
  /** Bytes behind the last line end that make no line: what a torn write left. */
  readonly tornBytes: number;
};

/** A line with its checksum before it and a line end behind it. The text has no line end of its own. */
export function sealLine(text: string): string {
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`;
}

/** Bytes of a sealed line. */
export function sealedBytes(text: string): number {
  return Buffer.byteLength(text) + SEAL_BYTES + 1;
}

/**
 * Reads a file of checked lines. A torn write leaves a piece without a line end, and only at the end of the file; a whole
 * line with a wrong checksum was written once and is rotten, wherever it lies.
 */
export function readCheckedLines(bytes: Buffer): CheckedLines {
  const lines: string[] = [];
  const damaged: Uint8Array[] = [];
  let at = 0;
  for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, at)) {
    const line = bytes.subarray(at, end);
    const text = openLine(line);
    const merged = text === undefined ? openMerged(line) : undefined;
    if (text !== undefined) lines.push(text);
    else damaged.push(merged?.between ?? line);
    lines.push(...(merged?.lines ?? []));
    at = end + 1;
  }
  const rest = bytes.subarray(at);
  const line = openLine(rest) ?? openLine(rest.subarray(0, -1));
  if (line === undefined) return { lines, damaged, tornBytes: rest.length };
  // The line is whole and its end is missing: torn right there, or its last byte is another one.
  lines.push(line);
  if (openLine(rest) === undefined) damaged.push(rest.subarray(-1));
  return { lines, damaged, tornBytes: 0 };
}

function openLine(bytes: Buffer): string | undefined {
  if (bytes.length <= SEAL_BYTES) return undefined;
  const text = bytes.subarray(SEAL_BYTES);
  const seal = `${crc32(text).toString(16).padStart(8, '0')} `;
  return bytes.toString('latin1', 0, SEAL_BYTES) === seal ? text.toString('utf8') : undefined;
}

// Where a line end became another byte, both lines around it are whole.
function openMerged(bytes: Buffer): { readonly lines: readonly string[]; readonly between: Uint8Array } | undefined {
  if (bytes.length > MERGED_BYTES_MAX) return undefined;
  const seal = Number.parseInt(bytes.toString('latin1', 0, SEAL_BYTES - 1), 16);
  let crc = 0;
  for (let at = SEAL_BYTES; at < bytes.length; at++) {
    crc = crc32(bytes.subarray(at, at + 1), crc);
    const second = crc === seal ? openLine(bytes.subarray(at + 2)) : undefined;
    if (second === undefined) continue;
    return { lines: [bytes.toString('utf8', SEAL_BYTES, at + 1), second], between: bytes.subarray(at + 1, at + 2) };
  }
  return undefined;
}
