import { type AnswerContent, answerDigest } from '../../base/query/answer-digest.js';
import type { Answer, Checked, Missing, Query, QueryRow, UnaskedLog } from '../../protocol/query.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';

/** What an answer says beside its content. */
export type AnswerHeader = {
  readonly id: string;
  readonly want: Query['want'];
  readonly missing: readonly Missing[];
  readonly also: readonly UnaskedLog[];
  readonly checked?: Checked;
  readonly tookMs: number;
};

/** Rows of one part, as its schema allows. */
const PART_ROWS_MAX = 1_000;
/** Bars of one part: 25 bytes each. */
const PART_BARS_MAX = 1_500;

type Part = Pick<Answer, 'rows' | 'buckets'>;

/** The payloads of an answer, in order; one without rows where only the digest is wanted. */
export function encodeAnswer(content: AnswerContent, header: AnswerHeader, partBytes: number): Uint8Array[] {
  const digest = answerDigest(content);
  const { id, missing, also, checked, tookMs } = header;
  const parts = header.want === 'digest' ? [{}] : partsOf(content, partBytes, sizeOf({ missing, also }));
  return parts.map((part, i) =>
    encode({
      v: SCHEMA_MINOR,
      id,
      part: i,
      parts: parts.length,
      ok: true,
      digest,
      count: content.count,
      ...part,
      missing: i === 0 ? [...missing] : [],
      ...(i === 0 && also.length > 0 ? { also: [...also] } : {}),
      ...(i === 0 && content.again > 0 ? { again: content.again } : {}),
      ...(i === 0 && checked !== undefined ? { checked } : {}),
      tookMs,
    }),
  );
}

/** The payload that says why there is no answer. */
export function encodeRefusal(
  id: string,
  code: NonNullable<Answer['code']>,
  message: string,
  tookMs: number,
): Uint8Array {
  const nothing = { digest: '', count: 0, missing: [] };
  const text = message.slice(0, 300);
  return encode({ v: SCHEMA_MINOR, id, part: 0, parts: 1, ok: false, code, message: text, ...nothing, tookMs });
}

function partsOf(content: AnswerContent, partBytes: number, headBytes: number): Part[] {
  if (content.shape === 'count') return [{}];
  if (content.shape === 'histogram') {
    const bars = content.bars.map(([startMs, count]): [number, number] => [startMs, count]);
    // What is missing and what is known beside fills the first part.
    const parts: Part[] = headBytes > partBytes / 2 ? [{ buckets: [] }] : [];
    for (let i = 0; i < bars.length || parts.length === 0; i += PART_BARS_MAX) {
      parts.push({ buckets: bars.slice(i, i + PART_BARS_MAX) });
    }
    return parts;
  }
  const parts: { rows: QueryRow[] }[] = [];
  let rows: QueryRow[] = [];
  let bytes = headBytes;
  for (const row of content.rows) {
    const rowBytes = sizeOf(row) + 1;
    if (bytes + rowBytes > partBytes || rows.length >= PART_ROWS_MAX) {
      parts.push({ rows });
      rows = [];
      bytes = 0;
    }
    rows.push(row);
    bytes += rowBytes;
  }
  parts.push({ rows });
  return parts;
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function encode(answer: Answer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(answer));
}
