import { z } from 'zod';
import { Epoch, Id } from './ids.js';
import { SegmentHeader } from './segment.js';

const V = z.int().min(0);
const Seq = z.int().min(1).describe('sequence number in the epoch, from 1 without gaps');
const TimeMs = z.int().min(0).describe('capture time, wall clock ms, monotone within the epoch');
const Permille = z.int().min(0).max(1000);
const Digest16 = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'allowed: 16 of 0-9a-f')
  .describe('first half of a SHA-256, hex');

/** First record of every epoch: what holds for all that follow. */
export const OpenRecord = z.looseObject({
  s: Seq,
  t: TimeMs,
  k: z.literal('open'),
  prev: z
    .object({ e: Epoch, s: z.int().min(0) })
    .nullable()
    .describe('last epoch of this node on this disk and its length; null on an empty disk'),
  inst: z.string().max(64).describe('random id of this disk: tells a clone from a restart'),
  sw: z.string().max(64),
  model: z.object({ id: z.string(), sha256: z.string() }).nullable(),
  labels: z.array(z.string().max(64)).max(2000),
  cameras: z.array(Id).max(64),
});
export type OpenRecord = z.infer<typeof OpenRecord>;

/** An object appeared, changed or left. */
export const TrackRecord = z.looseObject({
  s: Seq,
  t: TimeMs,
  k: z.literal('track'),
  c: Id.describe('camera'),
  ev: z.enum(['new', 'update', 'end']),
  id: z.int().min(1).describe('track number, unique in the camera and epoch'),
  l: z.string().max(64).describe('label'),
  p: Permille.describe('score in thousandths; of an end: the best of the track'),
  b: z.tuple([Permille, Permille, Permille, Permille]).describe('box x1,y1,x2,y2 in thousandths of the picture'),
  z: z.array(Id).max(16).optional().describe('zones it is in; absent when none'),
  st: z.literal(1).optional().describe('stationary; absent while it moves'),
  src: z.literal(1).optional().describe('`c` is a camera without a detector, watched for the fleet'),
  j: Digest16.optional().describe(
    'of the JPEG it was seen in: of a source always, so that what two owners tell of one frame is known to be the same; of a camera where it is kept for an audit',
  ),
  u: z.literal(1).optional().describe('the clock was not synchronised'),
});
export type TrackRecord = z.infer<typeof TrackRecord>;

/** How much an alert matters to a person. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export const Severity = z.enum(SEVERITIES);
export type Severity = z.infer<typeof Severity>;

/** Numbers a rule looked at, by how its expression names them: `temperature`, `count("person", "gate")`. */
export const AlertValues = z.record(z.string().max(80), z.number());
export type AlertValues = z.infer<typeof AlertValues>;

/** A rule's alert was raised, or cleared. One clear for each raise, unless the log ends before it. */
export const AlertRecord = z.looseObject({
  s: Seq,
  t: TimeMs,
  k: z.literal('alert'),
  r: Id.describe('rule'),
  ev: z.enum(['raise', 'clear']),
  sev: Severity,
  x: z.string().max(400).describe('text for people'),
  v: AlertValues.optional().describe('what the rule looked at, at that moment; absent when none was a known number'),
  from: z.int().min(0).optional().describe('of a clear: when it was raised, wall clock ms'),
  why: z
    .enum(['over', 'schedule', 'removed'])
    .optional()
    .describe('of a clear: the condition is over; outside the hours of the rule; the configuration has it no more'),
  u: z.literal(1).optional().describe('the clock was not synchronised'),
});
export type AlertRecord = z.infer<typeof AlertRecord>;

/** A frame in which the detector saw nothing new, kept for an audit now and then: who is blind makes no other records. */
export const LookRecord = z.looseObject({
  s: Seq,
  t: TimeMs,
  k: z.literal('look'),
  c: Id.describe('camera or source'),
  j: Digest16.describe('of the picture'),
  u: z.literal(1).optional().describe('the clock was not synchronised'),
});
export type LookRecord = z.infer<typeof LookRecord>;

/** What an auditor found about a record of another node, which stays as it is. Both auditors of a result record it. */
export const AuditRecord = z.looseObject({
  s: Seq,
  t: TimeMs,
  k: z.literal('audit'),
  of: z.object({ n: Id, e: Epoch, s: Seq }).describe('the record that was checked'),
  m: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the model of all three'),
  by: z.tuple([Id, Id]).describe('the two auditors, by name'),
  v: z
    .enum(['valid', 'disputed', 'inconclusive'])
    .describe('valid, disputed: two against one at least; inconclusive: three different answers, or `again`'),
  why: z
    .enum(['missing-box', 'other-label', 'other-box', 'other-score', 'stuck'])
    .optional()
    .describe('of a dispute: how the worker differs; stuck: the same picture at another time'),
  odd: Id.optional().describe('the auditor whose answer differed from the two others'),
  again: z
    .string()
    .max(16)
    .optional()
    .describe(
      'of an inconclusive one that was about to be a dispute: as-worker: as another decoder has the picture the auditor saw what the worker did; not-looked: it could not look again',
    ),
  c: Id.describe('camera or source'),
  j: Digest16.describe('of the picture'),
  at: TimeMs.describe('capture time of the record that was checked, wall clock ms of its writer'),
  u: z.literal(1).optional().describe('the clock was not synchronised'),
});
export type AuditRecord = z.infer<typeof AuditRecord>;

/** Records that are gone for good: loss is always a record. */
export const LossRecord = z.looseObject({
  s: Seq,
  t: TimeMs,
  k: z.literal('loss'),
  why: z.enum(['disk-full', 'expired', 'rotten', 'io']),
  n: z.int().min(0).describe('how many records were lost'),
  e: Epoch.optional().describe('epoch they belonged to, when not this one'),
});

/** Any record: the fields every kind has. Kinds are only added; a reader keeps those it does not know. */
export const AnyRecord = z.looseObject({ s: Seq, t: TimeMs, k: z.string().min(1).max(16) });
export type AnyRecord = z.infer<typeof AnyRecord>;

/** What is checked at admission: the exact shape of the kinds known here, the common fields of the others. */
export const LogRecord = z.union([
  // The commonest first: alternatives are tried in order, and a track behind `open` cost a broker half as much again.
  TrackRecord,
  AlertRecord,
  LookRecord,
  AuditRecord,
  OpenRecord,
  LossRecord,
  AnyRecord.refine(
    ({ k }) => !['open', 'track', 'loss', 'alert', 'look', 'audit'].includes(k),
    'malformed record of a known kind',
  ),
]);
export type LogRecord = z.infer<typeof LogRecord>;

export const LIVE_RECORDS_MAX = 32;

/** The log as it grows. Records are in order and without gaps inside one batch. */
export const Live = z.object({ v: V, e: Epoch, r: z.array(LogRecord).min(1).max(LIVE_RECORDS_MAX) });
export type Live = z.infer<typeof Live>;

/** How long a node's logs are. Largest seq per epoch wins, never the last to arrive. */
export const Head = z.object({
  v: V,
  node: Id,
  inst: z.string().max(64),
  t: z.int().min(0),
  logs: z
    .array(
      z.object({
        e: Epoch,
        st: z.enum(['live', 'closed']),
        first: z.int().min(1).describe('smallest seq still kept; only rises'),
        seq: z.int().min(0).describe('largest seq fsynced by the writer'),
        H: z.string().max(64).describe('chain hash of the last closed segment, hex; empty before the first'),
        seg: z.int().min(0).describe('number of closed segments'),
        tail: SegmentHeader.optional().describe(
          'header of the last closed segment, whose hash is H: who has its records can close the same segment',
        ),
      }),
    )
    .max(64),
  sig: z.string().max(128).describe('Ed25519 over the UTF-8 JSON text of [node, inst, t, logs], base64'),
  key: z
    .string()
    .max(64)
    .optional()
    .describe(
      'public key of the signature, base64 of 32 bytes; absent: the one in `info`. A lost disk takes its key along',
    ),
});
export type Head = z.infer<typeof Head>;

/** Asks for records of one log. */
export const Need = z.object({
  v: V,
  id: z.string().min(1).max(64),
  of: Id.describe('node whose log it is'),
  e: Epoch,
  ranges: z
    .array(z.tuple([Seq, Seq]))
    .min(1)
    .max(64)
    .describe('closed intervals of seq'),
  max: z.int().min(1).max(4096).describe('records the asker takes at most'),
  as: z
    .enum(['records', 'segments'])
    .optional()
    .describe('segments: what lies in closed segments may come as these, in `g`; absent: records'),
});
export type Need = z.infer<typeof Need>;

/** Gives records of one log: part `part` of the answer to `id`; the last one says `more: false`. */
export const Fill = z.object({
  v: V,
  id: z.string().min(1).max(64),
  of: Id,
  e: Epoch,
  part: z.int().min(0),
  more: z.boolean(),
  first: z.int().min(1).describe('smallest seq the giver still has of this epoch; asking below it is of no use'),
  r: z.array(LogRecord).max(256),
  g: z.base64().max(60_000).optional().describe('a closed segment that overlaps the ranges, gzip, instead of `r`'),
});
export type Fill = z.infer<typeof Fill>;

export const Command = z.object({
  v: V,
  id: z.string().min(1).max(64),
  sid: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe(
      'session of the target the caller saw; another one answers stale-session. Needed unless `untilMs` is given',
    ),
  untilMs: TimeMs.optional().describe(
    'instead of, or beside `sid`: wall clock after which it is not begun any more, at most a minute ahead',
  ),
  args: z.record(z.string(), z.unknown()).default({}),
});
export type Command = z.infer<typeof Command>;

export const CommandResult = z.object({
  v: V,
  id: z.string().min(1).max(64),
  ok: z.boolean(),
  phase: z.enum(['accepted', 'done']),
  code: z.string().max(64).optional().describe('why not ok, for programs: stale-session, bad-args, try-again, ...'),
  message: z.string().max(500).optional().describe('why not ok, for people, with what was allowed'),
  result: z.unknown().optional(),
});
export type CommandResult = z.infer<typeof CommandResult>;

/** Optional view of track events for automations; the log itself is `live`. */
export const CameraEvent = z.object({
  v: V,
  e: Epoch,
  s: Seq,
  t: TimeMs,
  ev: z.enum(['new', 'update', 'end']),
  id: z.int().min(1),
  label: z.string().max(64),
  score: z.number().min(0).max(1),
  box: z.tuple([z.number(), z.number(), z.number(), z.number()]).describe('x1,y1,x2,y2, 0..1 of the picture'),
  zones: z.array(Id).max(16),
});
export type CameraEvent = z.infer<typeof CameraEvent>;
