import { SCHEMA_MINOR } from '../../protocol/status.js';
import type { RecordLine } from './epoch-shelf.js';

/** Room for the envelope around the records of one message: epoch, ids and brackets take under 300 bytes. */
const ENVELOPE_BYTES = 512;

/**
 * The longest run without gaps from the start of `lines` that fits a message: at most `recordsMax` records and
 * `bytesMax` bytes, but always one record.
 */
export function takeRun(lines: readonly RecordLine[], recordsMax: number, bytesMax: number): readonly RecordLine[] {
  const first = lines[0];
  if (first === undefined) return [];
  let bytes = ENVELOPE_BYTES;
  let count = 0;
  for (const line of lines) {
    bytes += Buffer.byteLength(line.text) + 1;
    const isNext = line.s === first.s + count;
    if (count >= recordsMax || !isNext || (count > 0 && bytes > bytesMax)) break;
    count++;
  }
  return lines.slice(0, count);
}

/** A `live` payload around record lines as they lie in the log: hashes are over these bytes, so they are not remade. */
export function encodeLive(epoch: string, lines: readonly RecordLine[]): Buffer {
  const records = lines.map(({ text }) => text).join(',');
  return Buffer.from(`{"v":${SCHEMA_MINOR},"e":"${epoch}","r":[${records}]}`);
}

/** The fields of a `fill` beside its records. */
export type FillHeader = {
  readonly id: string;
  readonly of: string;
  readonly e: string;
  readonly part: number;
  readonly more: boolean;
  readonly first: number;
};

/** A `fill` payload around record lines as they lie in the log. */
export function encodeFill(header: FillHeader, lines: readonly RecordLine[]): Buffer {
  const fields = JSON.stringify({ v: SCHEMA_MINOR, ...header }).slice(0, -1);
  return Buffer.from(`${fields},"r":[${lines.map(({ text }) => text).join(',')}]}`);
}
