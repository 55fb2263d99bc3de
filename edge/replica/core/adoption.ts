import type { Head } from '../../../protocol/record.js';
import type { SegmentMeta } from '../../records/segment.js';
import type { KeptHead } from '../store/copy-store.js';
import type { ReplicaEffect } from './effects.js';

/** Bytes of the broker's memory that all windows together may take, and what one segment takes on average. */
const WINDOWS_BYTES = 64 * 1024 * 1024;
const SEGMENT_BYTES = 6_700;
/** Pause after a look that found nothing to do. */
const IDLE_MS = 1_000;
/** Time in which retained segments of an earlier life arrive; what comes later is withdrawn as it comes. */
const READING_MS = 5_000;

/** Newest closed segments of one node that lie retained in a broker. */
export function segmentWindow(nodes: number): number {
  return Math.min(64, Math.max(2, Math.floor(WINDOWS_BYTES / (Math.max(1, nodes) * SEGMENT_BYTES))));
}

export type AdoptionView = {
  /** Heads of the nodes this one looks after now: at most one each. */
  readonly adopted: ReadonlyMap<string, KeptHead>;
  /** Newest first; of the logs that the head lists. */
  readonly segments: (node: string, head: Head) => readonly { readonly epoch: string; readonly meta: SegmentMeta }[];
  readonly window: number;
};

type Kept = {
  head: Head | undefined;
  /** A head lies retained under our name, this one or another. */
  hasHead: boolean;
  /** Segments published, by `epoch/n`. */
  readonly segments: Set<string>;
  /** Segments that lie there and were not published in this life, or at this broker. */
  readonly found: Set<string>;
  /** What an earlier life left is being read until then. */
  readingUntilMonoMs: number | undefined;
};

/** Heads and segments of nodes that are away, kept in the broker by the first live holder; a few at a time. */
export class Adoption {
  readonly #pauseMs: number;
  readonly #kept = new Map<string, Kept>();
  #notBeforeMonoMs = 0;

  constructor(pauseMs: number) {
    this.#pauseMs = pauseMs;
  }

  /** Nodes that are looked after. */
  get size(): number {
    return this.#kept.size;
  }

  /** The broker has forgotten everything, or another one is used: all is published again, not before a time. */
  restart(notBeforeMonoMs: number): void {
    for (const kept of this.#kept.values()) {
      kept.head = undefined;
      for (const key of kept.segments) kept.found.add(key);
      kept.segments.clear();
    }
    this.#notBeforeMonoMs = notBeforeMonoMs;
  }

  /** A head lies retained under our name: of an earlier life, if not of this one. Then its segments are looked for. */
  noteFoundHead(node: string, nowMonoMs: number): ReplicaEffect[] {
    if (this.#kept.has(node)) return [];
    const kept = this.#make(node);
    kept.hasHead = true;
    kept.readingUntilMonoMs = nowMonoMs + READING_MS;
    return [{ type: 'pageKept', node }];
  }

  /** A segment lies retained under our name. */
  noteFoundSegment(node: string, epoch: string, n: number): void {
    const kept = this.#kept.get(node) ?? this.#make(node);
    const key = keyOf(epoch, n);
    if (!kept.segments.has(key)) kept.found.add(key);
  }

  /** The link is gone, and with it what is being read. */
  clear(): void {
    for (const kept of this.#kept.values()) kept.readingUntilMonoMs = undefined;
  }

  /** False while nothing is to be published or emptied: a view of it need not be made. */
  isDue(nowMonoMs: number): boolean {
    return nowMonoMs >= this.#notBeforeMonoMs;
  }

  /** What to publish or to empty now: one thing at a time, heads first. */
  due(view: AdoptionView, nowMonoMs: number): ReplicaEffect[] {
    if (!this.isDue(nowMonoMs)) return [];
    const effect = this.#next(view, nowMonoMs);
    this.#notBeforeMonoMs = nowMonoMs + (effect === undefined ? IDLE_MS : this.#pauseMs);
    return effect === undefined ? [] : [effect];
  }

  #next(view: AdoptionView, nowMonoMs: number): ReplicaEffect | undefined {
    for (const [node, kept] of this.#kept) {
      if (kept.readingUntilMonoMs !== undefined) {
        if (nowMonoMs < kept.readingUntilMonoMs) continue;
        kept.readingUntilMonoMs = undefined;
        return { type: 'unpageKept', node };
      }
      if (view.adopted.has(node)) continue;
      const effect = this.#withdraw(node, kept);
      if (effect !== undefined) return effect;
      this.#kept.delete(node);
    }
    for (const [node, { head }] of view.adopted) {
      const kept = this.#kept.get(node) ?? this.#make(node);
      if (kept.head !== head) {
        kept.head = head;
        kept.hasHead = true;
        return { type: 'keepHead', node, head };
      }
    }
    for (const [node, { head }] of view.adopted) {
      const effect = this.#nextSegment(node, head, view);
      if (effect !== undefined) return effect;
    }
    return undefined;
  }

  #make(node: string): Kept {
    const kept: Kept = {
      ...{ head: undefined, hasHead: false, readingUntilMonoMs: undefined },
      ...{ segments: new Set<string>(), found: new Set<string>() },
    };
    this.#kept.set(node, kept);
    return kept;
  }

  #withdraw(node: string, kept: Kept): ReplicaEffect | undefined {
    const [segment] = [...kept.segments, ...kept.found];
    if (segment !== undefined) return unkeep(node, kept, segment);
    if (!kept.hasHead) return undefined;
    kept.hasHead = false;
    kept.head = undefined;
    return { type: 'unkeepHead', node };
  }

  #nextSegment(node: string, head: Head, view: AdoptionView): ReplicaEffect | undefined {
    const kept = this.#kept.get(node);
    if (kept === undefined) return undefined;
    const wanted = view.segments(node, head).slice(0, view.window);
    for (const { epoch, meta } of wanted) {
      const key = keyOf(epoch, meta.n);
      if (kept.segments.has(key)) continue;
      kept.segments.add(key);
      kept.found.delete(key);
      return { type: 'keepSegment', node, epoch, n: meta.n };
    }
    const keys = new Set(wanted.map(({ epoch, meta }) => keyOf(epoch, meta.n)));
    for (const key of [...kept.segments, ...kept.found]) if (!keys.has(key)) return unkeep(node, kept, key);
    return undefined;
  }
}

function keyOf(epoch: string, n: number): string {
  return `${epoch}/${n}`;
}

function unkeep(node: string, kept: Kept, key: string): ReplicaEffect {
  kept.segments.delete(key);
  kept.found.delete(key);
  const [epoch = '', n = '0'] = key.split('/');
  return { type: 'unkeepSegment', node, epoch, n: Number(n) };
}
