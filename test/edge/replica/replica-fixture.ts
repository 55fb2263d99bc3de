import { Random } from '../../../base/random.js';
import type { SegmentMeta } from '../../../edge/records/segment.js';
import { segmentHash } from '../../../edge/records/segment.js';
import type { Instant, Line, ReplicaEffect, ReplicaEvent } from '../../../edge/replica/core/effects.js';
import { ReplicaCore } from '../../../edge/replica/core/replica-core.js';
import { DEFAULT_REPLICA_LIMITS, type ReplicaLimits } from '../../../edge/replica/core/replica-limits.js';
import type { CopyStoreContent, SegmentToKeep } from '../../../edge/replica/store/copy-store.js';
import type { Head } from '../../../protocol/record.js';
import type { SegmentHeader } from '../../../protocol/segment.js';

export const EPOCH = 'aaaaaaaaaaaa';
export const NO_CONTENT: CopyStoreContent = { copies: [], heads: [], rot: [], forgotten: [] };

export function line(s: number, mark = ''): Line {
  return { s, text: `{"s":${s},"t":${1_000 + s},"k":"track"${mark}}` };
}

export function linesOf(from: number, to: number): Line[] {
  return Array.from({ length: to - from + 1 }, (_, i) => line(from + i));
}

/** A log of segments of ten records, with the hashes its writer would sign. */
export class WrittenLog {
  readonly node: string;
  readonly epoch: string;
  readonly segments: SegmentToKeep[] = [];

  constructor(node: string, epoch: string, segments: number) {
    this.node = node;
    this.epoch = epoch;
    let prev = '';
    for (let seg = 0; seg < segments; seg++) {
      const first = seg * 10 + 1;
      const header: SegmentHeader = {
        ...{ v: 1, n: node, e: epoch, seg, first, count: 10 },
        ...{ t0: 1_000 + first, t1: 1_009 + first, prev },
      };
      const headerLine = JSON.stringify(header);
      const lines = linesOf(first, first + 9).map(({ text }) => text);
      const hash = segmentHash(headerLine, lines);
      this.segments.push({ node, epoch, header, headerLine, lines, hash });
      prev = hash;
    }
  }

  entry(seq: number, options: Partial<Head['logs'][number]> = {}): Head['logs'][number] {
    const seg = Math.min(this.segments.length, Math.floor(seq / 10));
    const last = this.segments[seg - 1];
    const tail = last === undefined ? {} : { tail: last.header };
    return { e: this.epoch, st: 'live', first: 1, seq, H: last?.hash ?? '', seg, ...tail, ...options };
  }

  meta(n: number): SegmentMeta {
    const segment = this.segments[n];
    if (segment === undefined) throw new Error(`no segment ${n}`);
    return metaOf(segment);
  }
}

export function metaOf({ header, hash, lines }: SegmentToKeep): SegmentMeta {
  const { seg: n, first, count, t0, t1, prev } = header;
  return { n, first, count, t0, t1, prev, hash, bytes: lines.join('\n').length };
}

/** A signature that anybody can make and check: the key, and what is signed. */
export function signed(head: Omit<Head, 'sig' | 'v'>, key: string): Head {
  return { v: 1, ...head, key, sig: fakeSignature(head, key) };
}

function fakeSignature({ node, inst, t, logs }: Omit<Head, 'sig' | 'v'>, key: string): string {
  const text = JSON.stringify([key, node, inst, t, logs]);
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return `${key}:${hash}`;
}

export function isSigned(head: Head, key: string): boolean {
  return head.sig === fakeSignature(head, key);
}

/** A core under test, with a disk that takes everything at once. */
export class CoreUnderTest {
  readonly core: ReplicaCore;
  readonly said: ReplicaEffect[] = [];
  now: Instant = { monoMs: 0, wallMs: 10_000 };
  /** False: what was appended stays in the air. */
  isDiskQuick = true;

  constructor(node: string, limits: Partial<ReplicaLimits> = {}, content: CopyStoreContent = NO_CONTENT) {
    this.core = new ReplicaCore({
      node,
      publicKey: `key-${node}`,
      limits: { ...DEFAULT_REPLICA_LIMITS, ...limits },
      random: new Random(node),
      isHeadSigned: isSigned,
      content,
    });
  }

  hear(event: ReplicaEvent): readonly ReplicaEffect[] {
    const effects = this.core.handle(event, this.now);
    this.said.push(...effects);
    if (!this.isDiskQuick) return effects;
    for (const effect of effects) {
      if (effect.type === 'sync') this.hear({ type: 'synced', mark: effect.mark, ok: true });
      if (effect.type !== 'saveSegment') continue;
      const { node, epoch } = effect.segment;
      this.hear({ type: 'segmentSaved', node, epoch, meta: metaOf(effect.segment) });
    }
    return effects;
  }

  /** Lets time pass in ticks of 100 ms. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 100) {
      this.now = { monoMs: this.now.monoMs + 100, wallMs: this.now.wallMs + 100 };
      this.hear({ type: 'tick' });
    }
  }

  /** What was said of one kind since this was asked last. */
  take<T extends ReplicaEffect['type']>(type: T): Extract<ReplicaEffect, { type: T }>[] {
    const isOfType = (effect: ReplicaEffect): effect is Extract<ReplicaEffect, { type: T }> => effect.type === type;
    const taken = this.said.filter(isOfType);
    const left = this.said.filter((effect) => !isOfType(effect));
    this.said.splice(0, this.said.length, ...left);
    return taken;
  }
}
