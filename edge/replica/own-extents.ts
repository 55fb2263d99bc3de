import type { RecordLog } from '../records/record-log.js';
import type { OwnExtent } from './core/effects.js';

/** The own logs as a replica's core sees them. */
export function ownExtents(records: RecordLog): OwnExtent[] {
  return records.extents().map(({ epoch, isLive, first, seq, hash, segments: closed }) => ({
    epoch,
    // An epoch that is over and still being written grows, and is nobody's to be mended.
    isLive: isLive || records.isEnding(epoch),
    first,
    seq,
    publishableSeq: records.publishableSeq(epoch),
    segments: [...records.segmentsOf(epoch)],
    openFrom: records.openFrom(epoch),
    closed,
    hash,
  }));
}
