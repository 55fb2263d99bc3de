import type { AuditLimits } from './audit-limits.js';

/** A record whose picture is kept, until a head of another node says whether it is audited. */
export type AuditCandidate = {
  readonly epoch: string;
  readonly seq: number;
  /** Hash of the record's line. */
  readonly leaf: Uint8Array;
  readonly camera: string;
  /** A sensor stands behind the camera: two pictures of it never have the same bytes. */
  readonly isLive: boolean;
  readonly capturedAtMs: number;
  readonly jpeg: Uint8Array;
  /** SHA-256 of `jpeg`, hex. */
  readonly digest: string;
  readonly keptMonoMs: number;
};

type RingLimits = Pick<AuditLimits, 'ringCount' | 'ringBytes' | 'ringMs'>;

/** Pictures of records that may be audited: the newest, by count, bytes and age. Oldest go first, counted. */
export class CandidateRing {
  readonly #limits: RingLimits;
  #kept: AuditCandidate[] = [];
  #bytes = 0;
  /** Left out undecided: there was no room, or no head came in time. */
  readonly dropped = { full: 0, old: 0 };

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  add(candidate: AuditCandidate): void {
    this.expire(candidate.keptMonoMs);
    if (candidate.jpeg.byteLength > this.#limits.ringBytes) {
      this.dropped.full++;
      return;
    }
    this.#kept.push(candidate);
    this.#bytes += candidate.jpeg.byteLength;
    while (this.#kept.length > this.#limits.ringCount || this.#bytes > this.#limits.ringBytes) {
      this.#shift();
      this.dropped.full++;
    }
  }

  /** Lets go of everything. @returns how many there were. */
  clear(): number {
    this.#bytes = 0;
    return this.#kept.splice(0).length;
  }

  /** Takes everything out: each candidate is decided once, by the first head that comes after it. */
  takeAll(nowMonoMs: number): readonly AuditCandidate[] {
    this.expire(nowMonoMs);
    this.#bytes = 0;
    return this.#kept.splice(0);
  }

  expire(nowMonoMs: number): void {
    for (let first = this.#kept[0]; first !== undefined; first = this.#kept[0]) {
      if (nowMonoMs - first.keptMonoMs <= this.#limits.ringMs) return;
      this.#shift();
      this.dropped.old++;
    }
  }

  get oldestMonoMs(): number | undefined {
    return this.#kept[0]?.keptMonoMs;
  }

  get count(): number {
    return this.#kept.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  #shift(): void {
    this.#bytes -= this.#kept.shift()?.jpeg.byteLength ?? 0;
  }
}
