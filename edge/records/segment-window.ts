/** One closed segment of this node, as its topic names it. */
export type SegmentName = { readonly epoch: string; readonly n: number };

export type WindowView = {
  /** Own closed segments of all epochs, newest first. */
  readonly newestFirst: readonly SegmentName[];
  /** How many of them the broker shall have. */
  readonly size: number;
  /** What the broker has, as far as known. */
  readonly atBroker: ReadonlySet<string>;
  /** Publishes and clearings without an answer yet. */
  readonly underWay: ReadonlySet<string>;
  /** By key: since when a segment that the broker has is not in our log any more, monotonic clock. */
  readonly goneSinceMonoMs: ReadonlyMap<string, number>;
};

export type WindowStep =
  | { readonly kind: 'publish'; readonly segment: SegmentName }
  | { readonly kind: 'clear'; readonly segment: SegmentName };

/** What all nodes' windows together may take of a broker's memory. */
const WINDOWS_BYTES_MAX = 64 * 1024 * 1024;
/** 256 records of 119 bytes, compressed: measured. */
const SEGMENT_BYTES_TYPICAL = 6_700;
const WINDOW_MIN = 2;
const WINDOW_MAX = 64;

/** Segments of one node that a broker keeps, in a fleet of so many nodes. */
export function windowSize(nodes: number): number {
  const share = Math.floor(WINDOWS_BYTES_MAX / (Math.max(1, nodes) * SEGMENT_BYTES_TYPICAL));
  return Math.min(WINDOW_MAX, Math.max(WINDOW_MIN, share));
}

/**
 * The next thing to do so that a broker has the newest segments of this node and no others; undefined when it has. Newest
 * first, and nothing is taken away before what is newer is there. A segment that retention gave up is cleared `holdMs`
 * later, after the head that says so; that a broker forgot to forget one does no harm, for nobody takes in what lies
 * below `first`.
 */
export function nextWindowStep(view: WindowView, nowMonoMs: number, holdMs: number): WindowStep | undefined {
  const { newestFirst, size, atBroker, underWay, goneSinceMonoMs } = view;
  const wanted = newestFirst.slice(0, size);
  const missing = wanted.find((segment) => !atBroker.has(keyOf(segment)) && !underWay.has(keyOf(segment)));
  if (missing !== undefined) return { kind: 'publish', segment: missing };
  const wantedKeys = new Set(wanted.map(keyOf));
  if (wanted.some((segment) => underWay.has(keyOf(segment)))) return undefined;
  for (const key of atBroker) {
    if (wantedKeys.has(key) || underWay.has(key)) continue;
    const since = goneSinceMonoMs.get(key);
    if (since !== undefined && nowMonoMs - since < holdMs) continue;
    return { kind: 'clear', segment: nameOf(key) };
  }
  return undefined;
}

export function keyOf({ epoch, n }: SegmentName): string {
  return `${epoch}/${n}`;
}

/** The inverse of `keyOf`. */
export function nameOf(key: string): SegmentName {
  const [epoch = '', n = '0'] = key.split('/');
  return { epoch, n: Number(n) };
}

/** Last level of a segment's topic: eight digits. */
export function segmentLevel(n: number): string {
  return String(n).padStart(8, '0');
}
