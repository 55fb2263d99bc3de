import type { Copy } from './copy.js';

/** New `first` of one log. */
export type Raise = { readonly copy: Copy; readonly first: number; readonly records: number };

/**
 * What a holder gives up on its own: segments older than the retention time of logs that no head speaks for any more, and the
 * oldest of all while the copies take more than their budget. Whole segments, from the front.
 */
export function planRetention(
  copies: Iterable<Copy>,
  isOrphan: (copy: Copy) => boolean,
  olderThanWallMs: number,
  bytesMax: number,
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
    for (const meta of copy.segments) {
      const end = meta.first + meta.count;
      if (isOrphan(copy) && meta.t1 < olderThanWallMs) {
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
