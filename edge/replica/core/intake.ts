import type { OpenedSegment } from '../../records/segment.js';
import type { CopyLine, SegmentToKeep } from '../store/copy-store.js';
import type { Copies } from './copies.js';
import type { Copy, Source } from './copy.js';
import type { Line } from './effects.js';
import type { InboxSync } from './inbox-sync.js';
import type { Turn } from './turn.js';

export type IntakeOptions = { readonly turn: Turn; readonly copies: Copies; readonly inbox: InboxSync };

/** Records on their way into copies and onto the disk. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** @returns how many of them were new. */
  takeLines(copy: Copy, lines: readonly Line[], source: Source): number {
    const { turn, inbox } = this.#options;
    if (inbox.isInTrouble(turn.monoMs)) {
      const last = lines.at(-1)?.s ?? 0;
      copy.known = Math.max(copy.known, last);
      turn.counters.add('linesRefused', lines.length);
      return 0;
    }
    const { fresh, duplicates, refused, forkAt } = copy.takeLines(lines, source);
    turn.counters.add('records', fresh.length);
    turn.counters.add('duplicates', duplicates);
    turn.counters.add('linesRefused', refused);
    if (forkAt !== undefined) {
      turn.counters.add('forks');
      turn.tell('fork', copy.node, copy.epoch, `two records claim to be number ${forkAt}`);
    }
    if (fresh.length > 0) {
      turn.emit({ type: 'append', lines: fresh });
      inbox.add(fresh, turn.monoMs);
    }
    return fresh.length;
  }

  /** @returns whether something of it was new. */
  takeSegment(copy: Copy, segment: OpenedSegment): boolean {
    const { turn, inbox } = this.#options;
    if (inbox.isInTrouble(turn.monoMs)) return false;
    const { verdict, keep } = copy.takeSegment(segment);
    if (verdict === 'refused') turn.counters.add('segmentsRefused');
    if (verdict === 'unchained') return this.#takeAsLines(copy, segment);
    turn.counters.add('segmentsFetched', keep.length);
    this.save(keep);
    if (verdict !== 'pending' && verdict !== 'waiting') return verdict === 'kept';
    const isNew = verdict === 'pending';
    if (isNew) turn.counters.add('segmentsPending');
    const { n } = copy.newestAnchor ?? { n: -1 };
    if (segment.header.seg < n) return isNew;
    // No head that is known will ever confirm it: its writer's card forgot it, or died before it signed. Kept as lines that
    // nobody vouches for, so that holders agree on what there is; a pending segment alone would be asked for without end.
    return this.#takeAsLines(copy, segment);
  }

  /** Closes the segments that what is held now allows. */
  close(copy: Copy): void {
    const { counters } = this.#options.turn;
    const { keep, doubted } = copy.closeSegments();
    counters.add('linesDoubted', doubted);
    counters.add('segmentsClosed', keep.length);
    this.save(keep);
  }

  save(segments: readonly SegmentToKeep[]): void {
    for (const segment of segments) this.#options.turn.emit({ type: 'saveSegment', segment });
  }

  // ---- how the disk took it

  onAppendFailed(lines: readonly CopyLine[]): void {
    const { turn, inbox } = this.#options;
    turn.counters.add('diskFailures');
    inbox.appendFailed(lines, turn.monoMs);
    this.#dropLines(lines);
  }

  onSynced(mark: number, ok: boolean): void {
    const { turn, inbox, copies } = this.#options;
    const durable = inbox.synced(mark, ok, turn.monoMs);
    for (const [copy, seqs] of copies.byCopy(durable)) copy.noteDurable(seqs);
    if (ok) return;
    turn.counters.add('diskFailures');
    this.#dropLines(inbox.takeDropped());
  }

  #dropLines(lines: readonly CopyLine[]): void {
    for (const [copy, seqs] of this.#options.copies.byCopy(lines)) copy.dropLines(seqs);
  }

  #takeAsLines(copy: Copy, { header, lines }: OpenedSegment): boolean {
    const single = lines.map((text, i) => ({ s: header.first + i, text }));
    return this.takeLines(copy, single, 'peer') > 0;
  }
}
