import { readFile } from 'node:fs/promises';
import type { Clock } from '../../../base/clock.js';
import { messageOf } from '../../../base/errors.js';
import type { Log } from '../../../base/log.js';
import { parseJson } from '../../../protocol/codec.js';
import { AuditRecord } from '../../../protocol/record.js';
import type { HeldLog, LogReader, SegmentFile } from '../../query/log-reader.js';
import { openSegment } from '../../records/segment.js';
import type { AuditFinding } from './audit-finding.js';

export type FindingReaderOptions = {
  /** All logs held here: the own one, and copies of the others. */
  readonly logs: () => LogReader | undefined;
  readonly onFinding: (finding: AuditFinding) => void;
  readonly clock: Clock;
  readonly log: Log;
};

const LOOK_MS = 500;
/** Of a log heard of for the first time, so many records are looked through: weeks of what a healthy node has of audits. */
const BACK_MAX = 16_384;
/** Looked at of one log at a time, so that a long history holds nothing else up. */
const STEP_MAX = 1_024;

/**
 * Finds the audit records in all logs held here, as they arrive and after every start: what replication brings late is
 * found late, and nothing else has to be kept for the standings of nodes.
 */
export class FindingReader {
  readonly #options: FindingReaderOptions;
  /** Largest seq looked at, by node and epoch. */
  readonly #done = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #isLooking = false;

  constructor(options: FindingReaderOptions) {
    this.#options = options;
  }

  open(): void {
    this.#cancel = this.#options.clock.every(LOOK_MS, () => void this.look());
  }

  close(): void {
    this.#cancel?.();
  }

  /** Goes on in every log, one step at most. */
  async look(): Promise<void> {
    const reader = this.#options.logs();
    if (reader === undefined || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const held = reader.logs();
      for (const log of held) await this.#tryGoOn(reader, log);
      this.#forgetAllBut(held);
    } finally {
      this.#isLooking = false;
    }
  }

  // One that cannot be read holds none of the others up.
  async #tryGoOn(reader: LogReader, held: HeldLog): Promise<void> {
    try {
      await this.#goOn(reader, held);
    } catch (error) {
      const { node, epoch } = held;
      this.#options.log.debug('log not looked through', { node, epoch, error: messageOf(error) });
    }
  }

  async #goOn(reader: LogReader, { node, epoch, first, frontier, frozenAfter }: HeldLog): Promise<void> {
    const key = keyOf(node, epoch);
    const end = Math.min(frontier, frozenAfter ?? frontier);
    const from = Math.max(this.#done.get(key) ?? 0, first - 1, end - BACK_MAX) + 1;
    const to = Math.min(end, from + STEP_MAX - 1);
    if (to < from) return;
    const slice = reader.slice(node, epoch, from, to);
    if (slice === undefined) return;
    for (const segment of slice.segments) await this.#readSegment(node, epoch, segment);
    for (const { text } of slice.lines) this.#readLine(node, text);
    this.#done.set(key, to);
  }

  // Findings of a whole segment: one that is read twice is recognised by the book.
  async #readSegment(node: string, epoch: string, { path, hash }: SegmentFile): Promise<void> {
    try {
      const { lines } = await openSegment(await readFile(path), hash);
      for (const line of lines) this.#readLine(node, line);
    } catch (error) {
      // Rot, or given up by retention meanwhile: who looks after the logs will find it, too.
      this.#options.log.debug('segment not read for audits', { node, epoch, error: messageOf(error) });
    }
  }

  #readLine(author: string, text: string): void {
    // Most lines are tracks: to parse them all would be most of the work.
    if (!text.includes('"audit"')) return;
    const record = AuditRecord.safeParse(jsonOf(text));
    if (!record.success) return;
    const { of, m: model, by, v: verdict, at: atMs, t: recordedMs } = record.data;
    this.#options.onFinding({ author, of, model, by, verdict, atMs, recordedMs });
  }

  #forgetAllBut(held: readonly HeldLog[]): void {
    const keys = new Set(held.map(({ node, epoch }) => keyOf(node, epoch)));
    for (const key of this.#done.keys()) if (!keys.has(key)) this.#done.delete(key);
  }
}

// A line that is none of ours is no finding.
function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function keyOf(node: string, epoch: string): string {
  return `${node}/${epoch}`;
}
