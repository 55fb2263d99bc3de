import type { Interval } from '../../../base/listener/interval-set.js';
import type { Head } from '../../../protocol/record.js';
import type { SegmentHeader } from '../../../protocol/segment.js';
import { type OpenedSegment, type SegmentMeta, segmentHash } from '../../records/segment.js';
import type { CopyLine, CopyOnDisk, SegmentToKeep } from '../store/copy-store.js';
import { Chain, forgetLowest } from './chain.js';
import { Coverage, type Span } from './coverage.js';
import type { Line, OwnExtent } from './effects.js';
import { setOf } from './intervals.js';

/** Whose word a line is: its writer's own, or that of another holder, which counts once a signed head covers it. */
export type Source = 'writer' | 'peer';
export type LogEntry = Head['logs'][number];
type HeldLine = { readonly text: string; source: Source; isDurable: boolean };

export type CopyLimits = { readonly linesMax: number; readonly pendingSegmentsMax: number };
export type LinesTaken = {
  readonly fresh: readonly CopyLine[];
  readonly duplicates: number;
  readonly refused: number;
  /** First seq whose text differs from the one held. */
  readonly forkAt: number | undefined;
};
export type EntryTaken = 'taken' | 'foreign-key' | 'fork';
export type SegmentTaken = {
  /**
   * `unchained`: its records may be taken in one by one, as another holder's word. `pending`: it waits from now on for what
   * confirms it; `waiting`: it did before, or there is no room to.
   */
  readonly verdict: 'kept' | 'known' | 'pending' | 'waiting' | 'refused' | 'below-first' | 'unchained';
  /** To be saved: the segment, and those that waited for it. */
  readonly keep: readonly SegmentToKeep[];
};

/**
 * What is held of one log. Taking in is idempotent and indifferent to order: of messages without a fork in them, what is
 * held depends on the set alone.
 */
export class Copy {
  readonly node: string;
  readonly epoch: string;
  readonly #limits: CopyLimits;
  /** Smallest seq not given up; only rises. */
  first = 1;
  /** Largest seq known to exist, and the largest that a signed head covers. */
  known = 0;
  headSeq = 0;
  /** The writer has begun another epoch. */
  isOver = false;
  /** Key of the first head that listed it. */
  publicKey: string | undefined;
  /** Nothing from here on is answered: two texts, or two signed chains, claim this seq. A person decides. */
  frozenFrom: number | undefined;
  /** Segments from this number on are not to be had: signed heads contradict each other. Records are kept one by one. */
  #forkSegment: number | undefined;
  /** It lies on the own disk as the node's own log; what is held beside it was fetched back from others. */
  own: OwnExtent | undefined;
  readonly #segments = new Map<number, SegmentMeta>();
  readonly #saving = new Map<number, SegmentToKeep>();
  readonly #pending = new Map<number, OpenedSegment>();
  readonly #chain: Chain;
  readonly #lines = new Map<number, HeldLine>();
  readonly #coverage = new Coverage();

  constructor(node: string, epoch: string, limits: CopyLimits) {
    this.node = node;
    this.epoch = epoch;
    this.#limits = limits;
    this.#chain = new Chain(limits.pendingSegmentsMax);
  }

  /** Takes up what the disk holds. Lines that were kept once are trusted: the disk does not say whose word they were. */
  load(disk: CopyOnDisk): void {
    this.first = Math.max(this.first, disk.first);
    for (const meta of disk.segments) this.#segments.set(meta.n, meta);
    for (const { s, text } of disk.lines) this.#lines.set(s, { text, source: 'writer', isDurable: true });
    this.#rebuild();
    this.known = Math.max(this.known, this.#coverage.last);
  }

  /** The own disk holds this much of it. @returns false for the common case: nothing but new records. */
  setOwn(own: OwnExtent): boolean {
    const before = this.own;
    this.own = own;
    this.first = Math.max(this.first, own.first);
    this.headSeq = Math.max(this.headSeq, own.seq, own.openFrom - 1);
    this.known = Math.max(this.known, own.seq);
    this.isOver = !own.isLive;
    if (own.closed > 0 && own.hash !== '') this.#chain.noteHash(own.closed - 1, own.hash);
    // The common case, records appended: no need to look at all segments again.
    const hasOnlyGrown =
      before !== undefined && before.segments.length === own.segments.length && before.first === own.first;
    if (!hasOnlyGrown) {
      this.#rebuild();
      return true;
    }
    this.#coverage.add({ from: own.openFrom, to: own.seq, isSealed: true, isDurable: true });
    return false;
  }

  /** Numbers of closed segments that the own log had, has not given up, and lacks; what was fetched back is no hole. */
  get ownHoles(): number[] {
    const { own } = this;
    if (own === undefined) return [];
    const held = new Set(own.segments.map(({ n }) => n));
    const [oldest] = own.segments;
    // How many were given up is not known here; of those before the oldest that is held, one is missing at least.
    const isOldestHeld = oldest === undefined || oldest.first === own.first;
    const from = own.first === 1 ? 0 : isOldestHeld ? (oldest?.n ?? own.closed) : oldest.n - 1;
    const holes: number[] = [];
    for (let n = from; n < own.closed; n++) if (!held.has(n) && !this.#isClosed(n)) holes.push(n);
    return holes;
  }

  get segments(): SegmentMeta[] {
    const own = this.own?.segments ?? [];
    if (own.length === 0) return [...this.#segments.values()].sort((a, b) => a.n - b.n);
    // A power cut may bring back a file of the own log that was put aside and fetched anew.
    const isOwn = new Set(own.map(({ n }) => n));
    return [...own, ...[...this.#segments.values()].filter(({ n }) => !isOwn.has(n))].sort((a, b) => a.n - b.n);
  }

  segment(n: number): SegmentMeta | undefined {
    return this.#segments.get(n) ?? this.own?.segments.find((meta) => meta.n === n);
  }

  /** Bytes of the closed segments that are copies. */
  get bytes(): number {
    let bytes = 0;
    for (const meta of this.#segments.values()) bytes += meta.bytes;
    return bytes;
  }

  get records(): number {
    return this.#coverage.size;
  }

  get isSaving(): boolean {
    return this.#saving.size > 0;
  }

  /** Largest seq up to which nothing still kept is missing on the disk. */
  get frontier(): number {
    return this.#coverage.durableTo(this.first);
  }

  /** Largest seq up to which everything may be answered: held, and confirmed by its writer or a signed head. */
  get answerable(): number {
    let prefix = Math.min(this.#coverage.heldTo(this.first), (this.frozenFrom ?? Number.POSITIVE_INFINITY) - 1);
    for (const [s, line] of this.#lines) {
      if (s <= prefix && s > this.headSeq && line.source === 'peer') prefix = s - 1;
    }
    return prefix;
  }

  /** Nobody will sign for it any more: from now on what other holders gave counts as much as the writer's own word. */
  trustPeers(): void {
    for (const line of this.#lines.values()) line.source = 'writer';
  }

  /** Records known to exist and not held; without those that nobody has any more, or it would never be done. */
  get missingRecords(): number {
    return this.#coverage.countMissing(this.first, this.known);
  }

  /** What of some ranges is not held, in no way. */
  lacked(ranges: readonly Interval[]): Interval[] {
    return this.#coverage.lacked(ranges);
  }

  /** What was given up, as nobody had it any more, and has not turned up. */
  get gone(): Interval[] {
    return this.#coverage.goneFrom(this.first);
  }

  /** Two signed heads contradict each other. */
  get isForkProven(): boolean {
    return this.#forkSegment !== undefined;
  }

  get isWhole(): boolean {
    const isHeld = this.#coverage.covers(this.first, this.known, this.#sealedTop);
    return isHeld || (this.#coverage.hasGone && this.wanted(1).length === 0);
  }

  /** Hash that a signed head, or a segment that it confirms, gives for a closed segment. */
  hashOf(n: number): string | undefined {
    return this.#chain.hashOf(n) ?? this.segment(n + 1)?.prev ?? this.#saving.get(n + 1)?.header.prev;
  }

  /** Number and hash of the last closed segment that a signed head names. */
  get newestAnchor(): { readonly n: number; readonly hash: string } | undefined {
    return this.#chain.newest;
  }

  takeLines(lines: readonly Line[], source: Source): LinesTaken {
    const fresh: CopyLine[] = [];
    let duplicates = 0;
    let refused = 0;
    let forkAt: number | undefined;
    for (const { s, text } of lines) {
      if (s < this.first) {
        refused++;
        continue;
      }
      const held = this.#lines.get(s);
      if (held !== undefined && held.text !== text) {
        forkAt = Math.min(forkAt ?? s, s);
        continue;
      }
      if (held !== undefined || this.#coverage.has(s)) {
        if (held !== undefined && source === 'writer') held.source = 'writer';
        duplicates++;
      } else if (this.#lines.size >= this.#limits.linesMax) {
        refused++;
      } else {
        this.#lines.set(s, { text, source, isDurable: false });
        this.#coverage.add({ from: s, to: s, isSealed: false, isDurable: false });
        fresh.push({ node: this.node, epoch: this.epoch, s, text });
      }
      this.known = Math.max(this.known, s);
    }
    if (forkAt !== undefined) this.frozenFrom = Math.min(this.frozenFrom ?? forkAt, forkAt);
    return { fresh, duplicates, refused, forkAt };
  }

  /** The disk did not take these: as if they had not come. */
  dropLines(seqs: readonly number[]): void {
    for (const s of seqs) this.#lines.delete(s);
    this.#rebuild();
  }

  takeEntry(entry: LogEntry, publicKey: string): EntryTaken {
    if (this.publicKey !== undefined && this.publicKey !== publicKey) return 'foreign-key';
    this.publicKey = publicKey;
    const n = entry.seg - 1;
    this.headSeq = Math.max(this.headSeq, entry.seq);
    this.known = Math.max(this.known, entry.seq);
    this.isOver ||= entry.st === 'closed';
    const isBeyondFork = this.#forkSegment !== undefined && n >= this.#forkSegment;
    if (n < 0 || entry.H === '' || isBeyondFork) return 'taken';
    const knownHash = this.hashOf(n) ?? this.#segments.get(n)?.hash;
    if (knownHash !== undefined && knownHash !== entry.H) {
      this.#fork(n);
      return 'fork';
    }
    this.#noteAnchor(n, entry);
    return 'taken';
  }

  /** Raises `first`; true if it rose. Nothing below comes back. */
  raiseFirst(first: number): boolean {
    if (first <= this.first) return false;
    this.first = first;
    for (const [n, meta] of this.#segments) if (meta.first + meta.count <= first) this.#segments.delete(n);
    for (const [n, segment] of this.#pending) {
      if (segment.header.first + segment.header.count <= first) this.#pending.delete(n);
    }
    for (const s of [...this.#lines.keys()]) if (s < first) this.#lines.delete(s);
    this.#rebuild();
    return true;
  }

  /**
   * Closes what the lines held, and headers that signed heads gave, allow: the same segments, byte for byte, as the writer
   * closed. Lines that do not give the signed hash are put out of use: the segment has to be asked for.
   */
  closeSegments(): { readonly keep: readonly SegmentToKeep[]; readonly doubted: number } {
    const keep: SegmentToKeep[] = [];
    let doubted = 0;
    for (const header of this.#chain.tails()) {
      const { seg: n } = header;
      if (this.#isClosed(n) || header.first < this.first) {
        this.#chain.dropTail(n);
        continue;
      }
      const lines = this.#linesOf(header);
      if (lines === undefined) continue;
      this.#chain.dropTail(n);
      const segment = this.#segmentOf(header, lines);
      if (segment.hash === this.#chain.hashOf(n)) keep.push(...this.#keep(segment));
      else doubted += this.#doubt(header);
    }
    return { keep, doubted };
  }

  /** Takes a closed segment that somebody gave: kept if the chain up to a signed head confirms it. */
  takeSegment(opened: OpenedSegment): SegmentTaken {
    const { header } = opened;
    if (header.n !== this.node || header.e !== this.epoch) return { verdict: 'refused', keep: [] };
    if (header.first + header.count <= this.first) return { verdict: 'below-first', keep: [] };
    if (this.#hashHeld(header.seg) === opened.hash) return { verdict: 'known', keep: [] };
    const hash = this.hashOf(header.seg);
    // Of a forked log, and of an own one of which others have more, the records count and not how they were cut.
    const isBeyondFork = this.#forkSegment !== undefined && header.seg >= this.#forkSegment;
    const isBelowGone = hash === undefined && this.#isBelowGone(header);
    const isDenied = isBelowGone && this.#contradictsLines(opened);
    const isUncut = isBeyondFork || isDenied || (this.own !== undefined && hash !== opened.hash);
    // No signed head of this log is known at all: its writer died early, or was a clone. Its records are kept unverified.
    if (isUncut || (hash === undefined && this.publicKey === undefined)) return { verdict: 'unchained', keep: [] };
    if (hash === undefined && !isBelowGone) return { verdict: this.#wait(opened) ? 'pending' : 'waiting', keep: [] };
    if (hash !== undefined && hash !== opened.hash) return { verdict: 'refused', keep: [] };
    return { verdict: 'kept', keep: this.#keep(this.#asKept(opened)) };
  }

  /** Segments that waited and are confirmed by what a head said meanwhile, or have nothing left to wait for. */
  releasePending(): readonly SegmentToKeep[] {
    const keep: SegmentToKeep[] = [];
    for (const [n, opened] of [...this.#pending].sort((a, b) => b[0] - a[0])) {
      const hash = this.hashOf(n);
      if (hash === undefined && !this.#isBelowGone(opened.header)) continue;
      this.#pending.delete(n);
      const isGood = hash === undefined ? !this.#contradictsLines(opened) : hash === opened.hash;
      if (isGood && !this.#isClosed(n)) keep.push(...this.#keep(this.#asKept(opened)));
    }
    return keep;
  }

  segmentSaved(meta: SegmentMeta): void {
    this.#saving.delete(meta.n);
    if (meta.first + meta.count <= this.first) return;
    this.#segments.set(meta.n, meta);
    const end = meta.first + meta.count - 1;
    for (let s = meta.first; s <= end; s++) this.#lines.delete(s);
    this.#coverage.add({ from: meta.first, to: end, isSealed: true, isDurable: true });
  }

  /** A closed segment is not there any more, or was not taken by the disk. */
  dropSegment(n: number): SegmentMeta | undefined {
    const meta = this.#segments.get(n);
    const own = this.own;
    this.#segments.delete(n);
    this.#saving.delete(n);
    const lost = own?.segments.find((segment) => segment.n === n);
    if (lost !== undefined) this.#awaitClosed(lost);
    if (own !== undefined) this.own = { ...own, segments: own.segments.filter((segment) => segment.n !== n) };
    this.#rebuild();
    return meta;
  }

  // What its own index says of it is known still: lines that others give in its place have to give its hash.
  #awaitClosed({ n, first, count, t0, t1, prev, hash }: SegmentMeta): void {
    this.#chain.expect({ v: 1, n: this.node, e: this.epoch, seg: n, first, count, t0, t1, prev }, hash);
    this.#chain.sealTo(first + count - 1);
  }

  /** The disk did not take a segment: closed again when it does, from the lines if they are there. */
  segmentFailed(n: number): void {
    const segment = this.#saving.get(n);
    if (segment === undefined) return;
    this.#chain.expect(segment.header, segment.hash);
    this.dropSegment(n);
  }

  noteDurable(seqs: readonly number[]): void {
    for (const s of seqs) {
      const line = this.#lines.get(s);
      if (line === undefined) continue;
      line.isDurable = true;
      this.#coverage.noteDurable(s);
    }
  }

  /** Nobody has these any more, but for segments that wait below. Should they turn up, they are taken in. */
  noteGone(ranges: readonly Interval[]): number {
    let records = 0;
    for (const [from, to] of ranges) {
      records += this.#coverage.noteGone([[Math.max(from, this.#endOfPending(to) + 1), to]]);
    }
    this.#coverage.stopSeeking(ranges);
    return records;
  }

  /** Somebody says to have some of what was given up: it is asked for again. @returns false where nothing of it was. */
  seek(ranges: readonly Interval[]): boolean {
    return this.#coverage.seek(ranges);
  }

  /** What is still to be fetched: at most `max` ranges, newest first. Closed segments count only as such. */
  wanted(max: number): Interval[] {
    return this.#coverage.wanted(this.first, this.known, this.#sealedTop, max);
  }

  /** Lines held outside closed segments with seq in a range, in order. */
  lines(from: number, to: number, max = Number.POSITIVE_INFINITY): Line[] {
    const lines: Line[] = [];
    for (const segment of this.#saving.values()) {
      const { first, count } = segment.header;
      if (first > to || first + count <= from) continue;
      segment.lines.forEach((text, i) => {
        if (first + i >= from && first + i <= to) lines.push({ s: first + i, text });
      });
    }
    const saved = new Set(lines.map(({ s }) => s));
    for (const [s, { text }] of this.#lines) if (s >= from && s <= to && !saved.has(s)) lines.push({ s, text });
    return lines.sort((a, b) => a.s - b.s).slice(0, max);
  }

  /** Ranges that can be given to others. */
  held(from: number, to: number): Interval[] {
    const own = this.own?.publishableSeq ?? 0;
    const set = setOf(this.#coverage.intervals);
    if (own > (this.own?.seq ?? 0)) set.add((this.own?.seq ?? 0) + 1, own);
    return set.intervals.flatMap(([a, b]): Interval[] => {
      const start = Math.max(a, from, this.first);
      const end = Math.min(b, to);
      return start <= end ? [[start, end]] : [];
    });
  }

  get #sealedTop(): number {
    return Math.min(this.known, this.#chain.sealedTo);
  }

  #isClosed(n: number): boolean {
    return this.#hashHeld(n) !== undefined;
  }

  #hashHeld(n: number): string | undefined {
    return this.segment(n)?.hash ?? this.#saving.get(n)?.hash;
  }

  // A tail must be of this log and end where it may; the hash confirms it, but only once its records are there.
  #noteAnchor(n: number, entry: LogEntry): void {
    this.#chain.noteHash(n, entry.H);
    const { tail } = entry;
    if (tail !== undefined && tail.n === this.node && tail.e === this.epoch && tail.seg === n) {
      this.#chain.noteTail(tail);
    }
  }

  // Up to the segment before everybody agrees. Behind it the numbers of segments mean nothing any more.
  #fork(n: number): void {
    const before = this.segment(n - 1);
    const from = before === undefined ? this.first : before.first + before.count;
    this.#forkSegment = n;
    this.frozenFrom = Math.min(this.frozenFrom ?? from, from);
    this.#chain.cutFrom(n, from);
    for (const number of [...this.#pending.keys()]) if (number >= n) this.#pending.delete(number);
  }

  #linesOf({ first, count }: SegmentHeader): string[] | undefined {
    const texts: string[] = [];
    for (let s = first; s < first + count; s++) {
      const line = this.#lines.get(s);
      if (line === undefined) return undefined;
      texts.push(line.text);
    }
    return texts;
  }

  #segmentOf(header: SegmentHeader, lines: readonly string[]): SegmentToKeep {
    const headerLine = JSON.stringify(header);
    return { node: this.node, epoch: this.epoch, header, headerLine, lines, hash: segmentHash(headerLine, lines) };
  }

  #asKept({ header, headerLine, lines, hash }: OpenedSegment): SegmentToKeep {
    return { node: this.node, epoch: this.epoch, header, headerLine, lines, hash };
  }

  #keep(segment: SegmentToKeep): SegmentToKeep[] {
    const { first, count, seg } = segment.header;
    this.#saving.set(seg, segment);
    this.#pending.delete(seg);
    this.#chain.dropTail(seg);
    const end = first + count - 1;
    // What the chain confirms stands, whatever the lines said that came one by one.
    for (const [i, text] of segment.lines.entries()) {
      const held = this.#lines.get(first + i);
      if (held !== undefined && held.text !== text) this.#lines.delete(first + i);
    }
    this.#coverage.add({ from: first, to: end, isSealed: true, isDurable: false });
    this.known = Math.max(this.known, end);
    if (this.#forkSegment === undefined && this.frozenFrom !== undefined && this.frozenFrom <= end)
      this.frozenFrom = undefined;
    const before = this.#pending.get(seg - 1);
    if (before === undefined) return [segment];
    this.#pending.delete(seg - 1);
    if (before.hash !== segment.header.prev || this.#isClosed(seg - 1)) return [segment];
    return [segment, ...this.#keep(this.#asKept(before))];
  }

  #doubt({ first, count }: SegmentHeader): number {
    for (let s = first; s < first + count; s++) this.#lines.delete(s);
    this.#rebuild();
    return count;
  }

  /** @returns whether it waits now and did not before. */
  #wait(opened: OpenedSegment): boolean {
    const { seg } = opened.header;
    if (this.#pending.get(seg)?.hash === opened.hash) return false;
    this.#pending.set(seg, opened);
    forgetLowest(this.#pending, this.#limits.pendingSegmentsMax);
    return this.#pending.has(seg);
  }

  // The segment that has its hash is not to be had any more. A signed head covers it, so it is taken on the word of whoever
  // has it; it confirms those below, and polls compare it.
  #isBelowGone({ seg, first, count }: SegmentHeader): boolean {
    return seg < (this.newestAnchor?.n ?? -1) && this.#coverage.isGone(first + count);
  }

  #contradictsLines({ header, lines }: OpenedSegment): boolean {
    return lines.some((text, i) => (this.#lines.get(header.first + i)?.text ?? text) !== text);
  }

  /** Last record up to a seq that lies in a segment that waits. */
  #endOfPending(to: number): number {
    const ends = [...this.#pending.values()].map(({ header }) => header.first + header.count - 1);
    return Math.max(0, ...ends.filter((end) => end <= to));
  }

  #rebuild(): void {
    const spans: Span[] = [];
    const { own } = this;
    if (own !== undefined) {
      for (const [from, to] of ownIntervals(own)) spans.push({ from, to, isSealed: true, isDurable: true });
    }
    for (const meta of this.#segments.values()) spans.push({ ...endsOf(meta), isSealed: true, isDurable: true });
    for (const { header } of this.#saving.values()) {
      spans.push({ ...endsOf(header), isSealed: true, isDurable: false });
    }
    for (const [s, { isDurable }] of this.#lines) spans.push({ from: s, to: s, isSealed: false, isDurable });
    this.#coverage.replace(spans);
  }
}

function endsOf({ first, count }: Pick<SegmentHeader, 'first' | 'count'>): Pick<Span, 'from' | 'to'> {
  return { from: first, to: first + count - 1 };
}

// Between closed segments of an own log lie holes where one was rotten.
function ownIntervals(own: OwnExtent): Interval[] {
  const intervals = own.segments.map(({ first, count }): Interval => [first, first + count - 1]);
  return own.seq >= own.openFrom ? [...intervals, [own.openFrom, own.seq]] : intervals;
}
