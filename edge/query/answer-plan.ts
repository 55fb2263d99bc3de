import type { Missing, Query, QuerySpec, UnaskedLog } from '../../protocol/query.js';
import type { HeldLog, LogReader, LogSlice } from './log-reader.js';

/** Logs one answer tells of beyond its cut; the asker asks again with them, and hears of the next ones. */
const ALSO_MAX = 512;
/** Gaps one answer names: any of them makes it partial. */
const MISSING_MAX = 256;

/** What is to be looked through for one query, and what this node lacks of it. */
export type AnswerPlan = {
  readonly slices: readonly LogSlice[];
  readonly missing: readonly Missing[];
  readonly also: readonly UnaskedLog[];
};

/** What there is to be read now. */
export type HeldLogs = Pick<LogReader, 'logs' | 'slice' | 'isForgotten'>;

/** Lays the cut of a query over what this node holds at this moment. */
export function planAnswer(query: Pick<Query, 'cut' | 'floor'>, spec: QuerySpec, reader: HeldLogs): AnswerPlan {
  const { node: onlyNode } = spec.filter;
  const isAsked = (node: string) => onlyNode === undefined || onlyNode === node;
  const held = new Map(reader.logs().map((log) => [keyOf(log.node, log.epoch), log]));
  const floors = new Map(query.floor?.map(([node, epoch, first]) => [keyOf(node, epoch), first]));
  const slices: LogSlice[] = [];
  const missing: Missing[] = [];
  const named = new Map<string, number>();
  for (const [node, epoch, to] of query.cut) {
    const key = keyOf(node, epoch);
    if (!isAsked(node) || named.has(key)) continue;
    named.set(key, to);
    const from = Math.max(1, floors.get(key) ?? 1);
    if (to < from) continue;
    const log = held.get(key);
    const slice = log === undefined ? undefined : sliceOf(log, from, to, reader);
    if (slice !== undefined) slices.push(withinTimes(slice, spec));
    missing.push(...(log === undefined ? [unheld(node, epoch, from, to, reader)] : lackOf(log, from, to, slice)));
  }
  return { slices, missing: missing.slice(0, MISSING_MAX), also: alsoHeld([...held.values()], named, isAsked) };
}

// Logs that nobody named come first: of those that are named, the cut has most.
function alsoHeld(
  held: readonly HeldLog[],
  named: ReadonlyMap<string, number>,
  isAsked: (node: string) => boolean,
): UnaskedLog[] {
  const also = held
    .filter(({ node }) => isAsked(node))
    .map(({ node, epoch, first, frontier, frozenAfter = frontier }) => {
      const cutTo = named.get(keyOf(node, epoch));
      const log: UnaskedLog = [node, epoch, first, Math.min(frontier, frozenAfter)];
      return { log, isNamed: cutTo !== undefined, isMore: log[3] >= Math.max(first, (cutTo ?? 0) + 1) };
    })
    .filter(({ isMore }) => isMore);
  also.sort((a, b) => Number(a.isNamed) - Number(b.isNamed));
  return also.slice(0, ALSO_MAX).map(({ log }) => log);
}

function sliceOf(log: HeldLog, from: number, to: number, reader: HeldLogs): LogSlice | undefined {
  const end = Math.min(to, log.frozenAfter ?? to);
  return reader.slice(log.node, log.epoch, Math.max(from, log.first), end);
}

function unheld(n: string, e: string, from: number, to: number, reader: HeldLogs): Missing {
  return { n, e, from, to, why: reader.isForgotten(n, e) ? 'expired' : 'unknown' };
}

function lackOf(log: HeldLog, from: number, to: number, slice: LogSlice | undefined): Missing[] {
  const { node: n, epoch: e, first, frozenAfter = to } = log;
  const lack: Missing[] = [];
  if (first > from) lack.push({ n, e, from, to: Math.min(to, first - 1), why: 'expired' });
  if (slice !== undefined) {
    for (const [gapFrom, gapTo] of gapsOf(slice)) lack.push({ n, e, from: gapFrom, to: gapTo, why: 'behind' });
  }
  if (frozenAfter < to) lack.push({ n, e, from: Math.max(from, frozenAfter + 1), to, why: 'frozen' });
  return lack;
}

/** Intervals of the seqs asked for that the slice does not cover. Lines lie between segments too, where rot was mended. */
export function gapsOf(slice: LogSlice): [number, number][] {
  const gaps: [number, number][] = [];
  let next = slice.from;
  const covered = [
    ...slice.segments.map(({ first, count }): [number, number] => [first, first + count - 1]),
    ...slice.lines.map(({ s }): [number, number] => [s, s]),
  ];
  for (const [first, last] of covered.sort((a, b) => a[0] - b[0])) {
    if (first > next) gaps.push([next, Math.min(first - 1, slice.to)]);
    next = Math.max(next, last + 1);
  }
  if (next <= slice.to) gaps.push([next, slice.to]);
  return gaps.filter(([from, to]) => from <= to);
}

// Times within an epoch only rise, so that a segment that ends before the range or begins behind it has none of it.
function withinTimes(slice: LogSlice, { filter }: QuerySpec): LogSlice {
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY } = filter;
  return { ...slice, segments: slice.segments.filter(({ t0, t1 }) => t1 >= fromMs && t0 <= toMs) };
}

function keyOf(node: string, epoch: string): string {
  return `${node}/${epoch}`;
}
