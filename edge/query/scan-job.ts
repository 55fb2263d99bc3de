import { readFileSync } from 'node:fs';
import { messageOf, systemCodeOf } from '../../base/errors.js';
import type { QueryRow, QuerySpec } from '../../protocol/query.js';
import { openSegmentSync } from '../records/segment.js';
import { type AnswerHeader, encodeAnswer } from './answer-encoding.js';
import type { CachedColumns, ColumnCache } from './column-cache.js';
import { Evaluation, TooManyBarsError, type WantedRow } from './evaluation.js';
import type { LogSlice, SegmentFile } from './log-reader.js';
import { parseObject } from './record-fields.js';
import type { ScanReply, ScanRequest, UnreadSegment } from './scan-message.js';

type ScanBegin = Extract<ScanRequest, { kind: 'begin' }>;

/** One query on the scan thread: looks through slices and builds the payloads of the answer. */
export class ScanJob {
  readonly #id: number;
  readonly #evaluation: Evaluation;
  readonly #spec: QuerySpec;
  readonly #cache: ColumnCache;
  readonly #partBytes: number;
  readonly #isFresh: boolean;
  readonly #unread: UnreadSegment[] = [];
  readonly #startedMonoMs = performance.now();
  readonly #segmentsReadBefore: number;
  #recordsScanned = 0;

  constructor({ job, spec, isFresh }: ScanBegin, cache: ColumnCache, partBytes: number) {
    this.#id = job;
    this.#isFresh = isFresh;
    this.#spec = spec;
    this.#evaluation = new Evaluation(spec);
    this.#cache = cache;
    this.#partBytes = partBytes;
    this.#segmentsReadBefore = cache.segmentsRead;
  }

  /** @throws TooManyBarsError */
  scan(slice: LogSlice): void {
    for (const file of slice.segments) {
      const found = this.#open(slice, file);
      if (found !== undefined) this.#add(slice, file, found);
    }
    this.#addLines(slice);
  }

  /** @throws what the disk throws. */
  finish(header: AnswerHeader): ScanReply {
    const rows = this.#readRows(this.#evaluation.rows());
    const { shape } = this.#spec;
    const { count, again } = this.#evaluation;
    const content = { shape, count, rows, bars: this.#evaluation.bars(), again };
    const missing = [...header.missing, ...this.#unread.map(lackOf)];
    const tookMs = Math.round(header.tookMs + performance.now() - this.#startedMonoMs);
    const parts = encodeAnswer(content, { ...header, missing, tookMs }, this.#partBytes);
    return {
      kind: 'done',
      job: this.#id,
      parts,
      unread: this.#unread,
      recordsScanned: this.#recordsScanned,
      segmentsRead: this.#cache.segmentsRead - this.#segmentsReadBefore,
    };
  }

  /** What to say when the job failed. */
  refuse(error: unknown): ScanReply {
    if (!(error instanceof TooManyBarsError)) {
      return { kind: 'refused', job: this.#id, code: 'failed', message: messageOf(error) };
    }
    const message = `${error.message}; ask for wider ones (bucketMs) or for less time (fromMs, toMs)`;
    return { kind: 'refused', job: this.#id, code: 'bad-query', message };
  }

  #open(slice: LogSlice, file: SegmentFile): CachedColumns | undefined {
    try {
      return this.#isFresh ? this.#cache.readAgain(file) : this.#cache.columnsOf(file);
    } catch (error) {
      this.#unread.push({
        node: slice.node,
        epoch: slice.epoch,
        n: file.n,
        first: Math.max(file.first, slice.from),
        last: Math.min(file.first + file.count - 1, slice.to),
        reason: messageOf(error),
        isGone: systemCodeOf(error) === 'ENOENT',
      });
      return undefined;
    }
  }

  #add(slice: LogSlice, file: SegmentFile, { columns, words }: CachedColumns): void {
    const { node, epoch, from, to } = slice;
    const source = { kind: 'file' as const, path: file.path, hash: file.hash };
    this.#evaluation.add({ node, epoch, first: file.first, columns, source }, from, to, words);
    this.#recordsScanned += columns.count;
  }

  #addLines({ node, epoch, from, to, lines }: LogSlice): void {
    for (const run of runsOf(lines)) {
      const texts = run.map(({ text }) => text);
      const columns = this.#cache.build(texts);
      const source = { kind: 'lines' as const, lines: texts };
      const first = run[0]?.s ?? 1;
      this.#evaluation.add({ node, epoch, first, columns, source }, from, to, this.#cache.words);
      this.#recordsScanned += columns.count;
    }
  }

  #readRows(wanted: readonly WantedRow[]): QueryRow[] {
    const files = new Map<string, readonly string[]>();
    const rows: QueryRow[] = [];
    for (const { source, node, epoch, s, t, i } of wanted) {
      const lines = source.kind === 'lines' ? source.lines : linesOf(source, files);
      const record = parseObject(lines[i] ?? '');
      // It was a record with this time when its columns were made, and its hash is the same.
      if (record === undefined || typeof record.k !== 'string') throw new Error(`record ${epoch}/${s} is not there`);
      rows.push({ n: node, e: epoch, r: { ...record, s, t, k: record.k } });
    }
    return rows;
  }
}

function linesOf(
  { path, hash }: { readonly path: string; readonly hash: string },
  files: Map<string, readonly string[]>,
): readonly string[] {
  const known = files.get(hash);
  if (known !== undefined) return known;
  const { lines } = openSegmentSync(readFileSync(path), hash);
  files.set(hash, lines);
  return lines;
}

function lackOf({ node: n, epoch: e, first: from, last: to }: UnreadSegment) {
  return { n, e, from, to, why: 'behind' as const };
}

/** Lines as runs of consecutive seqs. */
function runsOf<T extends { readonly s: number }>(lines: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const line of lines) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1)?.s === line.s - 1) run.push(line);
    else runs.push([line]);
  }
  return runs;
}
