import type { Need } from '../../../protocol/record.js';
import type { Copy } from './copy.js';
import type { Piece } from './effects.js';

/** Records in one part of an answer: what the `fill` schema allows. */
const PART_RECORDS = 256;

/**
 * What is given for a need: closed segments whole where the asker takes them, newest range first, else runs of records. At
 * most `need.max` records; the asker asks again for the rest.
 */
export function planAnswer(copy: Copy, need: Need): Piece[] {
  const pieces: Piece[] = [];
  const given = new Set<number>();
  let left = need.max;
  for (const [from, to] of need.ranges) {
    const takesSegments = need.as === 'segments' && !copy.isForkProven;
    const end = takesSegments ? planSegments(copy, from, to, given, pieces, left) : undefined;
    left -= end?.records ?? 0;
    for (const [a, b] of copy.held(end?.openFrom ?? from, to)) {
      for (let start = a; start <= b && left > 0; start += PART_RECORDS) {
        const stop = Math.min(b, start + Math.min(PART_RECORDS, left) - 1);
        pieces.push({ from: start, to: stop });
        left -= stop - start + 1;
      }
    }
    if (left <= 0) break;
  }
  return pieces;
}

type SegmentsPlanned = { readonly records: number; readonly openFrom: number };

// Newest first, so that the chain from the signed head confirms each as it arrives.
function planSegments(
  copy: Copy,
  from: number,
  to: number,
  given: Set<number>,
  pieces: Piece[],
  max: number,
): SegmentsPlanned {
  let records = 0;
  let openFrom = from;
  for (const meta of copy.segments.reverse()) {
    const end = meta.first + meta.count - 1;
    if (end < from || meta.first > to || end < copy.first) continue;
    openFrom = Math.max(openFrom, end + 1);
    if (given.has(meta.n)) continue;
    if (records >= max) break;
    given.add(meta.n);
    pieces.push({ n: meta.n });
    records += meta.count;
  }
  return { records, openFrom };
}
