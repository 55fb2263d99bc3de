import { z } from 'zod';
import { Epoch, Id } from './ids.js';

const V = z.int().min(0);
const TimeMs = z.int().min(0);

/** Rows one answer gives at most; a list that matches more says so. */
export const QUERY_ROWS_MAX = 10_000;
/** Bars of one histogram: a month in steps of five minutes. Wider bars are asked for beyond that. */
export const QUERY_BARS_MAX = 10_000;
/** Logs of one cut: 64 nodes with 16 epochs. */
export const CUT_LOGS_MAX = 1_024;

/** What is asked of everybody's records. All conditions hold together; those that are absent do not count. */
export const QueryFilter = z.strictObject({
  node: Id.optional(),
  camera: Id.optional(),
  kind: z.string().min(1).max(16).optional().describe('kind of record: track, alert, ...'),
  label: z.string().max(64).optional(),
  zone: Id.optional(),
  event: z.string().max(16).optional().describe('of a track: new, update, end; of an alert: raise, clear'),
  rule: Id.optional().describe('of an alert'),
  fromMs: TimeMs.optional().describe('wall clock, inclusive'),
  toMs: TimeMs.optional().describe('wall clock, inclusive'),
  scoreMin: z.number().min(0).max(1).optional(),
});
export type QueryFilter = z.infer<typeof QueryFilter>;

export const QUERY_SHAPES = ['count', 'list', 'histogram'] as const;

/** What is to be made of the records that match: their number, they themselves (newest first), or their number by hour. */
export const QuerySpec = z.strictObject({
  shape: z.enum(QUERY_SHAPES),
  filter: QueryFilter.default({}),
  limit: z.int().min(1).max(QUERY_ROWS_MAX).default(100).describe('rows of a list'),
  bucketMs: z.int().min(60_000).default(3_600_000).describe('width of a bar of a histogram'),
});
export type QuerySpec = z.infer<typeof QuerySpec>;

/** A position in every log: of each, all records up to a seq. */
export const Cut = z.array(z.tuple([Id, Epoch, z.int().min(0)])).max(CUT_LOGS_MAX);
export type Cut = z.infer<typeof Cut>;

/** A question to one replica: answered on exactly this cut, whatever else it holds. */
export const Query = z.object({
  v: V,
  id: z.string().min(1).max(64),
  q: z
    .record(z.string(), z.unknown())
    .describe(
      '{shape: count, list or histogram, filter: {node, camera, kind, label, zone, event, rule, fromMs, toMs, scoreMin}, ' +
        'limit, bucketMs}; checked by who answers, so that a wrong one gets an answer that says what is wrong',
    ),
  cut: Cut,
  floor: Cut.optional().describe(
    'smallest seq of each log that is asked for, as the newest head says: below it retention has given up; absent: 1',
  ),
  want: z.enum(['full', 'digest']),
  waitMs: z.int().min(0).max(30_000).describe('how long a replica that is behind may fetch first'),
  verify: z
    .boolean()
    .optional()
    .describe(
      'true: forget what is in memory of closed segments, read their files again, mend what is rotten, then answer',
    ),
});
export type Query = z.infer<typeof Query>;

/** Why records up to the cut are not in an answer. */
export const Missing = z.object({
  n: Id.describe('node whose log it is'),
  e: Epoch,
  from: z.int().min(1),
  to: z.int().min(1),
  why: z.enum(['behind', 'expired', 'frozen', 'unknown']),
});
export type Missing = z.infer<typeof Missing>;

/** A log of which a replica holds more than the cut of a query names, or that it does not name: node, epoch, smallest and largest seq. */
export const UnaskedLog = z.tuple([Id, Epoch, z.int().min(1), z.int().min(0)]);
export type UnaskedLog = z.infer<typeof UnaskedLog>;

/** What a replica found that read closed segments from its disk again for an answer. */
export const Checked = z.object({
  segments: z
    .int()
    .min(0)
    .describe('read, and checked against their hashes; those that signed heads cover against these'),
  rotten: z.int().min(0).describe('of these not as they were written, and put aside'),
  mended: z.int().min(0).describe('of these fetched again from others before the answer'),
});
export type Checked = z.infer<typeof Checked>;

/** A row of a list: the record, and whose it is. */
export const QueryRow = z.object({
  n: Id,
  e: Epoch,
  r: z.looseObject({ s: z.int().min(1), t: TimeMs, k: z.string() }),
});
export type QueryRow = z.infer<typeof QueryRow>;

/** One replica's answer, in parts: `part` of `parts`. Digests of answers on the same cut are equal on honest replicas. */
export const Answer = z.object({
  v: V,
  id: z.string().min(1).max(64),
  part: z.int().min(0),
  parts: z.int().min(1).max(1_024),
  ok: z.boolean().describe('false: it does not answer now; `code` says why'),
  code: z.enum(['syncing', 'overloaded', 'quarantined', 'bad-query', 'failed']).optional(),
  message: z.string().max(300).optional(),
  digest: z.string().max(64).describe('hex SHA-256 of the canonical whole answer; empty when not ok'),
  count: z.int().min(0).describe('records that match, whatever the shape'),
  rows: z.array(QueryRow).max(1_000).optional(),
  buckets: z
    .array(z.tuple([TimeMs, z.int().min(0)]))
    .max(10_000)
    .optional()
    .describe('start of the bar, records in it'),
  missing: z.array(Missing).max(256).describe('what this replica lacks of the cut; empty: the answer is complete'),
  also: z
    .array(UnaskedLog)
    .max(CUT_LOGS_MAX)
    .optional()
    .describe(
      'logs of the nodes asked about of which it holds more than the cut names, or that it does not name at all: heads ' +
        'are some seconds old and list the newest epochs only',
    ),
  again: z
    .int()
    .min(0)
    .optional()
    .describe(
      'of `count`, tracks of sources that tell the same event of the same frame as a record of another log, as far as this ' +
        'replica was asked about both; in the first part, absent: none. Not in the digest',
    ),
  checked: Checked.optional().describe('in the first part of an answer that was asked for with `verify` and got it'),
  tookMs: z.number().min(0),
});
export type Answer = z.infer<typeof Answer>;
