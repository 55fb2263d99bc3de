import { buildDocument } from './record-index.js';
import type { RecordLog } from './record-log.js';
import { type IndexDocument, meetsQuery, type RecordQuery } from './record-query.js';

/** Segments looked through for one query: 200 of 256 records take about half a second on a Raspberry Pi 4. */
const SEGMENTS_MAX = 200;

export type SegmentScan = { readonly documents: readonly IndexDocument[]; readonly isWhole: boolean };

/**
 * Looks for records older than the index's window in the closed segments, newest first.
 * @param olderThanMs wall clock; segments that begin later are the index's business.
 */
export async function scanSegments(records: RecordLog, query: RecordQuery, olderThanMs: number): Promise<SegmentScan> {
  const documents: IndexDocument[] = [];
  let scanned = 0;
  for (const { epoch, meta } of records.segmentsNewestFirst()) {
    const overlaps = meta.t1 >= (query.fromMs ?? 0) && meta.t0 <= Math.min(olderThanMs, query.toMs ?? olderThanMs);
    if (!overlaps) continue;
    if (documents.length >= query.limit) break;
    if (++scanned > SEGMENTS_MAX) return { documents, isWhole: false };
    const lines = await records.read(epoch, meta.first, meta.count);
    const found = lines.flatMap((line) => buildDocument(epoch, line)).filter((document) => meetsQuery(document, query));
    documents.push(...found.reverse());
  }
  return { documents: documents.slice(0, query.limit), isWhole: true };
}
