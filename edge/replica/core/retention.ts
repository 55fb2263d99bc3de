import type { SegmentMeta } from '../../records/segment.js';
import type { Copy } from './copy.js';

/** New `first` of one log. */
export type Raise = { readonly copy: Copy; readonly first: number; readonly records: number };

export type RetentionBounds = {
  readonly olderThanWallMs: number;
  readonly bytesMax: number;
  /** Times before it are of a clock that was not set. */
  readonly unsetBeforeWallMs: number;
};

/**
 * What a holder gives up on its own: segments older than the retention time of logs that no head speaks for any more, and the
 * oldest of all while the copies take more than their budget. Whole segments, from the front.
 */
export function planRetention(
  copies: Iterable<Copy>,
  isOrphan: (copy: Copy) => boolean,
  { olderThanWallMs, bytesMax, unsetBeforeWallMs }: RetentionBounds,
): Raise[] {
  const raises = new Map<Copy, Raise>();
  const raise = (copy: Copy, first: number, count: number) => {
    const records = (raises.get(copy)?.records ?? 0) + count;
    raises.set(copy, { copy, first, records });
  };
  let bytes = 0;
  const left: { copy: Copy; end: number; t1: number; count: number; bytes: number }[] = [];
  for (const copy of copies) {
    if (copy.own !== undefined) continue;
    const { segments } = copy;
    const ends = datesOf(segments, unsetBeforeWallMs);
    const isAlone = isOrphan(copy);
    for (const [i, meta] of segments.entries()) {
      const end = meta.first + meta.count;
      if (isAlone && (ends[i] ?? 0) < olderThanWallMs) {
        raise(copy, end, meta.count);
        continue;
      }
      bytes += meta.bytes;
      left.push({ copy, end, t1: meta.t1, count: meta.count, bytes: meta.bytes });
    }
  }
  if (bytes <= bytesMax) return [...raises.values()];
  // Times within a log rise, so the oldest first is from the front of each log.
  left.sort((a, b) => a.t1 - b.t1 || a.end - b.end);
  for (const { copy, end, count, bytes: size } of left) {
    if (bytes <= bytesMax) break;
    raise(copy, end, count);
    bytes -= size;
  }
  return [...raises.values()];
}

// When each segment ended, as far as is known: one without a time ended before the next that has one; without such it is
// not old.
function datesOf(segments: readonly SegmentMeta[], unsetBeforeWallMs: number): number[] {
  let following = Number.POSITIVE_INFINITY;
  const dates = segments.toReversed().map(({ t1 }) => {
    if (t1 >= unsetBeforeWallMs) following = t1;
    return following;
  });
  return dates.reverse();
}
