import type { NodeDoubt } from '../../base/doubts.js';
import { type Doubtful, isRowDoubtful } from '../../base/query/doubtful.js';
import type { QueryResult } from '../../base/query/query-coordinator.js';
import { sameSightings } from '../../base/query/same-sighting.js';
import { type Column, renderTable } from '../../base/terminal/table.js';
import { printable, type Terminal } from '../../base/terminal/terminal.js';
import type { QueryRow, QuerySpec } from '../../protocol/query.js';
import { AuditRecord } from '../../protocol/record.js';
import { ageText, timeText } from './time-words.js';

/** Characters of a record's other fields in a table: what is left of a usual window. */
const REST_CHARS_MAX = 60;
/** Bars with nothing in them that are drawn between others; a wider gap is left out. */
const EMPTY_BARS_MAX = 24;
const BAR_COLUMNS_MAX = 50;
const BAR_COLUMNS_MIN = 10;
/** Missing ranges told one by one; `--json` has all. */
const MISSING_LINES_MAX = 5;
/** The same of doubted nodes, and of the names of those who doubt one. */
const DOUBT_LINES_MAX = 5;
const NAMES_MAX = 4;

/** The answer for a person: a number, a table or bars. */
export function renderAnswer(out: Terminal, result: QueryResult, spec: QuerySpec): string {
  if (result.shape === 'count') return `${result.count}\n`;
  return result.shape === 'list'
    ? renderTable(out, columnsOf(result), result.rows)
    : renderBars(out, result, spec.bucketMs);
}

// Where nothing is doubtful nobody has to read about it.
function columnsOf({ doubtful }: QueryResult): readonly Column<QueryRow>[] {
  if (doubtful === undefined || doubtful.count === 0) return COLUMNS;
  const { spans } = doubtful;
  const mark: Column<QueryRow> = {
    title: 'doubt',
    cell: (row) => (isRowDoubtful(row, spans) ? 'doubtful' : '-'),
  };
  return [...COLUMNS.slice(0, 2), mark, ...COLUMNS.slice(2)];
}

const COLUMNS: readonly Column<QueryRow>[] = [
  { title: 'time', cell: ({ r }) => timeText(r.t) },
  { title: 'node', cell: ({ n }) => n },
  { title: 'camera', cell: ({ r }) => textOf(r.c) },
  { title: 'kind', cell: ({ r }) => r.k },
  { title: 'event', cell: ({ r }) => textOf(r.k === 'audit' ? r.v : r.ev) },
  { title: 'track', cell: ({ r }) => (r.k === 'track' ? textOf(r.id) : '-'), align: 'right' },
  { title: 'label', cell: ({ r }) => textOf(r.k === 'alert' ? r.r : r.l) },
  { title: 'score', cell: ({ r }) => (typeof r.p === 'number' ? (r.p / 1000).toFixed(2) : '-'), align: 'right' },
  { title: 'zones', cell: ({ r }) => (Array.isArray(r.z) ? r.z.map(String).join(' ') : '-') },
  { title: 'more', cell: ({ r }) => moreOf(r) },
];

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

function moreOf(record: QueryRow['r']): string {
  if (record.k === 'track') return '';
  const audit = AuditRecord.safeParse(record);
  if (audit.success) return auditText(audit.data);
  return record.k === 'alert' && typeof record.x === 'string' ? printable(record.x) : restOf(record);
}

// The verdict stands in its own column.
function auditText({ of: { n, e, s }, why, odd, by }: AuditRecord): string {
  const about = `${n} ${e} ${s}${why === undefined ? '' : `: ${why}`}`;
  return `of ${about}, by ${by.join(' and ')}${odd === undefined ? '' : `, ${odd} alone saw something else`}`;
}

function restOf(record: QueryRow['r']): string {
  const { s: _s, t: _t, k: _k, c: _c, ...rest } = record;
  const text = JSON.stringify(rest);
  return text.length > REST_CHARS_MAX ? `${text.slice(0, REST_CHARS_MAX - 3)}...` : text;
}

function renderBars(out: Terminal, { bars, doubtful }: QueryResult, widthMs: number): string {
  if (bars.length === 0) return 'nothing matches\n';
  const most = Math.max(...bars.map(([, count]) => count));
  const digits = String(most).length;
  const doubts = new Map(doubtful?.bars);
  const room = Math.max(BAR_COLUMNS_MIN, Math.min(BAR_COLUMNS_MAX, out.columns - 20 - digits - 3));
  const line = ([startMs, count]: readonly [number, number]) => {
    const lengthOf = (part: number) => (part === 0 ? 0 : Math.max(1, Math.round((part / most) * room)));
    const length = lengthOf(count);
    const doubted = Math.min(length, lengthOf(doubts.get(startMs) ?? 0));
    const bar = out.paint('cyan', '#'.repeat(length - doubted)) + '?'.repeat(doubted);
    const start = timeText(startMs).slice(0, widthMs >= 60_000 ? 16 : 19);
    return `${start}  ${String(count).padStart(digits)}  ${bar}`.trimEnd();
  };
  return `${withEmptyBars(bars, widthMs)
    .map((bar) => (bar === undefined ? '...' : line(bar)))
    .join('\n')}\n`;
}

/** The bars with empty ones between them; undefined stands for a long gap. */
function withEmptyBars(bars: QueryResult['bars'], widthMs: number): (readonly [number, number] | undefined)[] {
  const all: (readonly [number, number] | undefined)[] = [];
  let nextMs = bars[0]?.[0] ?? 0;
  for (const bar of bars) {
    const empty = Math.round((bar[0] - nextMs) / widthMs);
    if (empty > EMPTY_BARS_MAX) all.push(undefined);
    else for (let i = 0; i < empty; i++) all.push([nextMs + i * widthMs, 0]);
    all.push(bar);
    nextMs = bar[0] + widthMs;
  }
  return all;
}

/** What the answer is worth, for a person: who gave it, how old its cut is, what is missing and why. */
export function renderTrust(result: QueryResult, nowMs: number, tookMs: number): string {
  const lines = [`${sureness(result)}; ${completeness(result)}; ${cutAge(result, nowMs)}; ${tookMs} ms`];
  if (result.shape === 'list' && result.count > result.rows.length) {
    lines.push(`the newest ${result.rows.length} of ${result.count} that match: --limit shows more`);
  }
  for (const lack of result.missing.slice(0, MISSING_LINES_MAX)) lines.push(`  missing: ${lackText(lack)}`);
  const more = result.missing.length - MISSING_LINES_MAX;
  if (more > 0) lines.push(`  missing: ${more} more, see --json`);
  if (result.absent.length > 0) {
    const label = result.complete ? 'not needed' : 'without';
    lines.push(
      `  ${label}: ${result.absent.map(({ node, why }) => `${node} (${why === 'silent' ? 'no answer in time' : why})`).join(', ')}`,
    );
  }
  if (result.doubtful !== undefined) lines.push(...doubtLines(result, result.doubtful));
  const again = result.shape === 'list' ? sameSightings(result.rows).size : result.again;
  if (again > 0) {
    const of = result.shape === 'list' ? '' : ` of the ${result.count} counted`;
    lines.push(`  ${again}${of} told by a second owner of the same source as well, of the same frame`);
  }
  for (const { node, segments, rotten, mended } of result.findings) {
    if (rotten > 0) lines.push(`  ${node} read ${segments} segments again: ${rotten} rotten, ${mended} of them mended`);
  }
  if (result.lost.length > 0) lines.push(`  said something else at first: ${result.lost.join(', ')}`);
  for (const { digest, replicas } of result.digests) lines.push(`  ${digest.slice(0, 12)} says ${replicas.join(', ')}`);
  return `${lines.map(printable).join('\n')}\n`;
}

function doubtLines({ shape, rows, count: counted }: QueryResult, doubtful: Doubtful): string[] {
  const { nodes, count, isExact } = doubtful;
  const of = shape === 'list' ? `${rows.length} listed` : `${counted} counted`;
  const known = isExact ? `${count}` : `at least ${count}`;
  const more = nodes.length - DOUBT_LINES_MAX;
  return [
    `  DOUBTFUL: ${known} of the ${of}${shape === 'histogram' && count > 0 ? ', drawn as ?' : ''}`,
    ...nodes.slice(0, DOUBT_LINES_MAX).map((doubt) => doubtText(doubt, doubtful.spans)),
    ...(more > 0 ? [`    and ${more} more nodes, see --json`] : []),
  ];
}

function doubtText(
  { node, by, of, sinceMs, disputed, valid, last, model }: NodeDoubt,
  spans: Doubtful['spans'],
): string {
  const endMs = spans.findLast((span) => span.node === node)?.toMs ?? Number.POSITIVE_INFINITY;
  // Then it was given another model.
  const until = Number.isFinite(endMs) ? ` until ${timeText(endMs)}` : '';
  const names =
    by.length > NAMES_MAX ? `${by.slice(0, NAMES_MAX).join(', ')} and ${by.length - NAMES_MAX} more` : by.join(', ');
  const results = `${disputed} results disputed and ${valid} valid, the last one ${last.e} ${last.s}`;
  return `    ${node} since ${timeText(sinceMs)}${until}: doubted by ${names} (${by.length} of ${of} that could), ${results}, model ${model.slice(0, 12)}`;
}

function sureness({ confidence, replicas }: QueryResult): string {
  const who = replicas.length > 4 ? `${replicas.length} replicas` : replicas.join(', ');
  if (confidence === 'conflict') return `CONFLICT: replicas differ and no majority decides (this is of ${who})`;
  if (confidence === 'majority') return `majority, against others: ${who}`;
  if (confidence === 'verified') return `verified, read again from disk: ${who}`;
  if (confidence === 'confirmed') return `confirmed by ${who}`;
  return replicas.length === 1 ? `single, by ${who} alone` : `single, each log by one of ${who}`;
}

function completeness({ complete, missing }: QueryResult): string {
  return complete ? 'complete' : `PARTIAL, ${missing.length} ${missing.length === 1 ? 'range' : 'ranges'} missing`;
}

function cutAge({ asOf }: QueryResult, nowMs: number): string {
  const oldest = [...asOf].sort((a, b) => a.headAtMs - b.headAtMs)[0];
  return oldest === undefined
    ? 'of no known age'
    : `up to ${ageText(nowMs - oldest.headAtMs)} ago (head of ${oldest.node})`;
}

function lackText(lack: QueryResult['missing'][number]): string {
  if (lack.why === 'no-head') return `all of ${lack.n}: nothing is known of its logs`;
  return `${lack.n} ${lack.e} ${lack.from} to ${lack.to} (${lack.why})`;
}

/** The same for a program. */
export function answerForPrograms(result: QueryResult, spec: QuerySpec, nowMs: number, tookMs: number): object {
  const { shape, count, rows, bars, confidence, complete, missing, replicas, absent, digests, lost, findings } = result;
  const doubtful = result.doubtful ?? { nodes: [], spans: [], count: 0, bars: [], isExact: true };
  const doubts = new Map(doubtful.bars);
  const same = sameSightings(rows);
  const markOf = (row: QueryRow) => ({
    ...(isRowDoubtful(row, doubtful.spans) ? { doubtful: true } : {}),
    ...(same.has(row) ? { same: same.get(row) } : {}),
  });
  return {
    shape,
    filter: spec.filter,
    count,
    again: result.again,
    ...(shape === 'list' ? { rows: rows.map((row) => ({ node: row.n, epoch: row.e, ...row.r, ...markOf(row) })) } : {}),
    ...(shape === 'histogram'
      ? {
          bucketMs: spec.bucketMs,
          buckets: bars.map(([startMs, n]) => ({
            startMs,
            count: n,
            ...(doubts.has(startMs) ? { doubtful: doubts.get(startMs) } : {}),
          })),
        }
      : {}),
    confidence,
    complete,
    missing,
    replicas,
    absent,
    digests,
    lost,
    checked: findings,
    doubtful: { count: doubtful.count, exact: doubtful.isExact, nodes: doubtful.nodes, spans: doubtful.spans },
    asOf: result.asOf.map(({ node, headAtMs }) => ({ node, headAgeMs: Math.max(0, nowMs - headAtMs) })),
    cut: result.cut,
    token: result.token.encode(),
    tookMs,
  };
}
