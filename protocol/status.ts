import { z } from 'zod';
import { CAMERA_REASONS } from './camera-reasons.js';
import { Id } from './ids.js';
import { AlertValues, Severity } from './record.js';

/** Schema minor of the payloads this build writes. The major is a level of every topic. */
export const SCHEMA_MINOR = 1;

const V = z.int().min(0).describe('schema minor of the writer; readers ignore fields they do not know');
const WallMs = z.int().min(0).describe('wall clock, milliseconds since 1970');
const Count = z.int().min(0);

/** Birth, stop and will of a node or monitor, all on one retained topic so that MQTT keeps their order. */
export const Status = z.object({
  v: V,
  state: z.enum(['online', 'stopped', 'lost']).describe('online: birth; stopped: graceful stop; lost: the will'),
  gen: z.int().min(1).describe('generation: rises by one with every CONNECT of this identity, kept over restarts'),
  sid: z.string().min(1).max(64).describe('random id of this MQTT session; commands name it'),
  inv: z.string().min(1).max(64).describe('invocation: systemd INVOCATION_ID, or a random id made at process start'),
  boot: z.string().min(1).max(64).describe('kernel boot id of the board'),
  version: z.string().max(64).describe('software version'),
  reason: z
    .string()
    .max(200)
    .optional()
    .describe('why it stopped: sigterm, update, maintenance; moved: it is at another broker'),
});
export type Status = z.infer<typeof Status>;

export const CameraInfo = z.object({
  driver: z.string().max(32).describe('sim, file, webcam, ...'),
  widthPx: Count.optional(),
  heightPx: Count.optional(),
  fps: z.number().min(0).describe('frames per second asked for'),
  zones: z.array(Id).max(64),
});

/** What a node is and can do; changes only with its configuration or software. */
export const NodeInfo = z.object({
  v: V,
  name: z.string().max(200).optional().describe('display name'),
  version: z.string().max(64),
  cameras: z.record(Id, CameraInfo).describe('by camera id'),
  sensors: z.record(Id, z.object({ unit: z.string().max(16), kind: z.string().max(32) })).describe('by sensor id'),
  labels: z.array(z.string().max(64)).max(2000).describe('labels of the model, in class order'),
  model: z
    .object({ id: z.string().max(64), sha256: z.string().regex(/^[0-9a-f]{64}$/) })
    .optional()
    .describe('absent on a node without a detector'),
  configSha256: z.string().regex(/^[0-9a-f]{64}$/),
  capabilities: z.array(z.string().max(64)).max(64),
  schemas: z.object({ major: Count, minor: Count }).describe('topic major and payload minor this node writes'),
  publicKey: z.string().max(100).optional().describe('Ed25519 key that signs its heads, base64 of 32 bytes'),
});
export type NodeInfo = z.infer<typeof NodeInfo>;

/** Heartbeat, made by progress of the pipeline. */
export const Beat = z.object({
  v: V,
  gen: z.int().min(1),
  inv: z.string().min(1).max(64),
  seq: Count.describe('heartbeats of this process, from 1'),
  upS: z.number().min(0).describe('seconds since process start'),
  loopLagMs: z.number().min(0).describe('largest event-loop lag of the main process since the last heartbeat'),
  cameras: z.record(
    Id,
    z.object({
      frameAgeMs: z.number().min(0).nullable().describe('age of the newest frame; null before the first'),
      inferAgeMs: z.number().min(0).nullable().describe('age of the newest inference; null before the first'),
      fps: z.number().min(0),
    }),
  ),
});
export type Beat = z.infer<typeof Beat>;

/** How the board under a node fares. */
export const Health = z.object({
  v: V,
  load: z.enum(['active', 'overloaded']),
  cpu: z.number().min(0).describe('share of all cores in use, 0..1'),
  temperatureC: z.number().nullable().describe('null where the board has no sensor for it'),
  memory: z.object({ usedMiB: z.number().min(0), totalMiB: z.number().min(0), rssMiB: z.number().min(0) }),
  disk: z.object({
    freeMiB: z.number().min(0),
    totalMiB: z.number().min(0),
    ok: z.boolean(),
    reason: z.string().optional(),
  }),
  throttled: z.boolean().nullable().describe('null where the board cannot tell'),
  share: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('of the time the detectors may work; below 1 a hot board cools down'),
  broker: z.string().max(300).optional().describe('address of the broker this node is at'),
  queues: z.record(z.string(), Count).describe('items waiting, by queue'),
  drops: z.record(z.string(), Count).describe('dropped, diverted, retried or restarted since start, by cause'),
});
export type Health = z.infer<typeof Health>;

/** State of one camera. `reason` is present exactly when `ok` is false. */
export const CameraState = z.object({
  v: V,
  ok: z.boolean(),
  fps: z.number().min(0).describe('frames per second over the last seconds'),
  frameAgeMs: z.number().min(0).nullable(),
  reason: z.enum(CAMERA_REASONS).optional(),
  detail: z.string().max(300).optional().describe("the driver's own words"),
  atMs: WallMs.optional(),
});
export type CameraState = z.infer<typeof CameraState>;

/** The last reading of one sensor. */
export const SensorReading = z.object({
  v: V,
  value: z.number().nullable().describe('null while there is no valid reading'),
  unit: z.string().max(16),
  atMs: WallMs,
  ok: z.boolean(),
  reason: z.string().max(100).optional().describe('why not ok: missing, stuck, range'),
});
export type SensorReading = z.infer<typeof SensorReading>;

/** An open alert of one rule. The topic is emptied when it clears. */
export const Alert = z.object({
  v: V,
  severity: Severity,
  text: z.string().max(400).describe('for people'),
  raisedAtMs: WallMs,
  values: AlertValues.optional().describe('what the rule looked at when it was raised'),
  unknown: z
    .string()
    .max(200)
    .optional()
    .describe('why the rule cannot tell at present whether it still holds; absent while it can'),
});
export type Alert = z.infer<typeof Alert>;

export const BrokerEpoch = z.object({
  v: V,
  epoch: z.string().min(1).max(64).describe('random id of one life of the broker'),
  state: z.enum(['up', 'stopping']),
  startedAtMs: WallMs,
  version: z.string().max(64),
});
export type BrokerEpoch = z.infer<typeof BrokerEpoch>;

export const BrokerStall = z.object({ v: V, lagMs: z.number().min(0), atMs: WallMs });

export const BrokerStats = z.object({
  v: V,
  atMs: WallMs,
  upS: z.number().min(0),
  clients: Count,
  retained: z.object({ topics: Count, bytes: Count }),
  rssMiB: z.number().min(0),
  loopLagMs: z.number().min(0),
  counters: z.record(z.string(), Count).describe('since start'),
});
export type BrokerStats = z.infer<typeof BrokerStats>;

/** A message the broker took but did not pass on. Never retained. */
export const Quarantined = z.object({
  v: V,
  client: z.string().max(128),
  topic: z.string().max(512),
  reason: z.string().max(300),
  bytes: Count,
  atMs: WallMs,
});

/** The open or last incident of one node, as its monitor tells it. */
export const Incident = z.object({
  v: V,
  node: Id,
  state: z.enum(['unknown', 'up', 'stopped', 'suspect', 'confirmed', 'acting', 'verifying', 'quarantined']),
  cause: z.string().max(64).describe('will, silence, inventory, burnt-generation, wedged, doubted, requested, broker'),
  openedAtMs: WallMs,
  closedAtMs: WallMs.optional(),
  evidence: z.array(z.object({ atMs: WallMs, what: z.string().max(300) })).max(64),
});
export type Incident = z.infer<typeof Incident>;

/** What a monitor believes of every node of its inventory. */
export const Roster = z.object({
  v: V,
  mode: z
    .enum(['blind', 'settling', 'mass', 'watching'])
    .describe(
      'blind: its own link was down; settling: it cannot judge yet; mass: it holds back, many fell silent at once',
    ),
  nodes: z
    .record(Id, z.enum(['unknown', 'up', 'stopped', 'suspect', 'confirmed', 'acting', 'verifying', 'quarantined']))
    .describe('by node id'),
  brokers: z
    .record(Id, z.enum(['unknown', 'up', 'suspect', 'acting', 'verifying', 'quarantined']))
    .optional()
    .describe('brokers of its inventory, by id'),
  acts: z
    .enum(['act', 'dry-run', 'observe'])
    .optional()
    .describe('act: it does what it decides; dry-run: it says what it would do; observe: it asks no board'),
  maintenance: z
    .array(Id)
    .max(256)
    .optional()
    .describe('nodes it keeps its hands off because a person holds them, the first 256'),
  doubts: z
    .record(
      Id,
      z.object({
        by: Count.describe('nodes that doubt it'),
        of: Count.describe('nodes that could'),
        disputed: Count.describe('of its results'),
        sinceMs: WallMs.describe('what it recorded from then on is doubtful'),
      }),
    )
    .optional()
    .describe('nodes whose results most of the others that audit doubt, the first 32'),
  atMs: WallMs,
  counters: z.record(z.string(), Count).describe('since start'),
});
export type Roster = z.infer<typeof Roster>;

/** Something a person should know, told once: the monitor gives up, or a rule forbids it to go on. */
export const Notice = z.object({
  v: V,
  node: Id.describe('node or broker it is about'),
  rule: z.string().max(16).describe('rule of supervision it follows from: M9, 2.2, L4'),
  what: z.string().max(300),
  atMs: WallMs,
});
export type Notice = z.infer<typeof Notice>;

export const Maintenance = z.object({
  v: V,
  by: z.string().max(64),
  reason: z.string().max(200),
  untilMs: WallMs,
});
export type Maintenance = z.infer<typeof Maintenance>;
